"""The life of a server span, and of what goes on after it: background work, and a websocket behind its handshake."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import math
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI
from opentelemetry import trace as otel
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from midwatch import ASGIMiddleware, Exchange, Tracing, WSGIMiddleware, current, install
from midwatch.testing import Recorder, ScriptedApp, call_asgi, call_wsgi
from midwatch.tracing import Sampler, Span, Tail, sequel
from midwatch.tracing.provider import provider

tracer = provider.get_tracer("library")


@pytest.fixture(autouse=True)
def _never_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes no span here that nobody asked for."""
    monkeypatch.setattr(sequel, "WORTH", math.inf)


def named(spans: list[Span]) -> dict[str, Span]:
    assert len({span.name for span in spans}) == len(spans)
    return {span.name: span for span in spans}


def child(name: str = "child") -> None:
    with tracer.start_as_current_span(name):
        pass


def failing(name: str = "child") -> None:
    child(name)
    raise KeyError("background")


def in_starlette(work: Callable[[], None]) -> Any:
    async def endpoint(request: Any) -> PlainTextResponse:
        child("before")
        return PlainTextResponse("hello", background=BackgroundTask(work))

    return Starlette(routes=[Route("/{key}", endpoint)])


def in_fastapi(work: Callable[[], None]) -> Any:
    app = FastAPI(openapi_url=None)

    @app.get("/{key}")
    async def endpoint(key: str, tasks: BackgroundTasks) -> str:
        child("before")
        tasks.add_task(work)
        return key

    return app


def in_asgi(work: Callable[[], None]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        child("before")
        await ScriptedApp().asgi(scope, receive, send)
        work()

    return app


class Body:
    def __init__(self, work: Callable[[], None]) -> None:
        self._chunks = iter([b"a", b"b"])
        self._work = work

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        self._work()


def in_wsgi(work: Callable[[], None]) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        child("before")
        start_response("200 OK", [("content-type", "text/plain")])
        return Body(work)

    return app


APPS = {"starlette": in_starlette, "fastapi": in_fastapi, "asgi": in_asgi, "wsgi": in_wsgi}


def served(kind: str, work: Callable[[], None], **options: Any) -> list[Span]:
    spans: list[Span] = []
    door, call = (WSGIMiddleware, call_wsgi) if kind == "wsgi" else (ASGIMiddleware, call_asgi)
    call(door(APPS[kind](work), Tracing(to=[spans.append], **options)), path="/7")
    return spans


@pytest.mark.parametrize("kind", APPS)
def test_background_work(kind: str) -> None:
    """It is no latency: a child of its own, linked, from the last body byte on; what it makes is below it."""
    spans = served(kind, child)
    found = named(spans)
    (server,) = (span for span in spans if span.kind is SpanKind.SERVER)
    background = found["background"]
    assert len(spans) == 4
    assert background.parent_id == server.span_id
    assert [link.context.span_id for link in background.links] == [server.get_span_context().span_id]
    assert background.kind is SpanKind.INTERNAL
    assert found["child"].parent_id == background.span_id
    assert found["before"].parent_id == server.span_id
    assert server.end_time <= background.start_time <= found["child"].start_time
    assert found["child"].end_time <= background.end_time
    assert background.status_code is server.status_code is StatusCode.UNSET
    assert {span.trace_id for span in spans} == {server.trace_id}
    if kind in {"starlette", "fastapi"}:
        assert server.attributes["http.route"] == background.attributes["http.route"] == "/{key}"


@pytest.mark.parametrize("kind", APPS)
def test_background_work_that_fails(kind: str) -> None:
    """The exception is recorded once, where it was raised; the request is one that failed, as every signal says."""
    spans = served(kind, failing)
    found = named(spans)
    (server,) = (span for span in spans if span.kind is SpanKind.SERVER)
    background = found["background"]
    assert [event.name for span in spans for event in span.events] == ["exception"]
    assert [event.attributes["exception.type"] for event in background.events] == ["KeyError"]
    assert background.attributes["error.type"] == server.attributes["error.type"] == "KeyError"
    assert background.status_code is server.status_code is StatusCode.ERROR
    assert server.attributes["http.response.status_code"] == 200


@pytest.mark.parametrize("kind", APPS)
def test_nothing_goes_on(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Work that makes no span and takes no time worth one has none; a longer one has."""
    spans = served(kind, lambda: None)
    assert [span.name for span in spans if span.kind is not SpanKind.SERVER] == ["before"]
    monkeypatch.setattr(sequel, "WORTH", 0.0)
    spans = served(kind, lambda: None)
    assert [span.name for span in spans if span.kind is not SpanKind.SERVER] == ["before", "background"]


@pytest.mark.parametrize("kind", APPS)
def test_background_work_of_what_is_not_sampled(kind: str) -> None:
    """Nothing of it arrives; with a tail, all of it or nothing does."""
    nothing = Sampler(ratio=0)
    assert served(kind, failing, sampler=nothing) == []
    assert served(kind, child, sampler=nothing, tail=Tail(errors=True)) == []
    kept = served(kind, failing, sampler=nothing, tail=Tail(errors=True))
    assert len(kept) == 4
    assert {span.attributes["midwatch.kept"] for span in kept} == {"error"}


def test_detached_work_has_a_parent_that_arrives() -> None:
    """A task that outlives the request, and one that begins after it: in the same trace, below what has arrived."""
    spans: list[Span] = []

    async def main() -> None:
        over = asyncio.Event()
        tasks: list[asyncio.Task[None]] = []

        async def later() -> None:
            with tracer.start_as_current_span("long"):
                await over.wait()
            child("late")

        async def app(scope: Any, receive: Any, send: Any) -> None:
            tasks.append(asyncio.create_task(later()))
            await asyncio.sleep(0)
            await ScriptedApp().asgi(scope, receive, send)

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [],
            "query_string": b"",
            "http_version": "1.1",
        }
        await ASGIMiddleware(app, Tracing(to=[spans.append]))(scope, None, send)  # type: ignore[arg-type]
        assert [span.name for span in spans] == ["GET"]
        over.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())
    found = named(spans)
    known = {span.span_id for span in spans}
    assert found["long"].parent_id in known
    assert found["late"].parent_id in known
    assert {span.trace_id for span in spans} == {found["GET"].trace_id}


def test_what_the_handler_says_in_background_counts() -> None:
    """The server span takes attributes until the exchange is over, though its end is the last body byte."""
    spans = served("starlette", lambda: otel.get_current_span().set_attribute("done", True))
    (server,) = (span for span in spans if span.kind is SpanKind.SERVER)
    assert server.attributes["done"] is True


def test_the_end_is_the_last_byte(door: Any) -> None:
    """However long the body takes; and the first byte is told apart from it."""
    spans: list[Span] = []
    recorder = Recorder()
    door.call(door.watch(ScriptedApp(chunks=(b"a",) * 50), Tracing(to=[spans.append]), recorder))
    (span,) = spans
    exchange = recorder.exchange
    assert exchange.ended is not None
    assert span.end_time - span.start_time == int((exchange.ended - exchange.started) * 1e9)
    first: Any = span.attributes["midwatch.time_to_first_byte"]
    assert 0 < first <= exchange.duration
    assert first == exchange.time_to_first_byte


@pytest.mark.parametrize("after", [None, 0, 1, 3])
def test_an_exception_is_recorded_once(door: Any, after: int | None) -> None:
    """Before and after the response started; also where a library below records it too."""
    spans: list[Span] = []
    error = KeyError("once")
    app = door.watch(ScriptedApp(error=error, error_after=after, chunks=(b"a", b"b", b"c")), Tracing(to=[spans.append]))
    assert door.call(app).error is error
    (span,) = spans
    assert [event.attributes["exception.type"] for event in span.events] == ["KeyError"]
    spans.clear()

    def noting() -> None:
        otel.get_current_span().record_exception(error)
        raise error

    assert door.call(door.watch(ScriptedApp(before=noting), Tracing(to=[spans.append]))).error is error
    assert len(spans[0].events) == 1


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("hostile")


def test_an_exception_that_cannot_be_shown(door: Any) -> None:
    """It is recorded all the same, next to another one."""

    def failing() -> None:
        otel.get_current_span().record_exception(ValueError("handled"))
        raise HostileError

    spans: list[Span] = []
    answer = door.call(door.watch(ScriptedApp(before=failing), Tracing(to=[spans.append])))
    assert isinstance(answer.error, HostileError)
    assert len(spans[0].events) == 2


def test_a_disconnect_while_streaming() -> None:
    """The span is of a request that was aborted; what cleans up afterwards is below it."""
    spans: list[Span] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await ScriptedApp(chunks=(b"x",) * 100).asgi(scope, receive, send)
        except OSError:
            child("cleanup")
            raise

    call_asgi(ASGIMiddleware(app, Tracing(to=[spans.append])), leave_after=2)
    found = named(spans)
    assert found["GET"].attributes["midwatch.outcome"] == "aborted"
    assert found["GET"].status_code is StatusCode.ERROR
    assert found["GET"].events == []
    assert found["cleanup"].parent_id == found["GET"].span_id


def test_a_cancellation() -> None:
    """A request that the server gives up: an outcome of its own, and no exception."""
    spans: list[Span] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with tracer.start_as_current_span("waiting"):
            await asyncio.Event().wait()

    async def main() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
        task = asyncio.create_task(ASGIMiddleware(app, Tracing(to=[spans.append]))(scope, None, None))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    found = named(spans)
    assert found["GET"].attributes["midwatch.outcome"] == found["GET"].attributes["error.type"] == "cancelled"
    assert found["waiting"].status_code is StatusCode.UNSET
    assert [span.events for span in spans] == [[], []]


# Websockets


async def echo(scope: Any, receive: Any, send: Any) -> None:
    assert (await receive())["type"] == "websocket.connect"
    child("handshake")
    await send({"type": "websocket.accept"})
    child("first")
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"] * 2})
    child("last")


HELLO = {"type": "websocket.receive", "text": "héllo"}


@pytest.mark.parametrize("messages", [False, True])
def test_a_websocket(websocket: Callable[..., Any], messages: bool) -> None:
    """The server span is the handshake; the connection is a child of its own, with its close code."""
    spans: list[Span] = []
    app = ASGIMiddleware(echo, Tracing(to=[spans.append], messages=messages))
    socket = websocket(app, HELLO, HELLO, {"type": "websocket.disconnect", "code": 1001})
    assert socket.error is None
    found = named(spans)
    assert list(found) == ["handshake", "GET", "first", "last", "websocket"]
    server, connection = found["GET"], found["websocket"]
    assert server.attributes["http.response.status_code"] == 101
    assert server.status_code is StatusCode.UNSET
    assert found["handshake"].parent_id == server.span_id
    assert found["first"].parent_id == found["last"].parent_id == connection.span_id
    assert connection.parent_id == server.span_id
    assert [link.context for link in connection.links] == [server.get_span_context()]
    assert connection.attributes["websocket.close_code"] == 1001
    assert connection.attributes["midwatch.outcome"] == "ok"
    assert server.end_time <= found["first"].start_time
    assert server.end_time <= connection.end_time
    seen = [(event.attributes["message.type"], event.attributes["message.id"]) for event in connection.events]
    assert seen == ([("RECEIVED", 1), ("SENT", 1), ("RECEIVED", 2), ("SENT", 2)] if messages else [])


def test_many_messages_are_bounded(websocket: Callable[..., Any]) -> None:
    """As events are; what is left out is counted."""
    spans: list[Span] = []
    app = ASGIMiddleware(echo, Tracing(to=[spans.append], messages=True))
    websocket(app, *[HELLO] * 300, {"type": "websocket.disconnect", "code": 1000})
    connection = named(spans)["websocket"]
    assert len(connection.events) == 128
    assert connection.dropped_events == 600 - 128


def test_a_websocket_that_is_denied(websocket: Callable[..., Any]) -> None:
    """There is no connection: one span, ending with the exchange."""

    async def deny(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 4001})

    spans: list[Span] = []
    websocket(ASGIMiddleware(deny, Tracing(to=[spans.append], messages=True)))
    (span,) = spans
    assert span.attributes["http.response.status_code"] == 403
    assert span.status_code is StatusCode.UNSET


def test_a_websocket_that_fails(websocket: Callable[..., Any]) -> None:
    """After the handshake it is the connection that failed; before, the handshake."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if scope["path"] == "/late":
            await send({"type": "websocket.accept"})
        raise KeyError("socket")

    spans: list[Span] = []
    app = ASGIMiddleware(fail, Tracing(to=[spans.append]))
    assert isinstance(websocket(app, path="/late").error, KeyError)
    found = named(spans)
    assert found["GET"].status_code is StatusCode.UNSET
    assert found["GET"].events == []
    assert found["websocket"].status_code is StatusCode.ERROR
    assert found["websocket"].attributes["error.type"] == "KeyError"
    assert len(found["websocket"].events) == 1
    spans.clear()
    websocket(app, path="/early")
    (span,) = spans
    assert span.status_code is StatusCode.ERROR
    assert len(span.events) == 1


def test_a_websocket_whose_client_vanishes(websocket: Callable[..., Any]) -> None:
    spans: list[Span] = []
    websocket(ASGIMiddleware(echo, Tracing(to=[spans.append])), {"type": "websocket.disconnect", "code": 1006})
    connection = named(spans)["websocket"]
    assert connection.attributes["midwatch.outcome"] == connection.attributes["error.type"] == "aborted"
    assert connection.attributes["websocket.close_code"] == 1006


# Memory


@pytest.fixture
def no_collection() -> Iterator[None]:
    """What a cycle keeps alive stays alive."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("fate", ["ok", "child", "error", "sampled out", "tail"])
def test_an_exchange_is_gone_when_it_is_over(door: Any, fate: str) -> None:
    """No cycle keeps it, whatever became of it; nor its span."""
    alive: list[weakref.ref[Exchange]] = []

    def handler() -> None:
        exchange = current()
        assert exchange is not None
        alive.append(weakref.ref(exchange))
        if fate == "child":
            child()

    error = KeyError("k") if fate == "error" else None
    options: dict[str, Any] = {"sampler": Sampler(ratio=0)} if fate in {"sampled out", "tail"} else {}
    if fate == "tail":
        options["tail"] = Tail(errors=True)
    app = door.watch(ScriptedApp(before=handler, error=error), Tracing(to=[lambda span: None], **options))
    answer = door.call(app)
    if answer.error is not None:
        answer.error = None  # Its traceback holds the frames, and they the exchange.
        error.__traceback__ = None  # type: ignore[union-attr]
    assert [reference() for reference in alive] == [None]


@pytest.mark.usefixtures("no_collection")
def test_a_websocket_is_gone_when_it_is_over(websocket: Callable[..., Any]) -> None:
    """Its messages are noted by something that knows the exchange."""
    alive: list[weakref.ref[Exchange]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        exchange = current()
        assert exchange is not None
        alive.append(weakref.ref(exchange))
        del exchange
        await echo(scope, receive, send)

    websocket(
        ASGIMiddleware(app, Tracing(to=[lambda span: None], messages=True)),
        HELLO,
        {"type": "websocket.disconnect", "code": 1000},
    )
    assert [reference() for reference in alive] == [None]


@pytest.mark.no_cover  # Others cover what it does; tracing would double its time.
def test_very_many_children(door: Any) -> None:
    """A hundred thousand spans in one request: each goes as it ends, and nothing of them is kept."""
    count = 0
    live: weakref.WeakSet[Any] = weakref.WeakSet()

    class Mark:
        """Stands for a span, which cannot be weakly referenced: it lives as long."""

    most = 0

    def take(span: Span) -> None:
        nonlocal count, most
        count += 1
        most = max(most, len(live))

    def handler() -> None:
        for _ in range(100_000):
            mark = Mark()
            live.add(mark)
            span = tracer.start_span("child")
            span.set_attribute("mark", mark)  # type: ignore[arg-type]
            del mark
            span.end()

    door.call(door.watch(ScriptedApp(before=handler), Tracing(to=[take])))
    assert count == 100_001
    assert most <= 2


def test_threads_of_one_request_share_what_follows() -> None:
    """Whoever comes first after the last byte makes the span, the others nest below the same one."""
    many = 8
    barrier = threading.Barrier(many)

    def work() -> None:
        def one() -> None:
            barrier.wait()
            tracer.start_span("child").end()

        threads = [threading.Thread(target=contextvars.copy_context().run, args=(one,)) for _ in range(many)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    spans = served("asgi", work)
    (background,) = (span for span in spans if span.name == "background")
    children = [span for span in spans if span.name == "child"]
    assert len(children) == many
    assert {span.parent_id for span in children} == {background.span_id}


def test_an_exception_that_is_answered_with_a_500_is_no_background_work() -> None:
    """Starlette raises it again after its 500 is sent: one span, with the exception on it."""

    def boom(request: Any) -> None:
        raise RuntimeError("boom")

    spans: list[Span] = []
    off = dict.fromkeys(("log", "metrics", "audit", "health", "errors"), False)
    call_asgi(install(Starlette(routes=[Route("/boom", boom)]), {**off, "trace": {"to": [spans.append]}}), path="/boom")

    (span,) = spans
    assert [event.name for event in span.events] == ["exception"]
    assert span.attributes["error.type"] == "RuntimeError"
