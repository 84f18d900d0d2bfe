"""What is counted of each fate of a request, through everything that `midwatch.install` can be put around."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import pytest
from fastapi import BackgroundTasks, FastAPI, WebSocket
from flask import Flask
from flask import Response as FlaskResponse
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

import midwatch
from midwatch.testing import call_asgi, call_wsgi

SETTINGS: dict[str, Any] = {
    "log": False,
    "trace": False,
    "errors": False,
    "audit": False,
    "health": False,
    "metrics": {"directory": False},
    "trusted_proxies": ["10.0.0.0/8"],
}
SLOW = 0.12
"""Seconds that a body takes: more than after which its type is looked at."""

REQUESTS = "http_server_request_duration_seconds"
STREAMS = "http_server_stream_duration_seconds"
BACKGROUND = "http_server_background_seconds"
EXCEPTIONS = "http_server_exceptions_total"
FIRST = "http_server_time_to_first_byte_seconds"


def worked() -> None:
    time.sleep(0.01)  # work whose time is what is counted


async def chunks() -> AsyncIterator[bytes]:
    yield b"data: 1\n\n"
    await asyncio.sleep(SLOW)  # what is measured
    yield b"data: 2\n\n"


async def breaks() -> AsyncIterator[bytes]:
    yield b"one"
    raise KeyError("late")


def starlette() -> Any:
    async def plain(request: Any) -> Any:
        return PlainTextResponse("hello")

    async def stream(request: Any) -> Any:
        return StreamingResponse(chunks(), media_type="text/plain")

    async def events(request: Any) -> Any:
        return StreamingResponse(chunks(), media_type="text/event-stream")

    async def task(request: Any) -> Any:
        return PlainTextResponse("hello", background=BackgroundTask(worked))

    async def early(request: Any) -> Any:
        raise KeyError("early")

    async def late(request: Any) -> Any:
        return StreamingResponse(breaks(), media_type="text/plain")

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        await websocket.close(1000)

    async def refused(websocket: WebSocket) -> None:
        await websocket.close(4001)

    handlers = {"plain": plain, "stream": stream, "events": events, "task": task, "early": early, "late": late}
    routes: list[Any] = [Route(f"/{name}/{{id}}", handler) for name, handler in handlers.items()]
    routes += [WebSocketRoute("/socket/{id}", socket), WebSocketRoute("/refused/{id}", refused)]
    return Starlette(routes=routes)


def fastapi() -> Any:
    async def plain() -> Any:
        return PlainTextResponse("hello")

    async def stream() -> Any:
        return StreamingResponse(chunks(), media_type="text/plain")

    async def events() -> Any:
        return StreamingResponse(chunks(), media_type="text/event-stream")

    async def task(tasks: BackgroundTasks) -> Any:
        tasks.add_task(worked)
        return "hello"

    def early() -> Any:
        raise KeyError("early")

    async def late() -> Any:
        return StreamingResponse(breaks(), media_type="text/plain")

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        await websocket.close(1000)

    async def refused(websocket: WebSocket) -> None:
        await websocket.close(4001)

    app = FastAPI()
    for handler in (plain, stream, events, task, early, late):
        app.add_api_route(f"/{handler.__name__}/{{id}}", handler)
    for accepts in (socket, refused):
        app.add_api_websocket_route(f"/{accepts.__name__}/{{id}}", accepts)
    return app


def slow_chunks() -> Iterator[bytes]:
    yield b"data: 1\n\n"
    time.sleep(SLOW)  # what is measured
    yield b"data: 2\n\n"


def sync_breaks() -> Iterator[bytes]:
    yield b"one"
    raise KeyError("late")


def flask() -> Any:
    app = Flask(__name__)
    app.add_url_rule("/plain/<id>", "plain", lambda id: "hello")  # noqa: A006 - as the others call it
    app.add_url_rule("/stream/<id>", "stream", lambda id: FlaskResponse(slow_chunks(), mimetype="text/plain"))  # noqa: A006
    app.add_url_rule("/events/<id>", "events", lambda id: FlaskResponse(slow_chunks(), mimetype="text/event-stream"))  # noqa: A006
    app.add_url_rule("/late/<id>", "late", lambda id: FlaskResponse(sync_breaks(), mimetype="text/plain"))  # noqa: A006

    @app.route("/early/<id>")
    def early(id: str) -> Any:  # noqa: A002 - as the others call it
        raise KeyError("early")

    return app


async def _send(send: Any, *bodies: bytes, kind: bytes = b"text/plain", pause: float = 0.0) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    for body in bodies:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(pause)  # what is measured
    await send({"type": "http.response.body", "body": b""})


def bare_asgi() -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        what = scope["path"].split("/")[1]
        if scope["type"] == "websocket":
            await receive()
            if what == "refused":
                await send({"type": "websocket.close", "code": 4001})
                return
            await send({"type": "websocket.accept"})
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif what == "early":
            raise KeyError("early")
        elif what == "late":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
            raise KeyError("late")
        elif what in {"stream", "events"}:
            kind = b"text/plain" if what == "stream" else b"text/event-stream"
            await _send(send, b"data: 1\n\n", kind=kind, pause=SLOW)
        else:
            await _send(send, b"hello")
            if what == "task":
                worked()

    return app


def bare_wsgi() -> Any:
    def app(environ: dict[str, Any], start: Any) -> Any:
        what = environ["PATH_INFO"].split("/")[1]
        if what == "early":
            raise KeyError("early")
        start("200 OK", [("Content-Type", "text/event-stream" if what == "events" else "text/plain")])
        if what == "late":
            return sync_breaks()
        return slow_chunks() if what in {"stream", "events"} else iter([b"hello"])

    return app


class Kind(NamedTuple):
    """An application: how it is made and called, and whether it tells routes."""

    make: Any
    call: Any
    routes: bool = True


KINDS = {
    "starlette": Kind(starlette, call_asgi),
    "fastapi": Kind(fastapi, call_asgi),
    "flask": Kind(flask, call_wsgi),
    "bare asgi": Kind(bare_asgi, call_asgi, routes=False),
    "bare wsgi": Kind(bare_wsgi, call_wsgi, routes=False),
}
ASYNC = [name for name, kind in KINDS.items() if kind.call is call_asgi]


class Watched:
    """One of them, installed."""

    def __init__(self, name: str, read: Any, **metrics: Any) -> None:
        kind = KINDS[name]
        self.call, self.routes = kind.call, kind.routes
        self.app = midwatch.install(kind.make(), {**SETTINGS, "metrics": {**SETTINGS["metrics"], **metrics}})
        self._read = read

    def route(self, what: str) -> str:
        parameter = "<id>" if self.call is call_wsgi else "{id}"
        return f"/{what}/{parameter}" if self.routes else "unmatched"

    def ask(self, what: str, **options: Any) -> None:
        # What it raises is the server's to see.
        try:
            self.call(self.app, path=f"/{what}/7", **options)
        except KeyError:
            assert what in {"early", "late"}

    def page(self, **options: Any) -> Any:
        return self._read(self.call(self.app, path="/metrics", **options))


@pytest.fixture(params=KINDS)
def watched(request: Any, read: Any) -> Watched:
    return Watched(request.param, read)


def only(page: Any) -> dict[str, str]:
    """Labels of the one request that was counted."""
    (sample,) = page.requests()
    assert sample.value == 1
    labels: dict[str, str] = sample.labels
    return labels


@pytest.mark.parametrize(
    ("what", "status", "error"),
    [("plain", "200", ""), ("early", "500", "KeyError"), ("late", "200", "KeyError"), ("stream", "200", "")],
)
def test_each_is_one_observation(watched: Watched, what: str, status: str, error: str) -> None:
    watched.ask(what)
    page = watched.page()
    assert only(page) == {
        "http_request_method": "GET",
        "http_route": watched.route(what),
        "http_response_status_code": status,
        "error_type": error,
    }
    assert bool(page.samples(EXCEPTIONS)) == bool(error)
    assert not page.samples(f"{STREAMS}_count")
    assert page.value("http_server_active_requests", http_request_method="GET", url_scheme="http") == 0
    if what == "stream":
        spent = page.value(f"{REQUESTS}_sum", http_route=watched.route(what))
        assert 0 < page.value(f"{FIRST}_sum", http_route=watched.route(what)) <= spent - SLOW


def test_an_event_stream_counts_apart(watched: Watched) -> None:
    watched.ask("events")
    page = watched.page()
    assert only(page)["http_response_status_code"] == "200"
    lasted = page.value(f"{STREAMS}_sum", http_route=watched.route("events"))
    assert 0 < page.value(f"{REQUESTS}_sum", http_route=watched.route("events")) <= lasted - SLOW
    assert page.value("http_server_busy_seconds_total") >= SLOW


def test_a_client_that_leaves_is_no_server_error(watched: Watched) -> None:
    watched.ask("stream", leave_after=1)
    labels = only(watched.page())
    assert (labels["http_response_status_code"], labels["error_type"]) == ("200", "aborted")


@pytest.mark.parametrize("name", ["starlette", "fastapi", "bare asgi"])
def test_background_work_counts_apart(name: str, read: Any) -> None:
    watched = Watched(name, read)
    watched.ask("task")
    page = watched.page()
    assert page.value(f"{BACKGROUND}_count", http_route=watched.route("task")) == 1
    assert page.value(f"{BACKGROUND}_sum", http_route=watched.route("task")) >= 0.01


def websocket(app: Any, path: str, received: list[dict[str, Any]]) -> None:
    scope = {
        "type": "websocket", "path": path, "scheme": "ws", "headers": [], "client": ("127.0.0.1", 5),
        "query_string": b"", "subprotocols": [], "root_path": "", "server": ("testserver", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return received.pop(0)

    async def send(message: Any) -> None: ...

    asyncio.run(app(scope, receive, send))


@pytest.mark.parametrize("name", ASYNC)
def test_websockets(name: str, read: Any) -> None:
    watched = Watched(name, read)
    hello = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}]
    websocket(watched.app, "/socket/7", [*hello])
    websocket(watched.app, "/refused/7", [*hello])
    page = watched.page()
    handshakes = {
        (sample.labels["http_route"], sample.labels["result"]): sample.value
        for sample in page.samples("http_server_websocket_handshakes_total")
    }
    assert handshakes == {(watched.route("socket"), "accepted"): 1, (watched.route("refused"), "refused"): 1}
    assert page.value("http_server_websocket_closes_total", **{"class": "normal"}) == 1
    assert page.value("http_server_websocket_open") == 0
    statuses = sorted(sample.labels["http_response_status_code"] for sample in page.requests())
    assert statuses == ["101", "403"]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("peer", "header", "count"), [
    ("10.1.2.3", "x-request-start", 1), ("10.1.2.3", "x-queue-start", 1), ("203.0.113.9", "x-request-start", 0),
])  # fmt: skip
def test_the_queue_of_a_trusted_proxy_is_seen(name: str, read: Any, peer: str, header: str, count: int) -> None:
    """Through each door; a stranger's word counts nothing, and is not even called broken."""
    watched = Watched(name, read)
    before = time.time() - 0.5
    for told in (f"t={before:.3f}", "yesterday"):
        headers = [("host", "testserver"), ("x-forwarded-for", "198.51.100.7"), (header, told)]
        watched.ask("plain", peer=(peer, 5), headers=headers)
    page = watched.page()
    name = "http_server_queue_time_seconds"
    assert sum(sample.value for sample in page.samples(f"{name}_count")) == count
    assert sum(sample.value for sample in page.samples("midwatch_queue_time_ignored_total")) == count
    if count:
        assert 0.4 < page.value(f"{name}_sum") < 30
