"""An ASGI server of one request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .parts import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["call_asgi"]


def call_asgi(
    app: Any,
    method: str = "GET",
    path: str = "/",
    *,
    query: str = "",
    headers: Iterable[tuple[str, str]] = (("host", "testserver"),),
    body: bytes = b"",
    peer: tuple[str, int] | None = ("127.0.0.1", 50000),
    leave_after: int | None = None,
    scope: Mapping[str, Any] | None = None,
) -> Answer:
    """
    Serve one HTTP request with an ASGI application, in an event loop of its own.

    Args:
        leave_after: The client is gone after so many body messages: `send` raises OSError, `receive` says so.
        scope: Entries that replace those of the scope.

    Raises:
        AssertionError: the application broke the order of messages.
    """
    whole = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogateescape"),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": peer,
        "server": ("testserver", 80),
        "state": {},
        **(scope or {}),
    }
    server = _ASGIServer(body, leave_after)
    asyncio.run(server.serve(app, whole))
    return server.answer


class _ASGIServer:
    """One request: hands the body over, checks the order of what comes back, and may walk away."""

    def __init__(self, body: bytes, leave_after: int | None) -> None:
        self.answer = Answer()
        self._body: bytes | None = body
        self._leave_after = leave_after
        self._complete = False

    async def serve(self, app: Any, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self.receive, self.send)
        except BaseException as error:
            if isinstance(error, AssertionError | KeyboardInterrupt):
                raise
            self.answer.error = error

    @property
    def _left(self) -> bool:
        return self._leave_after is not None and len(self.answer.chunks) >= self._leave_after

    async def receive(self) -> dict[str, Any]:
        if self._body is not None and not self._left:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body}
        while not (self._complete or self._left):
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        assert not self._complete, f"{message['type']} after the end of the response"
        if self._left:
            raise OSError("the client has left")
        if message["type"] == "http.response.start":
            assert self.answer.status is None, "two starts"
            self.answer.status = message["status"]
            for name, value in message.get("headers", ()):
                assert isinstance(name, bytes), name
                assert isinstance(value, bytes), value
                assert not {10, 13, 0} & set(name + value), "a header that splits the response"
                self.answer.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))
        else:
            assert message["type"] == "http.response.body", message["type"]
            assert self.answer.status is not None, "body before the start"
            if message.get("body"):
                self.answer.chunks.append(message["body"])
            self._complete = not message.get("more_body", False)
