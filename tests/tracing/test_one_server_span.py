"""Per request one server span, whatever else traces it: frameworks by themselves, contrib's libraries, an SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import flask
import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, WebSocket
from opentelemetry import propagate
from opentelemetry import trace as otel
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as ContribASGI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as ContribWSGI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util._once import Once
from starlette.applications import Starlette
from starlette.middleware.opentelemetry import OpenTelemetryMiddleware as StarletteTelemetry
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from midwatch import ASGIMiddleware, Tracing, WSGIMiddleware, install
from midwatch.testing import call_asgi, call_wsgi
from midwatch.tracing.joining import joining_provider

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
HEADERS = (("host", "testserver"), ("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-01"))
OFF = {"log": False, "metrics": False, "audit": False, "health": False, "errors": False}


@dataclass
class Receivers:
    """Both ends at which spans may arrive."""

    ours: list[Any] = field(default_factory=list)
    sdk: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    provider: TracerProvider | None = None

    def configure(self) -> None:
        """What the code of an application does that uses an SDK."""
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.sdk))
        otel.set_tracer_provider(self.provider)

    @property
    def spans(self) -> list[Any]:
        return [*self.ours, *self.sdk.get_finished_spans()]

    @property
    def server(self) -> list[Any]:
        return [span for span in self.spans if span.kind is SpanKind.SERVER]

    def clear(self) -> None:
        self.ours.clear()
        self.sdk.clear()


@pytest.fixture
def receivers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receivers]:
    """A process in which nobody has set a provider yet."""
    monkeypatch.setattr(otel, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(otel, "_TRACER_PROVIDER_SET_ONCE", Once())
    before = propagate.get_global_textmap()
    yield Receivers()
    FastAPIInstrumentor.uninstrument_app(FastAPI())  # It has replaced a method of Starlette's.
    propagate.set_global_textmap(before)


def note() -> None:
    """What handlers do to the current span."""
    otel.get_current_span().set_attribute("noted", 1)


def rename() -> None:
    note()
    otel.get_current_span().update_name("mine")


async def depended() -> int:
    return 1


def a_fastapi(own: str) -> Any:
    app = FastAPI(openapi_url=None, telemetry={"tracing": own != "none"})

    @app.get("/items/{key}")
    async def item(key: str, rename_it: str = "", one: Annotated[int, Depends(depended)] = 0) -> str:
        (rename if rename_it else note)()
        return key

    return app


def a_mount(own: str) -> Any:
    app = FastAPI(openapi_url=None, telemetry={"tracing": own != "none"})
    app.mount("/sub", a_fastapi(own))
    return app


def a_starlette(own: str) -> Any:
    return Starlette(routes=[Mount("/sub", routes=[Route("/items/{key}", plain)]), Route("/items/{key}", plain)])


async def plain(request: Any) -> PlainTextResponse:
    (rename if request.query_params.get("rename_it") else note)()
    return PlainTextResponse("hello")


def a_flask(own: str) -> Any:
    app = flask.Flask("one")

    @app.get("/items/<key>")
    def item(key: str) -> str:
        (rename if flask.request.args.get("rename_it") else note)()
        return key

    return app


KINDS: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "fastapi": (a_fastapi, "/items/7", "GET /items/{key}"),
    "mount": (a_mount, "/sub/items/7", "GET /sub/items/{key}"),
    "starlette": (a_starlette, "/items/7", "GET /items/{key}"),
    "flask": (a_flask, "/items/7", "GET /items/<key>"),
}

ASGI_OWN = ("none", "native", "starlette", "contrib-inside", "contrib-outside")
ASGI_WRAPS = ("install", "door", "add")
CASES = [
    *((kind, own, wrap) for kind in ("fastapi", "mount") for own in (*ASGI_OWN, "contrib") for wrap in ASGI_WRAPS),
    *(("starlette", own, wrap) for own in ASGI_OWN if own != "native" for wrap in ASGI_WRAPS),
    *(
        ("flask", own, wrap)
        for own in ("none", "contrib", "contrib-inside", "contrib-outside")
        for wrap in ("install", "door")
    ),
]


def watched(app: Any, own: str, wrap: str, to: Receivers, operations: bool) -> Any:
    """*app* with its own telemetry, and ours."""
    is_flask = isinstance(app, flask.Flask)
    if own == "starlette":
        app.add_middleware(StarletteTelemetry)
    elif own == "contrib-inside" and is_flask:
        app.wsgi_app = ContribWSGI(app.wsgi_app)
    elif own == "contrib-inside":
        app.add_middleware(ContribASGI)
    elif own == "contrib":
        (FlaskInstrumentor if is_flask else FastAPIInstrumentor)().instrument_app(app)
    if wrap == "install":
        app = install(app, {**OFF, "trace": {"to": [to.ours.append], "operations": operations}})
    elif wrap == "door":
        app = (WSGIMiddleware if is_flask else ASGIMiddleware)(app, Tracing(to=[to.ours.append], operations=operations))
    else:
        app.add_middleware(ASGIMiddleware, Tracing(to=[to.ours.append], operations=operations))
    if own == "contrib-outside":
        app = (ContribWSGI if is_flask else ContribASGI)(app)
    return app


def nested(kind: str, own: str, wrap: str, sdk: str, operations: bool) -> bool:
    """Whether a library below us may make inner spans, one of which is current in the handler."""
    if own == "none":
        return False
    if own in {"contrib", "contrib-inside"} and sdk:
        return True  # They go straight to the SDK, which is what the application wanted of them.
    fastapi = kind in {"fastapi", "mount"}
    return fastapi and (operations or (wrap == "add" and bool(sdk)))


@pytest.mark.parametrize("operations", [False, True], ids=["", "operations"])
@pytest.mark.parametrize("sdk", ["", "before", "between"])
@pytest.mark.parametrize(("kind", "own", "wrap"), CASES)
def test_one(receivers: Receivers, kind: str, own: str, wrap: str, sdk: str, operations: bool) -> None:
    """It continues the caller's trace, the route names it, and what the handler says of the current span is on it."""
    make, path, name = KINDS[kind]
    if sdk == "before":
        receivers.configure()
    # Contrib around FastAPI's own are two server spans before anything of ours is called.
    app = watched(make("none" if (own, wrap) == ("contrib-outside", "add") else own), own, wrap, receivers, operations)
    if sdk == "between":
        receivers.configure()
    call = call_wsgi if kind == "flask" else call_asgi
    for query in ("", "rename_it=1", ""):
        receivers.clear()
        answer = call(app, path=path, headers=HEADERS, query=query)
        assert answer.status == 200, answer.error
        (span,) = receivers.server
        assert span.context.trace_id == int(TRACE_ID, 16)
        assert span.parent.span_id == int(PARENT_ID, 16)
        assert span.parent.is_remote
        assert span.attributes["http.route"] == name.removeprefix("GET ")
        (noted,) = (one for one in receivers.spans if "noted" in one.attributes)
        assert noted is span or nested(kind, own, wrap, sdk, operations)
        if query:
            assert noted.name == "mine"
        if not query or noted is not span:
            assert span.name == name
        assert {one.context.trace_id for one in receivers.spans} == {span.context.trace_id}
        known = {one.context.span_id for one in receivers.spans}
        assert len(known) == len(receivers.spans)
        assert all(one.parent.span_id in known for one in receivers.spans if one is not span)


@pytest.mark.parametrize("operations", [False, True], ids=["", "operations"])
@pytest.mark.parametrize("sdk", [False, True], ids=["", "sdk"])
def test_one_for_a_websocket(receivers: Receivers, websocket: Any, sdk: bool, operations: bool) -> None:
    """FastAPI has a server span for the whole connection; ours is the handshake."""
    if sdk:
        receivers.configure()
    app = FastAPI(openapi_url=None)

    @app.websocket("/rooms/{key}")
    async def room(socket: WebSocket, key: str) -> None:
        await socket.accept()
        await socket.send_text(key)
        await socket.close()

    app = install(app, {**OFF, "trace": {"to": [receivers.ours.append], "operations": operations}})
    for _ in range(2):
        receivers.clear()
        socket = websocket(app, path="/rooms/7")
        assert socket.error is None
        (span,) = receivers.server
        assert span.attributes["http.response.status_code"] == 101
        assert span.name == "GET /rooms/{key}"


@pytest.mark.parametrize("sdk", [False, True], ids=["", "sdk"])
@pytest.mark.parametrize("operations", [False, True], ids=["", "operations"])
def test_an_exception_is_recorded_once(receivers: Receivers, sdk: bool, operations: bool) -> None:
    """On the server span, whoever else sees it go by."""
    if sdk:
        receivers.configure()
    app = FastAPI(openapi_url=None)
    app.add_middleware(StarletteTelemetry)

    @app.get("/")
    async def fail() -> None:
        raise KeyError("once")

    app = install(app, {**OFF, "trace": {"to": [receivers.ours.append], "operations": operations}})
    for _ in range(2):
        receivers.clear()
        call_asgi(app)
        (span,) = receivers.server
        assert [event.attributes["exception.type"] for event in span.events] == ["KeyError"]
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"] == "KeyError"


@pytest.mark.parametrize("sdk", [False, True], ids=["", "sdk"])
def test_another_application_in_this_process(receivers: Receivers, sdk: bool) -> None:
    """A call that carries trace headers is a request of its own, with a server span below the call."""
    if sdk:
        receivers.configure()
    inner = Starlette(routes=[Route("/items/{key}", plain)])

    async def caller(request: Any) -> PlainTextResponse:
        with otel.get_tracer("client").start_as_current_span("call", kind=SpanKind.CLIENT):
            headers: dict[str, str] = {}
            propagate.inject(headers)
            transport = httpx.ASGITransport(app=inner)
            async with httpx.AsyncClient(transport=transport, base_url="http://inner") as client:
                await client.get("/items/7", headers=headers)
        return PlainTextResponse("called")

    outer = Starlette(routes=[Route("/", caller)])
    inner.add_middleware(StarletteTelemetry, tracer_provider=joining_after_start)
    app = install(outer, {**OFF, "trace": {"to": [receivers.ours.append]}})
    call_asgi(app)
    by_name = {span.name: span for span in receivers.spans}
    assert set(by_name) == {"GET /", "call", "GET /items/{key}"}
    assert by_name["GET /items/{key}"].parent.span_id == by_name["call"].context.span_id
    assert by_name["call"].parent.span_id == by_name["GET /"].context.span_id
    assert by_name["GET /items/{key}"].attributes["noted"] == 1


class Late(otel.TracerProvider):
    """Looks for the provider when it is asked."""

    def get_tracer(self, *args: Any, **options: Any) -> otel.Tracer:
        return joining_provider().get_tracer(*args, **options)


joining_after_start = Late()


def test_background_work_below_a_span_of_fastapi(receivers: Receivers) -> None:
    """FastAPI around the door: its server span is ours, and what follows it arrives too."""
    app = FastAPI(openapi_url=None)

    def work() -> None:
        with otel.get_tracer("library").start_as_current_span("work"):
            pass

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> str:
        tasks.add_task(work)
        return "hello"

    app.add_middleware(ASGIMiddleware, Tracing(to=[receivers.ours.append]))
    for _ in range(2):
        receivers.clear()
        call_asgi(app)
        (span,) = receivers.server
        known = {one.context.span_id for one in receivers.spans}
        assert "work" in {one.name for one in receivers.spans}
        assert all(one.parent.span_id in known for one in receivers.spans if one is not span)


def test_contrib_below_what_is_not_sampled(receivers: Receivers) -> None:
    """Nothing arrives, of ours or of theirs, and the handler's span records nothing."""
    app = a_starlette("")
    app.add_middleware(ContribASGI)
    app = install(app, {**OFF, "trace": {"to": [receivers.ours.append]}})
    for _ in range(2):
        headers = (("host", "testserver"), ("traceparent", f"00-{TRACE_ID}-{PARENT_ID}-00"))
        assert call_asgi(app, path="/items/7", headers=headers).status == 200
        assert receivers.spans == []
