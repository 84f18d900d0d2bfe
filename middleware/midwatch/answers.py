"""What an exchange can come to, and what a plugin may answer in place of the application."""

from __future__ import annotations

from concurrent.futures import Future, wait
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, final

from .headers import field_name, field_value

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BODILESS", "Hold", "Outcome", "Reply"]

BODILESS: Final = frozenset({204, 304})
"""Statuses whose responses have no body (RFC 9110 section 6.4.1)."""


class Outcome(StrEnum):
    """What became of an exchange; decided once, by the door."""

    OK = "ok"
    ERROR = "error"
    """An exception left the app, or the status is 500 or above."""
    ABORTED = "aborted"
    """The client left before the last byte."""
    INCOMPLETE = "incomplete"
    """The app stopped before its response was complete."""
    CANCELLED = "cancelled"
    """The server or a timeout cancelled the app."""


@final
class Reply:
    """
    An answer given in place of the application's.

    Args:
        status: HTTP status code.
        body: Text (sent as UTF-8) or bytes.
        media_type: Value of `content-type`.
        headers: Further headers.

    Raises:
        TypeError, ValueError: a status that is no number, a body that is neither text nor bytes, a header that could
            split the response.
    """

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(
        self,
        status: int,
        body: str | bytes = b"",
        *,
        media_type: str = "text/plain; charset=utf-8",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = int(status)
        if isinstance(body, str):
            body = body.encode()
        # No copy of what cannot change: a page of metrics may be megabytes.
        self.body = body if type(body) is bytes else bytes(memoryview(body))
        self.media_type = media_type
        self.headers = dict(headers or {})
        for name, value in (("content-type", media_type), *self.headers.items()):
            field_name(name), field_value(value)


@final
class Hold:
    """
    Something to wait for before going on: the door waits in its own way (ASGI awaits, WSGI blocks).

    A future that resolves to a `Reply` answers the request with it. A future that fails, or is not done in time,
    answers with *otherwise*, or goes on as if nothing had been asked.

    Args:
        future: Resolved by another thread.
        deadline: Seconds from now after which the door stops waiting.
        otherwise: The answer when the future failed or is late.
    """

    __slots__ = ("_expires", "future", "otherwise")

    def __init__(self, future: Future[Any], deadline: float, otherwise: Reply | None = None) -> None:
        if not isinstance(future, Future):
            raise TypeError(f"Hold waits for a concurrent.futures.Future, not for {future!r}")
        self.future = future
        self.otherwise = otherwise
        self._expires = monotonic() + deadline

    @property
    def remaining(self) -> float:
        """Seconds left to wait."""
        return max(0.0, self._expires - monotonic())

    def wait(self) -> Reply | None:
        """Block until the future is done or the time is up; its `answer`."""
        wait((self.future,), self.remaining)
        return self.answer()

    def answer(self) -> Reply | None:
        """What the future came to, now that waiting is over."""
        if not self.future.done() or self.future.cancelled() or self.future.exception() is not None:
            return self.otherwise
        result = self.future.result()
        return result if isinstance(result, Reply) else None
