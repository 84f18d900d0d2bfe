"""The ASGI door: what the specification and the servers do, message by message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from midwatch import ASGIMiddleware, Exchange, Hold, Outcome, Plugin, Reply, current
from midwatch.testing import Recorder, ScriptedApp, call_asgi


class Answers(Plugin):
    """Returns what it was given, in the moment it was given for."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def on_request(self, exchange: Exchange) -> Any:
        return self._answers.get("on_request")

    def on_response(self, exchange: Exchange) -> Any:
        return self._answers.get("on_response")


def test_start_without_headers_and_the_same_message_twice() -> None:
    """The message belongs to the application: it may send the same object again, and may leave headers out."""

    class AddsOne(Plugin):
        def on_response(self, exchange: Exchange) -> None:
            exchange.add_header("x-one", "1")

    start = {"type": "http.response.start", "status": 200}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start)
        await send({"type": "http.response.body", "body": b"x"})

    watched = ASGIMiddleware(app, AddsOne())
    for _ in range(2):
        assert call_asgi(watched).headers == [("x-one", "1")]
    assert start == {"type": "http.response.start", "status": 200}


def test_absent_more_body_means_false() -> None:
    """A body message without the key is the last."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    recorder = Recorder()
    call_asgi(ASGIMiddleware(app, recorder))

    assert recorder.exchange.outcome is Outcome.OK


def test_disconnect_is_seen_in_receive() -> None:
    """A client that leaves while the application listens, on a server whose send says nothing."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    recorder = Recorder()
    call_asgi(ASGIMiddleware(app, recorder), leave_after=1)

    assert recorder.exchange.outcome is Outcome.ABORTED


def test_disconnect_after_the_last_byte_means_nothing() -> None:
    """uvicorn sends http.disconnect behind every response."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await ScriptedApp().asgi(scope, receive, send)
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    recorder = Recorder()
    answer = call_asgi(ASGIMiddleware(app, recorder))

    assert answer.error is None
    assert recorder.exchange.outcome is Outcome.OK


def test_starlette_stream_whose_client_leaves() -> None:
    """Starlette turns the OSError of send into an exception of its own; it is the client's departure all the same."""

    async def chunks() -> Any:
        while True:
            yield b"tick"

    async def stream(request: Any) -> StreamingResponse:
        return StreamingResponse(chunks(), media_type="text/event-stream")

    recorder = Recorder()
    app = ASGIMiddleware(Starlette(routes=[Route("/", stream)]), recorder)

    call_asgi(app, leave_after=3)

    assert recorder.exchange.outcome is Outcome.ABORTED
    assert "on_error" not in recorder.moments
    assert recorder.exchange.bytes_out == 12


def test_request_body_is_not_read_ahead() -> None:
    """Nothing is received that the application does not ask for; what it reads is counted."""
    asked: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append("app")
        await receive()
        await ScriptedApp().asgi(scope, receive, send)

    async def receive() -> dict[str, Any]:
        asked.append("receive")
        return {"type": "http.request", "body": b"12345", "more_body": False}

    async def send(message: Any) -> None: ...

    recorder = Recorder()
    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    asyncio.run(ASGIMiddleware(app, recorder)(scope, receive, send))

    assert asked == ["app", "receive"]
    assert recorder.exchange.bytes_in == 5


def test_path_send_completes_the_response() -> None:
    """The extension that names a file instead of sending it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/tmp/file"})

    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    recorder = Recorder()
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(ASGIMiddleware(app, recorder)(scope, None, send))  # type: ignore[arg-type]

    assert sent == ["http.response.start", "http.response.pathsend"]
    assert recorder.exchange.outcome is Outcome.OK


def test_unknown_messages_and_scopes_pass() -> None:
    """Extensions that we have not heard of are none of our business."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])
        await send({"type": "http.response.push", "path": "/style.css"})

    async def send(message: Any) -> None:
        seen.append(message["type"])

    watched = ASGIMiddleware(app, Recorder())
    asyncio.run(watched({"type": "mqtt"}, None, send))  # type: ignore[arg-type]
    asyncio.run(watched({"type": "http", "method": "GET", "path": "/", "headers": []}, None, send))  # type: ignore[arg-type]

    assert seen == ["mqtt", "http.response.push", "http", "http.response.push"]


def test_hold_is_awaited_and_the_loop_goes_on() -> None:
    """The response waits for the future; other tasks do not."""
    future: Future[None] = Future()
    order: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        order.append("app")
        await ScriptedApp().asgi(scope, receive, send)

    async def other() -> None:
        order.append("other")
        future.set_result(None)

    async def send(message: Any) -> None:
        order.append(message["type"])

    watched = ASGIMiddleware(app, Answers(on_response=Hold(future, 5)))
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}

    async def both() -> None:
        task = asyncio.create_task(watched(scope, None, send))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await asyncio.gather(task, other())

    asyncio.run(both())

    assert order[:3] == ["app", "other", "http.response.start"]


def test_hold_that_is_cancelled_leaves_the_future_alone() -> None:
    """The future belongs to another thread; a client that leaves does not cancel it."""
    future: Future[None] = Future()
    watched = ASGIMiddleware(ScriptedApp().asgi, Answers(on_request=Hold(future, 5)))

    async def leave() -> None:
        task = asyncio.create_task(watched({"type": "http", "method": "GET", "path": "/", "headers": []}, None, None))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())

    assert not future.cancelled()


def test_hold_under_trio() -> None:
    """A server on trio has no asyncio loop to wake; the wait goes to a thread."""
    import trio

    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    serving: Any = ASGIMiddleware(ScriptedApp().asgi, Answers(on_request=Hold(future, 5)))

    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serving, {"type": "http", "method": "GET", "path": "/", "headers": []}, None, send)
            await trio.to_thread.run_sync(lambda: future.set_result(Reply(202)))

    trio.run(serve)

    assert sent[0]["status"] == 202


def test_contextvars_through_base_http_middleware_and_tasks() -> None:
    """Tasks, threads of the framework and BaseHTTPMiddleware all see the same exchange."""
    seen: list[Any] = []

    async def dispatch(request: Any, call_next: Any) -> Any:
        seen.append(current())
        response = await call_next(request)
        seen.append(current())
        return response

    async def handler(request: Any) -> PlainTextResponse:
        async def task() -> None:
            seen.append(current())

        await asyncio.create_task(task())
        await asyncio.to_thread(lambda: seen.append(current()))
        return PlainTextResponse("ok")

    def sync_handler(request: Any) -> PlainTextResponse:
        seen.append(current())
        return PlainTextResponse("ok")

    recorder = Recorder()
    routes = [Route("/", handler), Route("/sync", sync_handler)]
    app = ASGIMiddleware(
        Starlette(routes=routes, middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)]), recorder
    )

    call_asgi(app)
    assert seen == [recorder.exchanges[0]] * 4
    seen.clear()
    call_asgi(app, path="/sync")
    assert seen == [recorder.exchanges[1]] * 3
    assert current() is None


def test_closed_by_the_garbage_collector(caplog: pytest.LogCaptureFixture) -> None:
    """A coroutine that is closed in another context ends its exchange, and says nothing of tokens."""
    recorder = Recorder()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Forever()

    coroutine = ASGIMiddleware(app, recorder)({"type": "http", "method": "GET", "path": "/", "headers": []}, None, None)  # type: ignore[arg-type]
    import contextvars

    contextvars.copy_context().run(coroutine.send, None)
    coroutine.close()

    assert recorder.exchange.outcome is Outcome.CANCELLED
    assert caplog.records == []


class Forever:
    """Awaits what never comes."""

    def __await__(self) -> Any:
        yield


def test_add_middleware_works_and_says_what_it_cannot_see(caplog: pytest.LogCaptureFixture) -> None:
    """Inside Starlette's error middleware: exceptions are seen, its 500 is not, and that is said once."""

    async def broken(request: Any) -> Any:
        raise ValueError("broken")

    recorder = Recorder()
    app = Starlette(routes=[Route("/", broken)])
    app.add_middleware(ASGIMiddleware, recorder)

    with caplog.at_level(logging.WARNING, "midwatch"):
        answers = [call_asgi(app), call_asgi(app)]

    assert [answer.body for answer in answers] == [b"Internal Server Error"] * 2
    assert [exchange.outcome for exchange in recorder.exchanges] == [Outcome.ERROR] * 2
    assert [record.message for record in caplog.records if "midwatch.install(app)" in record.message] != []
    assert len(caplog.records) == 1


def test_two_doors_are_one_pass() -> None:
    """Wrapped twice, mounted, added inside: each plugin class is asked once, and they share the exchange."""
    outer, inner = Recorder(), Named()
    app = ASGIMiddleware(ASGIMiddleware(ASGIMiddleware(ScriptedApp().asgi, inner, Recorder()), inner), outer)

    call_asgi(app)

    assert outer.moments.count("on_finish") == 1
    assert inner.seen == [outer.exchange]


class Named(Plugin):
    """Another class than Recorder, to be joined."""

    def __init__(self) -> None:
        self.seen: list[Exchange] = []

    def on_finish(self, exchange: Exchange) -> None:
        self.seen.append(exchange)


def test_a_plugin_that_joins_may_answer() -> None:
    """The inner door answers in the application's place, and the outer one sees it."""
    recorder = Recorder()
    inner = ASGIMiddleware(ScriptedApp().asgi, Answers(on_request=Reply(418, "teapot")))

    answer = call_asgi(ASGIMiddleware(inner, recorder))

    assert (answer.status, answer.body) == (418, b"teapot")
    assert recorder.exchange.status == 418


# Websockets


async def chat(scope: Any, receive: Any, send: Any) -> None:
    """Accepts, echoes until the client leaves."""
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


TEXT = {"type": "websocket.receive", "text": "hello"}


def test_websocket_one_of_each(websocket: Any, signals: Any) -> None:
    """One line, one span, one count; 101, and the bytes of both directions."""
    recorder = Recorder()

    bare = websocket(chat, TEXT, {"type": "websocket.disconnect", "code": 1000})
    socket = websocket(
        ASGIMiddleware(chat, *signals.plugins(), recorder), TEXT, {"type": "websocket.disconnect", "code": 1000}
    )

    exchange = recorder.exchange
    assert (exchange.kind, exchange.status, exchange.close_code) == ("websocket", 101, 1000)
    assert (exchange.bytes_in, exchange.bytes_out, exchange.outcome) == (5, 5, Outcome.OK)
    assert [line["http.response.status_code"] for line in signals.lines] == [101]
    assert [span.kind.name for span in signals.spans] == ["SERVER", "INTERNAL"]
    assert signals.count() == 1
    assert [message["type"] for message in socket.sent] == [message["type"] for message in bare.sent]
    assert (b"x-request-id", signals.lines[0]["request_id"].encode()) in socket.sent[0]["headers"]


@pytest.mark.parametrize(
    ("app_messages", "client", "outcome", "status"),
    [
        pytest.param(["accept", "close"], [], Outcome.OK, 101, id="closed by the app"),
        pytest.param(["close"], [], Outcome.OK, 403, id="denied"),
        pytest.param(["accept", "wait"], [1006], Outcome.ABORTED, 101, id="connection broke"),
        pytest.param(["wait"], [1006], Outcome.ABORTED, None, id="left before the handshake"),
        pytest.param(["accept", "wait"], [1001], Outcome.OK, 101, id="client went away"),
        pytest.param(["accept"], [], Outcome.INCOMPLETE, 101, id="app stopped"),
        pytest.param(["accept", "raise"], [], Outcome.ERROR, 101, id="app raised"),
        pytest.param(["raise"], [], Outcome.ERROR, 500, id="app raised before the handshake"),
        pytest.param(["start 401", "body"], [], Outcome.OK, 401, id="denial response"),
    ],
)
def test_websocket_fates(
    websocket: Any, signals: Any, app_messages: list[str], client: list[int], outcome: Outcome, status: int | None
) -> None:
    """Each end of a connection has its outcome."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        for step in app_messages:
            if step == "wait":
                await receive()
            elif step == "raise":
                raise ValueError("broken")
            elif step.startswith("start"):
                await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
            elif step == "body":
                await send({"type": "websocket.http.response.body", "body": b"no"})
            else:
                await send({"type": f"websocket.{step}"})

    recorder = Recorder()
    messages = [{"type": "websocket.disconnect", "code": code} for code in client]
    websocket(ASGIMiddleware(app, *signals.plugins(), recorder), *messages)

    assert (recorder.exchange.outcome, recorder.exchange.status) == (outcome, status)
    assert len(signals.lines) == 1
    assert [span.kind.name for span in signals.spans] == (["SERVER", "INTERNAL"] if status == 101 else ["SERVER"])
    assert signals.spans[-1].attributes["midwatch.outcome"] == outcome


def test_uncaught_websocket_disconnect_is_no_error(websocket: Any) -> None:
    """A handler that loops over receive_text() ends by WebSocketDisconnect; the client just closed."""
    from fastapi import FastAPI, WebSocket

    api = FastAPI()

    @api.websocket("/chat")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            await socket.receive_text()

    recorder = Recorder()
    websocket(ASGIMiddleware(api, recorder), TEXT, {"type": "websocket.disconnect", "code": 1000})

    assert recorder.exchange.outcome is Outcome.OK
    assert "on_error" not in recorder.moments
    assert recorder.exchange.route == "/chat"


@pytest.mark.parametrize("extension", [True, False])
def test_reply_refuses_a_websocket(websocket: Any, extension: bool) -> None:
    """With the denial extension by a response, else by closing before the handshake."""
    recorder = Recorder()
    app = ASGIMiddleware(chat, Answers(on_request=Reply(401, "who?")), recorder)

    socket = websocket(app, extensions={"websocket.http.response": {}} if extension else {})

    kinds = [message["type"] for message in socket.sent]
    if extension:
        assert kinds == ["websocket.http.response.start", "websocket.http.response.body"]
        assert recorder.exchange.status == 401
    else:
        assert kinds == ["websocket.close"]
        assert recorder.exchange.status == 403


# Lifespan


async def run_lifespan(app: Any, startup: str = "lifespan.startup") -> list[str]:
    inbox = [{"type": startup}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return inbox.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    return sent


def test_lifespan_of_the_app_starts_and_stops_the_plugins() -> None:
    """on_startup before the application's own, on_shutdown before the server hears that it is complete."""
    recorder = Recorder()
    app = ASGIMiddleware(Starlette(), recorder)

    sent = asyncio.run(run_lifespan(app))

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert recorder.moments == ["on_startup", "on_shutdown"]


@pytest.mark.parametrize("app", ["its own", "none"])
def test_serving_is_after_the_start_of_the_application(app: str) -> None:
    """A health check of a pool that the application opens when it starts would fail before."""
    told: list[str] = []

    class Tells(Plugin):
        def on_startup(self) -> None:
            told.append("on_startup")

        def on_serving(self) -> None:
            told.append("on_serving")

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        told.append("application")
        yield

    inner: Any = Starlette(lifespan=lifespan) if app == "its own" else ScriptedApp().asgi
    asyncio.run(run_lifespan(ASGIMiddleware(inner, Tells())))

    expected = ["on_startup", "application", "on_serving"]
    assert told == (expected if app == "its own" else ["on_startup", "on_serving"])


@pytest.mark.parametrize("refuses", ["raises", "returns"])
def test_an_app_without_lifespan_is_stood_in_for(refuses: str) -> None:
    """Django and bare applications know no lifespan; the last batch is saved all the same."""
    recorder = Recorder()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if refuses == "raises":
            raise ValueError("only http")

    sent = asyncio.run(run_lifespan(ASGIMiddleware(app, recorder)))

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert recorder.moments == ["on_startup", "on_shutdown"]


def test_a_start_that_fails_stays_failed() -> None:
    """An exception of the application's own start goes to the server, and plugins are flushed."""
    recorder = Recorder()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError):
        asyncio.run(run_lifespan(ASGIMiddleware(app, recorder)))

    assert recorder.moments == ["on_startup", "on_shutdown"]
