"""Next to OpenTelemetry's own instrumentations: whoever traces a call first, it has one client span."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import opentelemetry.trace
import pytest
import requests
import urllib3
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor, create_trace_config
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor

from midwatch import Tracing, trace_client
from midwatch.tracing.provider import provider

if TYPE_CHECKING:
    from midwatch.tracing import Span

pytestmark = pytest.mark.usefixtures("current")

REQUESTS = "opentelemetry.instrumentation.requests"
AIOHTTP = "opentelemetry.instrumentation.aiohttp_client"
URLLIB3 = "opentelemetry.instrumentation.urllib3"


@pytest.fixture(params=["ours", "sdk"])
def recorded(request: pytest.FixtureRequest, exported: list[Span], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The spans that were made, by our provider or by an SDK's."""
    if request.param == "ours":
        monkeypatch.setattr(opentelemetry.trace, "_TRACER_PROVIDER", provider)
        return exported
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory, configured = InMemorySpanExporter(), TracerProvider()
    configured.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(opentelemetry.trace, "_TRACER_PROVIDER", configured)
    return InOrder(memory)  # type: ignore[return-value]


class InOrder:
    """A live list of what the SDK's exporter has got."""

    def __init__(self, memory: Any) -> None:
        self._memory = memory

    def __iter__(self) -> Iterator[Any]:
        return iter(self._memory.get_finished_spans())


@pytest.fixture
def instrumented(recorded: Any) -> Iterator[None]:
    """All of contrib's, as the agent of OpenTelemetry has them: on the classes, before there is a client."""
    kinds: list[Any] = [AioHttpClientInstrumentor, HTTPXClientInstrumentor, RequestsInstrumentor, URLLib3Instrumentor]
    for kind in kinds:
        kind().instrument()
    yield
    for kind in kinds:
        kind().uninstrument()


def scopes(spans: Any) -> list[str]:
    return [span.instrumentation_scope.name for span in spans]


def one_parent(server: Any, spans: Any) -> bool:
    """Whether the server was told of the very span that was made."""
    span_ids = [f"{span.get_span_context().span_id:016x}" for span in spans]
    return [parent.split("-")[2] for parent in server.parents] == span_ids


@pytest.mark.usefixtures("instrumented")
def test_on_the_classes(call: Any, server: Any, recorded: Any) -> None:
    """Those of requests, urllib3 and aiohttp are around us, so we step aside; httpx is inside of us, so they do."""
    assert call("GET", server.url) == 200
    assert len(scopes(recorded)) == 1
    assert one_parent(server, recorded)


@pytest.mark.usefixtures("instrumented")
def test_redirected(call: Any, server: Any, elsewhere: Any, recorded: Any) -> None:
    """Never two for one hop; those of requests and aiohttp make one for the whole call."""
    assert call("GET", f"{server.url}/redirect?to={elsewhere.url}/landed") == 200
    assert scopes(recorded) in [["midwatch"] * 2, [URLLIB3] * 2, [REQUESTS], [AIOHTTP]]


def test_httpx_afterwards(server: Any, recorded: Any) -> None:
    """Contrib on one client that was traced already."""
    with httpx.Client(trust_env=False) as client:
        trace_client(client)
        HTTPXClientInstrumentor.instrument_client(client)
        assert client.get(server.url).status_code == 200
    assert scopes(recorded) == ["midwatch"]
    assert one_parent(server, recorded)


def test_httpx_before(server: Any, recorded: Any) -> None:
    async def run() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            HTTPXClientInstrumentor.instrument_client(client)
            assert (await trace_client(client).get(server.url)).status_code == 200

    asyncio.run(run())
    assert scopes(recorded) == ["midwatch"]
    assert one_parent(server, recorded)


def test_urllib3_below_requests(server: Any, recorded: Any) -> None:
    """Only the lower one is instrumented: ours is the outer one, and theirs steps aside."""
    URLLib3Instrumentor().instrument()
    try:
        with requests.Session() as session:
            session.trust_env = False
            assert trace_client(session).get(server.url, timeout=10).status_code == 200
    finally:
        URLLib3Instrumentor().uninstrument()
    assert scopes(recorded) == ["midwatch"]
    assert one_parent(server, recorded)


def test_requests_above_a_traced_manager(server: Any, recorded: Any) -> None:
    RequestsInstrumentor().instrument()
    try:
        with requests.Session() as session:
            session.trust_env = False
            for adapter in session.adapters.values():
                trace_client(adapter.poolmanager)  # type: ignore[attr-defined]
            assert session.get(server.url, timeout=10).status_code == 200
    finally:
        RequestsInstrumentor().uninstrument()
    assert scopes(recorded) == [REQUESTS]


def test_aiohttp_by_hand(server: Any, recorded: Any) -> None:
    """A trace configuration of contrib's, which nothing but its span tells of."""

    async def run() -> None:
        session = trace_client(aiohttp.ClientSession(trace_configs=[create_trace_config()]))
        async with session, session.get(server.url) as response:
            assert response.status == 200

    asyncio.run(run())
    assert scopes(recorded) == [AIOHTTP]
    assert one_parent(server, recorded)


def test_no_longer_instrumented(server: Any, recorded: Any) -> None:
    """What was instrumented while the client was traced: from then on it is ours."""
    URLLib3Instrumentor().instrument()
    with urllib3.PoolManager() as manager:
        trace_client(manager)
        manager.request("GET", server.url)
        URLLib3Instrumentor().uninstrument()
        manager.request("GET", server.url)
    assert scopes(recorded) == [URLLIB3, "midwatch"]


@pytest.fixture(autouse=True)
def _global_formats() -> Iterator[None]:
    """Contrib injects by the global propagator, W3C's unless somebody says otherwise."""
    Tracing()
    yield
    Tracing()
