"""Calling an application directly, without a server: one request at a time, each with a scope or environ of its own."""

from __future__ import annotations

import asyncio
import io
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Scope

__all__ = ["HEADERS", "PATH", "ASGICaller", "Answer", "WSGICaller"]

PATH = "/items/17"
HEADERS = {
    "host": "shop.example",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "accept": "application/json",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


class Answer(NamedTuple):
    """What a client gets."""

    status: int
    body: bytes


class ASGICaller:
    """
    Calls ASGI applications, all on one event loop.

    Args:
        client: Address of the peer.
    """

    def __init__(self, client: str = "192.0.2.7") -> None:
        self._runner = asyncio.Runner()
        self._client = client
        self._headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    def answer(self, app: ASGIApp, path: str = PATH) -> Answer:
        """The answer to one request."""
        return self._runner.run(self.answered(app, path))

    def time(self, app: ASGIApp, count: int) -> float:
        """Seconds that *count* requests take."""
        return self._runner.run(self._time(app, count))

    def call(self, app: ASGIApp, paths: list[str]) -> None:
        """Ask for each of *paths*."""
        self._runner.run(self.serve(app, paths))

    def stop(self, app: ASGIApp) -> None:
        """Have *app* end as with its server: it writes what it still holds."""
        self._runner.run(_lifespan(app))

    async def answered(self, app: ASGIApp, path: str) -> Answer:
        """The answer to one request, on a loop that runs."""
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await app(self._scope(path), _receive, keep)
        return Answer(sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]))

    async def _time(self, app: ASGIApp, count: int) -> float:
        started = perf_counter()
        for _ in range(count):
            await app(self._scope(PATH), _receive, _send)
        return perf_counter() - started

    async def serve(self, app: ASGIApp, paths: list[str]) -> None:
        """Ask for each of *paths*, on a loop that runs."""
        for path in paths:
            await app(self._scope(path), _receive, _send)

    def _scope(self, path: str) -> Scope:
        return {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "headers": self._headers[:], "client": (self._client, 50412), "server": ("192.0.2.1", 8000), "state": {},
        }  # fmt: skip


async def _lifespan(app: ASGIApp) -> None:
    told: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Message:
        return told.pop(0)

    await app({"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}, receive, _send)


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Message) -> None:
    pass


class WSGICaller:
    """Calls WSGI applications."""

    def __init__(self) -> None:
        self._environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": PATH, "QUERY_STRING": "",
            "SERVER_NAME": "192.0.2.1", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "50412",
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
            "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
        }  # fmt: skip
        for name, value in HEADERS.items():
            self._environ[f"HTTP_{name.upper().replace('-', '_')}"] = value

    def answer(self, app: Any, path: str = PATH) -> Answer:
        """The answer to one request."""
        statuses: list[str] = []

        def start(status: str, headers: object, exc_info: object = None) -> None:
            statuses.append(status)

        body = app({**self._environ, "PATH_INFO": path}, start)
        content = b"".join(body)
        if hasattr(body, "close"):
            body.close()
        return Answer(int(statuses[-1][:3]), content)

    def time(self, app: Any, count: int) -> float:
        """Seconds that *count* requests take."""
        started = perf_counter()
        for _ in range(count):
            body = app({**self._environ}, _start_response)
            for _chunk in body:
                pass
            if hasattr(body, "close"):
                body.close()
        return perf_counter() - started


def _start_response(status: str, headers: object, exc_info: object = None) -> None:
    pass
