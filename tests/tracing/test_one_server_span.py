"""Per request one server span, whatever else traces it: frameworks by themselves, contrib's libraries, an SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import flask
import pytest
from fastapi import Depends, FastAPI
from opentelemetry import propagate
from opentelemetry import trace as otel
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as ContribASGI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as ContribWSGI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from opentelemetry.util._once import Once
from starlette.applications import Starlette
from starlette.middleware.opentelemetry import OpenTelemetryMiddleware as StarletteTelemetry
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from midwatch import ASGIMiddleware, Tracing, WSGIMiddleware, install
from midwatch.testing import call_asgi, call_wsgi

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
