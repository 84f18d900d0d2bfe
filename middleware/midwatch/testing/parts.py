"""An application that does what it is told, a plugin that notes what it sees, and what a client got."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..exchange import Exchange

__all__ = ["Answer", "Recorder", "ScriptedApp"]


@dataclass
class Answer:
    """
    What the client saw of one call.

    Attributes:
        status: None when the response never started.
        headers: Name in lower case and value, in order.
        chunks: Body as it came.
        error: What left the application, None if nothing did.
    """

    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks)

    def header(self, name: str) -> str | None:
        """The first header called *name* (lower case)."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass
class ScriptedApp:
    """
    An application that does what it is told, as ASGI (`.asgi`) and as WSGI (`.wsgi`).

    Args:
        status, headers, chunks: The response.
        error: Raised after *error_after* chunks; before the response starts where that is None.
        before: Called while the request is being served.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("content-type", "text/plain"),)
    chunks: tuple[bytes, ...] = (b"hello",)
    error: BaseException | None = None
    error_after: int | None = None
    before: Callable[[], None] | None = None

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        """The application by ASGI 3."""
        if self.before is not None:
            self.before()
        if self.error is not None and self.error_after is None:
            raise self.error
        headers = [(name.encode(), value.encode()) for name, value in self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        for sent, chunk in enumerate(self.chunks):
            if self.error is not None and sent == self.error_after:
                raise self.error
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if self.error is not None and self.error_after == len(self.chunks):
            raise self.error
        await send({"type": "http.response.body"})

    def wsgi(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """The application by PEP 3333; its body is a generator."""
        if self.before is not None:
            self.before()
        if self.error is not None and self.error_after is None:
            raise self.error
        start_response(f"{self.status} Scripted", list(self.headers))
        return self._body()

    def _body(self) -> Iterator[bytes]:
        for sent, chunk in enumerate(self.chunks):
            if self.error is not None and sent == self.error_after:
                raise self.error
            yield chunk
        if self.error is not None and self.error_after == len(self.chunks):
            raise self.error


class Recorder(Plugin):
    """Keeps the moments and the exchanges that it saw."""

    def __init__(self) -> None:
        self.moments: list[str] = []
        self.exchanges: list[Exchange] = []

    @property
    def exchange(self) -> Exchange:
        """The one exchange that is over; AssertionError if there is none, or several."""
        (exchange,) = self.exchanges
        return exchange

    def on_startup(self) -> None:
        self.moments.append("on_startup")

    def on_request(self, exchange: Exchange) -> None:
        self.moments.append("on_request")

    def on_response(self, exchange: Exchange) -> None:
        self.moments.append("on_response")

    def on_error(self, exchange: Exchange) -> None:
        self.moments.append("on_error")

    def on_finish(self, exchange: Exchange) -> None:
        self.moments.append("on_finish")
        self.exchanges.append(exchange)

    def on_shutdown(self, deadline: float) -> None:
        self.moments.append("on_shutdown")
