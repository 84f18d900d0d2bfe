"""Calls of other services: each a span of its own, and the trace sent along, over real connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import requests
from opentelemetry import baggage
from opentelemetry.context import attach, detach
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
    use_span,
)

import midwatch
from midwatch import Tracing, inject, trace_client
from midwatch.testing import ScriptedApp
from midwatch.tracing import Span, outgoing

T = "0af7651916cd43dd8448eb211c80319c"
P = "b7ad6b7169203331"

Call = Callable[..., Any]


@pytest.fixture(params=["httpx.Client", "httpx.AsyncClient", "requests.Session"])
def call(request: pytest.FixtureRequest) -> Iterator[Call]:
    """`call(method, url)` by one kind of client, following redirects; the status."""
    if request.param == "requests.Session":
        with requests.Session() as session:
            session.trust_env = False
            traced = trace_client(session)
            assert traced is session
            trace_client(session)

            def by_requests(method: str, url: str, **options: Any) -> int:
                with session.request(method, url, timeout=10, **options) as response:
                    return response.status_code

            yield by_requests
    elif request.param == "httpx.Client":
        with httpx.Client(follow_redirects=True, trust_env=False) as client:
            assert trace_client(client) is client
            trace_client(client)
            yield lambda method, url, **options: client.request(method, url, **options).status_code
    else:

        def by_async(method: str, url: str, **options: Any) -> int:
            async def run() -> int:
                async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as client:
                    assert trace_client(client) is client
                    trace_client(client)
                    return (await client.request(method, url, **options)).status_code

            return asyncio.run(run())

        yield by_async


@pytest.fixture
def current(span: Span) -> Iterator[Span]:
    """A span that is current."""
    with use_span(span):
        yield span


def test_a_call_is_a_span(call: Call, server: Any, current: Span, exported: list[Span]) -> None:
    """It is the child of the current one, and the parent of what the other service does."""
    assert call("GET", f"{server.url}/stock/7?sku=secret") == 200
    (span,) = exported
    assert span.name == "GET"
    assert span.kind is SpanKind.CLIENT
    assert (span.trace_id, span.parent_id) == (current.trace_id, current.span_id)
    assert server.parents == [f"00-{T}-{span.span_id}-03"]
    assert span.attributes == {
        "http.request.method": "GET",
        "url.full": f"{server.url}/stock/7?sku=REDACTED",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "http.response.status_code": 200,
    }
    assert span.status is StatusCode.UNSET
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
    assert span.status is code


def test_nobody_answers(call: Call, current: Span, exported: list[Span]) -> None:
    """The client's own exception leaves, and the span is an error that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises((httpx.ConnectError, requests.exceptions.ConnectionError)) as raised:
        call("GET", f"http://127.0.0.1:{port}/x")
    (span,) = exported
    assert span.attributes["error.type"] == type(raised.value).__qualname__
    assert "http.response.status_code" not in span.attributes
    assert span.status is StatusCode.ERROR


def test_no_secret_of_the_url_is_kept(call: Call, server: Any, current: Span, exported: list[Span]) -> None:
    """Neither credentials nor query values."""
    call("GET", f"http://user:hunter2@127.0.0.1:{server.port}/p?token=hunter2&flag#hunter2")
    (span,) = exported
    assert span.attributes["url.full"] == f"{server.url}/p?token=REDACTED&REDACTED"
    assert "hunter2" not in repr(span.attributes)


def test_an_unknown_method(call: Call, server: Any, current: Span, exported: list[Span]) -> None:
    call("BREW", server.url)
    (span,) = exported
    assert span.name == "HTTP"
    assert span.attributes["http.request.method"] == "_OTHER"


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
    assert outgoing.default_export is None


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
    assert P not in parent
    assert parent.endswith(f"-0{flags}")
    assert server.headers[0]["tracestate"] == "rojo=1"
    assert [span.parent_id for span in spans] == [P] * flags


def test_a_destination_that_fails_is_not_the_callers_problem(call: Call, server: Any) -> None:
    """The call was answered."""
    from midwatch.plugin import failures

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


def test_mounted_transports_are_traced(server: Any, current: Span, exported: list[Span]) -> None:
    """Those that the client was made with, each once; a mount of None is the way around a proxy."""
    shared = httpx.HTTPTransport()
    with httpx.Client(transport=shared, mounts={"http://127.0.0.1": shared, "all://x": None}) as client:
        trace_client(client)
        client.get(server.url)
    assert len(exported) == 1
    assert len(server.parents) == 1


def test_an_adapter_mounted_later_is_traced(server: Any, current: Span, exported: list[Span]) -> None:
    """And what else an adapter can do is still there."""
    with requests.Session() as session:
        session.trust_env = False
        trace_client(session).mount("http://127.0.0.1", requests.adapters.HTTPAdapter(max_retries=3))
        assert session.get(server.url, timeout=10).status_code == 200
        assert getattr(session.get_adapter(server.url), "max_retries").total == 3  # noqa: B009
    assert len(exported) == 1


@pytest.mark.parametrize(
    "client", [None, object(), "client", requests, httpx, httpx.Client, httpx.Request("GET", "http://x")]
)
def test_another_kind_of_client(client: Any) -> None:
    """The message says what was seen, and what does for any client."""
    with pytest.raises(TypeError, match=r"no client that can be traced.*midwatch\.inject"):
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
def test_a_url(current: Span, url: str, attributes: dict[str, Any]) -> None:
    """A URL that cannot be read is the client's to complain about."""
    span = outgoing.client_span("GET", url, {})
    found = dict(span.attributes)
    assert found.pop("http.request.method") == "GET"
    assert found == attributes


# inject


def test_inject_outside_of_a_trace_does_nothing() -> None:
    headers = {"accept": "*/*"}
    inject(headers)
    assert headers == {"accept": "*/*"}


def test_inject_inside(door: Any) -> None:
    """The server span is the parent of whatever is called."""
    sent: dict[str, str] = {}

    def handler() -> None:
        inject(sent)
        exchange = midwatch.current()
        assert exchange is not None
        assert sent == {"traceparent": f"00-{exchange.trace_id}-{exchange.span_id}-03"}

    assert door.call(door.watch(ScriptedApp(before=handler), Tracing())).error is None
    assert sent


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
