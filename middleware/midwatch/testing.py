"""
What Midwatch's own tests use, for authors of plugins.

```python
recorder = Recorder()
answer = call_asgi(ASGIMiddleware(ScriptedApp().asgi, recorder), path="/orders")
assert answer.status == 200
assert recorder.moments == ["on_request", "on_response", "on_finish"]
```

`ScriptedApp` is one application that can be had through both doors; `call_asgi` and `call_wsgi` are servers of one
request that check what the specifications ask of an application.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

from .plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .exchange import Exchange

__all__ = ["Answer", "Recorder", "ScriptedApp", "call_asgi", "call_wsgi"]


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


def call_wsgi(
    app: Any,
    method: str = "GET",
    path: str = "/",
    *,
    query: str = "",
    headers: Iterable[tuple[str, str]] = (("host", "testserver"),),
    body: bytes = b"",
    peer: tuple[str, int] | None = ("127.0.0.1", 50000),
    leave_after: int | None = None,
    environ: Mapping[str, Any] | None = None,
    validate: bool = True,
) -> Answer:
    """
    Serve one request with a WSGI application, inside `wsgiref.validate`.

    Args:
        leave_after: The client is gone after so many chunks: the server closes the body and asks for no more.
        environ: Entries that replace those of the environ.
        validate: False for methods and headers that the validator refuses although servers pass them on.

    Raises:
        AssertionError: the application broke PEP 3333.
    """
    whole: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": _Errors(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body:
        whole["CONTENT_LENGTH"] = str(len(body))
    if peer is not None:
        whole["REMOTE_ADDR"], whole["REMOTE_PORT"] = peer[0], str(peer[1])
    for name, value in headers:
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        whole[key] = f"{whole[key]}, {value}" if key in whole else value
    whole.update(environ or {})
    return _serve_wsgi(validator(app) if validate else app, whole, leave_after)


def _serve_wsgi(app: Any, environ: dict[str, Any], leave_after: int | None) -> Answer:
    answer = Answer()

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        assert answer.status is None or exc_info is not None, "two starts"
        answer.status = int(status[:3])
        answer.headers = [(name.lower(), value) for name, value in headers]
        return answer.chunks.append

    try:
        chunks = app(environ, start_response)
        try:
            iterator = iter(chunks)
            while leave_after is None or len(answer.chunks) < leave_after:
                try:
                    chunk = next(iterator)
                except StopIteration:
                    break
                assert answer.status is not None, "body before start_response"
                if chunk:
                    answer.chunks.append(chunk)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
    except BaseException as error:
        if isinstance(error, AssertionError | KeyboardInterrupt):
            raise
        answer.error = error
    return answer


class _Errors:
    """A `wsgi.errors` that keeps nothing."""

    def write(self, text: str) -> None: ...

    def writelines(self, lines: list[str]) -> None: ...

    def flush(self) -> None: ...
