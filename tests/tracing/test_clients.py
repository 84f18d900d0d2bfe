"""Calls of other services: each a span of its own, and the trace sent along, over real connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import opentelemetry.trace
import pytest
import requests
import urllib3
from opentelemetry import baggage
from opentelemetry.context import attach, detach, set_value
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
    use_span,
)

from midwatch import Tracing, trace_client
from midwatch.plugin import failures
from midwatch.testing import ScriptedApp
from midwatch.tracing import Span
from midwatch.tracing.clients.call import ALL, HTTP, Attempt
from midwatch.tracing.clients.chain import Chain
from midwatch.tracing.formats import Format
from midwatch.tracing.policy import policy

T = "0af7651916cd43dd8448eb211c80319c"
P = "b7ad6b7169203331"

Call = Callable[..., int]

REFUSED = (
    httpx.ConnectError,
    requests.exceptions.ConnectionError,
    aiohttp.ClientConnectorError,
    urllib3.exceptions.MaxRetryError,
)


def test_a_call_is_a_span(call: Call, server: Any, current: Span, exported: list[Span]) -> None:
    """It is the child of the current one, and the parent of what the other service does."""
    assert call("GET", f"{server.url}/stock/7?sku=7&token=secret") == 200
    (span,) = exported
    assert span.name == "GET"
    assert span.kind is SpanKind.CLIENT
    assert (span.trace_id, span.parent_id) == (current.trace_id, current.span_id)
    assert server.parents == [f"00-{T}-{span.span_id}-03"]
    # Only some clients tell, and only while the connection is there.
    peer = [span.attributes.pop(name, None) for name in ("network.peer.address", "network.peer.port")]
    assert peer in ([None, None], ["127.0.0.1", server.port])
    assert span.attributes == {
        "http.request.method": "GET",
        "url.full": f"{server.url}/stock/7?sku=7&token=REDACTED",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "http.response.status_code": 200,
        "network.protocol.version": "1.0",
    }
    assert span.status_code is StatusCode.UNSET
    assert span.end_time >= span.start_time


def test_each_call_is_its_own(call: Call, server: Any, current: Span, exported: list[Span]) -> None:
    for _ in range(3):
        call("POST", server.url)
    assert len({span.span_id for span in exported}) == 3
    assert server.parents == [f"00-{T}-{span.span_id}-03" for span in exported]


def test_a_redirect_is_two_calls(call: Call, server: Any, current: Span, exported: list[Span]) -> None:
    """Each with a parent id of its own; the trace goes on."""
    assert call("GET", f"{server.url}/redirect") == 200
    assert server.calls == [("GET", "/redirect"), ("GET", "/landed")]
    assert [span.attributes["http.response.status_code"] for span in exported] == [302, 200]
    assert server.parents == [f"00-{T}-{span.span_id}-03" for span in exported]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (204, StatusCode.UNSET, None),
        (399, StatusCode.UNSET, None),
        (400, StatusCode.ERROR, "400"),
        (404, StatusCode.ERROR, "404"),
        (503, StatusCode.ERROR, "503"),
    ],
)
def test_an_answer(
    call: Call, server: Any, current: Span, exported: list[Span], status: int, code: StatusCode, error: str | None
) -> None:
    """To a client, 4xx is an error too."""
    assert call("GET", f"{server.url}/status/{status}") == status
    (span,) = exported
    assert span.attributes["http.response.status_code"] == status
    assert span.attributes.get("error.type") == error
    assert span.status_code is code


def test_nobody_answers(call: Call, current: Span, exported: list[Span]) -> None:
    """The client's own exception leaves, and the span is an error that names it or its cause."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(REFUSED):
        call("GET", f"http://127.0.0.1:{port}/x")
    (span,) = exported
    assert span.attributes["error.type"] in {
        "ConnectError",
        "ConnectionError",
        "ClientConnectorError",
        "NewConnectionError",
    }
    assert "http.response.status_code" not in span.attributes
    assert (span.status_code, span.status_description) == (StatusCode.ERROR, None)


def test_no_secret_of_the_url_is_kept(call: Call, server: Any, current: Span, exported: list[Span]) -> None:
    """Neither credentials, nor values of the query, nor the fragment."""
    call("GET", f"http://user:hunter2@127.0.0.1:{server.port}/p?token=hunter2&flag#hunter2")
    (span,) = exported
    assert span.attributes["url.full"] == f"{server.url}/p?token=REDACTED&flag"
    assert "hunter2" not in repr(span.attributes)


def test_an_unknown_method(call: Call, server: Any, current: Span, exported: list[Span]) -> None:
    call("BREW", server.url)
    (span,) = exported
    assert span.name == "HTTP"
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.request.method_original"] == "BREW"


def test_state_and_baggage_go_along(call: Call, server: Any) -> None:
    """So does the decision of a trace that is not sampled, of which no span is kept."""
    spans: list[Span] = []
    unsampled = Span("work", SpanKind.INTERNAL, T, P, None, 2, "rojo=1", 1, None)
    token = attach(baggage.set_baggage("user", "a b"))
    with use_span(unsampled):
        call("GET", server.url, headers={"tracestate": "stale=1", "TraceParent": "stale"})
    detach(token)
    (headers,) = server.headers
    assert headers.get_all("traceparent")[0].endswith("-02")
    assert len(headers.get_all("traceparent")) == 1
    assert headers.get_all("tracestate") == ["rojo=1"]
    assert headers["baggage"] == "user=a%20b"
    assert not spans


def test_stale_state_is_taken_out(call: Call, server: Any, current: Span) -> None:
    """A trace without state has none, whatever the caller copied."""
    call("GET", server.url, headers={"tracestate": "stale=1"})
    assert server.headers[0]["tracestate"] is None


def test_a_call_outside_of_a_trace_starts_one(call: Call, server: Any) -> None:
    """A script or a job; its spans go where those of the service go."""
    spans: list[Span] = []
    Tracing(to=[spans.append])
    try:
        call("GET", server.url)
    finally:
        Tracing()
    (span,) = spans
    assert span.parent_id is None
    assert server.parents == [f"00-{span.trace_id}-{span.span_id}-03"]


@pytest.mark.parametrize("flags", [0, 1])
def test_a_foreign_span_is_a_parent_too(call: Call, server: Any, flags: int) -> None:
    """One that another OpenTelemetry SDK made, or an extracted one."""
    spans: list[Span] = []
    Tracing(to=[spans.append])
    context = SpanContext(int(T, 16), int(P, 16), True, TraceFlags(flags), TraceState([("rojo", "1")]))
    token = attach(set_span_in_context(NonRecordingSpan(context)))
    try:
        call("GET", server.url)
    finally:
        detach(token)
        Tracing()
    (parent,) = server.parents
    assert parent.startswith(f"00-{T}-")
    assert parent.endswith(f"-0{flags}")
    assert server.headers[0]["tracestate"] == "rojo=1"
    assert [span.parent_id for span in spans] == [P] * flags


def test_a_destination_that_fails_is_not_the_callers_problem(call: Call, server: Any) -> None:
    """The call was answered."""

    def broken(span: Span) -> None:
        raise RuntimeError("broken")

    Tracing(to=[broken])
    try:
        assert call("GET", server.url) == 200
    finally:
        Tracing()
    assert failures.pop(broken.__qualname__) == 1


def test_a_cancelled_call(server: Any, current: Span, exported: list[Span]) -> None:
    """A task that is cancelled while it waits ends its span and stays cancelled."""

    async def run() -> None:
        class Waiting(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                raise asyncio.CancelledError

        async with httpx.AsyncClient(transport=Waiting(), trust_env=False) as client:
            with pytest.raises(asyncio.CancelledError):
                await trace_client(client).get("http://x")

    asyncio.run(run())
    (span,) = exported
    assert span.attributes["error.type"] == "CancelledError"


@pytest.mark.parametrize("client", [None, object(), "client", httpx.Request("GET", "http://x")])
def test_another_kind_of_client(client: Any) -> None:
    """The message says what was seen, and what does for any client."""
    with pytest.raises(TypeError, match=r"no client that can be traced.*midwatch\.inject"):
        trace_client(client)


@pytest.mark.parametrize("client", [requests, httpx, httpx.Client])
def test_what_is_no_instance(client: Any) -> None:
    """A library or a class of one makes clients and is none; the message says what is."""
    with pytest.raises(TypeError, match=r"takes an instance, such as requests\.Session\(\), not the (module|type) "):
        trace_client(client)


@pytest.mark.parametrize(
    ("url", "attributes"),
    [
        ("https://x/p", {"url.full": "https://x/p", "server.address": "x", "server.port": 443}),
        ("http://[::1]:8080/p", {"url.full": "http://[::1]:8080/p", "server.address": "::1", "server.port": 8080}),
        ("http://x:99999/", {}),
        ("http://[x", {}),
        ("", {}),
        ("http://x/" + "a" * 9000, {"url.full": "http://x/" + "a" * 1015, "server.address": "x", "server.port": 80}),
        ("http://a@b:c@x/", {"url.full": "http://x/", "server.address": "x", "server.port": 80}),
    ],
)
def test_a_url(current: Span, exported: list[Span], url: str, attributes: dict[str, Any]) -> None:
    """A URL that cannot be read is the client's to complain about."""
    with Attempt(Chain(), "GET", url, {}):
        pass
    found = exported[0].attributes
    assert found.pop("http.request.method") == "GET"
    assert found == attributes


@pytest.mark.parametrize("key", ["suppress_instrumentation", ALL, HTTP], ids=["old", "all", "http"])
def test_a_call_that_nobody_wants_traced(
    call: Call, server: Any, current: Span, exported: list[Span], key: str
) -> None:
    """Such as that of an exporter."""
    token = attach(set_value(key, True))
    assert call("GET", f"{server.url}/redirect") == 200
    detach(token)
    assert not exported
    assert server.parents == [None, None]


def test_through_an_sdk(call: Call, server: Any, sdk: Any) -> None:
    """The application has configured a provider of its own: its samplers see the attributes."""
    tracer, spans = sdk
    with tracer.start_as_current_span("work") as work:
        assert call("GET", f"{server.url}/status/404") == 404
    span = spans.get_finished_spans()[0]
    assert (span.name, span.kind, span.parent.span_id) == ("GET", SpanKind.CLIENT, work.context.span_id)
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes["error.type"], span.attributes["server.port"]) == ("404", server.port)
    assert server.parents[0].split("-")[1:3] == [f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"]


def test_an_sdk_that_samples_nothing(call: Call, server: Any, sdk: Any) -> None:
    tracer, spans = sdk
    nothing = SpanContext(int(T, 16), int(P, 16), True, TraceFlags(0))
    with use_span(NonRecordingSpan(nothing)):
        call("GET", server.url)
    assert not spans.get_finished_spans()
    assert server.parents[0].startswith(f"00-{T}-")
    assert server.parents[0].endswith("-00")


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A real provider, as an application configures it; its tracer and what it has exported."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    configured, memory = TracerProvider(), InMemorySpanExporter()
    configured.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(opentelemetry.trace, "_TRACER_PROVIDER", configured)
    return configured.get_tracer("test"), memory


def test_a_provider_that_fails(call: Call, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is made."""

    class Broken(opentelemetry.trace.TracerProvider):
        def get_tracer(self, *args: Any, **options: Any) -> Any:
            raise RuntimeError("broken")

    monkeypatch.setattr(opentelemetry.trace, "_TRACER_PROVIDER", Broken())
    assert call("GET", server.url) == 200
    assert failures.pop("Attempt") == 1


def test_a_format_that_fails(call: Call, server: Any, current: Span, exported: list[Span]) -> None:
    """So it is, without headers; the span is there."""

    class Broken(Format):
        name = "broken"
        fields = sends = ()

        def inject(self, span: Any) -> Any:
            raise RuntimeError("broken")

    policy.adopt(None, None, [Broken()], (), operations=False)
    try:
        assert call("GET", server.url) == 200
    finally:
        Tracing()
    assert failures.pop("Attempt") == 1
    assert [span.attributes["http.response.status_code"] for span in exported] == [200]


def test_the_span_is_current_meanwhile(server: Any, current: Span, exported: list[Span]) -> None:
    """What logs or traces inside of the client belongs to the call; afterwards all is as it was."""
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(get_current_span())
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(handler)) as client:
        trace_client(client).get("http://x")
    assert seen == exported
    assert get_current_span() is current


def test_an_application_that_is_called_in_process(door: Any, server: Any) -> None:
    """It serves an exchange of its own, in the same task, and its calls have spans."""
    spans: list[Span] = []
    with httpx.Client(trust_env=False) as client:
        trace_client(client)

        def handler() -> None:
            client.get(server.url)

        inner = door.watch(ScriptedApp(before=handler), Tracing(to=[spans.append]))

        def in_process(request: httpx.Request) -> httpx.Response:
            answer = door.call(inner, headers=[("host", "x"), *request.headers.items()])
            return httpx.Response(answer.status or 500)

        with httpx.Client(transport=httpx.MockTransport(in_process)) as outer:
            assert trace_client(outer).get("http://x").status_code == 200
    assert [span.kind for span in spans] == [SpanKind.CLIENT, SpanKind.SERVER, SpanKind.CLIENT]
    assert spans[0].parent_id == spans[1].span_id
    assert spans[1].parent_id == spans[2].span_id


def test_two_services(door: Any, server: Any) -> None:
    """A handler's call is joined to its request."""
    spans: list[Span] = []

    def handler() -> None:
        with httpx.Client(trust_env=False) as client:
            trace_client(client).get(server.url)

    door.call(
        door.watch(ScriptedApp(before=handler), Tracing(to=[spans.append])),
        headers=[("host", "x"), ("traceparent", f"00-{T}-{P}-01"), ("baggage", "a=1"), ("tracestate", "rojo=1")],
    )
    outgoing_span, incoming = spans
    assert outgoing_span.parent_id == incoming.span_id
    assert incoming.parent_id == P
    (headers,) = server.headers
    assert headers["traceparent"] == f"00-{T}-{outgoing_span.span_id}-01"
    assert (headers["tracestate"], headers["baggage"]) == ("rojo=1", "a=1")


def test_an_answer_that_is_none(current: Span, exported: list[Span]) -> None:
    """A transport may return anything; what cannot be read of it is left out."""

    with requests.Session() as session:
        session.trust_env = False
        adapter: Any = requests.adapters.BaseAdapter()
        adapter.send = lambda request, **_: odd(request)
        adapter.close = lambda: None
        session.mount("odd://", adapter)
        assert trace_client(session).get("odd://x", timeout=10).status_code == "fine"  # type: ignore[comparison-overlap]
    assert failures.pop("Attempt.answered") == 1
    (span,) = exported
    assert "error.type" not in span.attributes


def odd(request: Any) -> requests.Response:
    response = requests.Response()
    response.status_code = "fine"  # type: ignore[assignment]
    response.raw = None
    response.request, response.url = request, request.url
    response._content = b""
    return response


def test_a_span_that_cannot_end(call: Call, server: Any, span: Span) -> None:
    """Its destination fails: the call was answered."""

    def broken(_: Span) -> None:
        raise RuntimeError("broken")

    span.export = broken
    with use_span(span, end_on_exit=False):
        assert call("GET", server.url) == 200
        assert get_current_span() is span
    assert failures.pop("Attempt") == 1
