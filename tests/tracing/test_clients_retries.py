"""One span for each attempt, whatever makes a client try again; and the properties of each client."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPDigestAuth

from midwatch import trace_client

if TYPE_CHECKING:
    from midwatch.tracing import Span

pytestmark = pytest.mark.usefixtures("current")


def attempts(spans: list[Span]) -> list[tuple[Any, Any]]:
    """Status or error of each span, and the count of what was sent again."""
    return [
        (s.attributes.get("http.response.status_code", s.attributes.get("error.type")),
         s.attributes.get("http.request.resend_count"))
        for s in spans
    ]  # fmt: skip


def parents(server: Any) -> list[str]:
    return [parent.split("-")[2] for parent in server.parents]


def again() -> urllib3.Retry:
    return urllib3.Retry(3, status_forcelist=[503], backoff_factor=0)


def test_urllib3_retries(server: Any, exported: list[Span]) -> None:
    """After a status, and after a connection that broke."""
    with urllib3.PoolManager(retries=again()) as manager:
        assert trace_client(manager).request("GET", f"{server.url}/flaky/2").status == 200
        assert manager.request("GET", f"{server.url}/drop/1").status == 200
    assert attempts(exported) == [(503, None), (503, 1), (200, 2), ("RemoteDisconnected", None), (200, 1)]
    assert parents(server) == [span.span_id for span in exported]


def test_requests_retries(server: Any, exported: list[Span]) -> None:
    """By the adapter, which leaves it to urllib3; a redirect in between does not start another count."""
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", HTTPAdapter(max_retries=again()))
        trace_client(session)
        assert session.get(f"{server.url}/flaky/2", timeout=10).status_code == 200
        assert session.get(f"{server.url}/redirect?to=/flaky/1", timeout=10).status_code == 200
    assert attempts(exported) == [(503, None), (503, 1), (200, 2), (302, None), (503, 1), (200, 2)]
    assert parents(server) == [span.span_id for span in exported]


def test_requests_retries_elsewhere(server: Any, elsewhere: Any, exported: list[Span]) -> None:
    """Who may not know is not told by the second attempt either."""
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", HTTPAdapter(max_retries=again()))
        trace_client(session).get(f"{server.url}/redirect?to={elsewhere.url}/flaky/1", timeout=10)
    assert elsewhere.parents == [None, None]
    assert attempts(exported) == [(302, None), (503, 1), (200, 2)]


def test_requests_challenged(server: Any, exported: list[Span]) -> None:
    """The answer to a challenge is an attempt of its own."""
    with requests.Session() as session:
        session.trust_env = False
        answer = trace_client(session).get(f"{server.url}/digest", auth=HTTPDigestAuth("a", "b"), timeout=10)
        assert answer.status_code == 200
    assert attempts(exported) == [(401, None), (200, 1)]
    assert parents(server) == [span.span_id for span in exported]


def test_httpx_challenged(server: Any, exported: list[Span]) -> None:
    with httpx.Client(trust_env=False, auth=httpx.DigestAuth("a", "b")) as client:
        assert trace_client(client).get(f"{server.url}/digest").status_code == 200
    assert attempts(exported) == [(401, None), (200, 1)]
    assert parents(server) == [span.span_id for span in exported]


def test_aiohttp_retries(server: Any, exported: list[Span]) -> None:
    """By itself after a broken connection, and by a middleware of the caller, which is the outer one."""

    async def patient(request: aiohttp.ClientRequest, send: Any) -> aiohttp.ClientResponse:
        response: aiohttp.ClientResponse = await send(request)
        while response.status == 503:
            response = await send(request)
        return response

    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            trace_client(session)
            async with session.get(f"{server.url}/drop/1") as response:
                assert response.status == 200
            async with session.get(f"{server.url}/flaky/2", middlewares=[patient]) as response:
                assert response.status == 200

    asyncio.run(run())
    assert attempts(exported) == [("ServerDisconnectedError", None), (200, 1), (503, None), (503, 1), (200, 2)]
    assert parents(server) == [span.span_id for span in exported]


def test_an_adapter_mounted_later_is_traced(server: Any, exported: list[Span]) -> None:
    """And what else an adapter can do is still there."""
    adapter = HTTPAdapter()
    with requests.Session() as session:
        session.trust_env = False
        trace_client(session).mount("http://127.0.0.1", adapter)
        assert session.get(server.url, timeout=10).status_code == 200
        chosen: Any = session.get_adapter(server.url)
        assert chosen.max_retries.total == 0
        chosen.max_retries = again()
        assert adapter.max_retries.total == 3
    assert len(exported) == 1


def test_a_manager_of_another_client_is_traced_once(server: Any, exported: list[Span]) -> None:
    """The outer one makes the span."""
    adapter = HTTPAdapter()
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", adapter)
        trace_client(session)
        trace_client(adapter.poolmanager)
        session.get(server.url, timeout=10)
    assert len(exported) == 1


def test_one_pool(server: Any, exported: list[Span]) -> None:
    """A pool without a manager, with headers that are its own."""
    own = urllib3.HTTPHeaderDict({"x-own": "1"})
    own.add("x-own", "2")
    with urllib3.HTTPConnectionPool("127.0.0.1", server.port, headers=own) as pool:
        assert trace_client(pool).request("GET", "/a?next=http://x").status == 200
    assert server.headers[0].get_all("x-own") == ["1", "2"]
    assert parents(server) == [span.span_id for span in exported]
    assert exported[0].attributes["url.full"] == f"{server.url}/a?next=http://x"
    assert list(own.items()) == [("x-own", "1"), ("x-own", "2")]


def test_a_proxy(server: Any, elsewhere: Any, exported: list[Span]) -> None:
    """The span says where the call was meant to go; the connection went to the proxy."""
    with urllib3.ProxyManager(server.url) as manager:
        assert trace_client(manager).request("GET", f"{elsewhere.url}/far").status == 200
    assert server.calls == [("GET", f"{elsewhere.url}/far")]
    assert exported[0].attributes["url.full"] == f"{elsewhere.url}/far"
    assert parents(server) == [exported[0].span_id]


def test_a_pool_that_nobody_needs_is_forgotten(server: Any) -> None:
    """At once, without a collector: its connections close with it."""
    gc.disable()
    try:
        pool = trace_client(urllib3.HTTPConnectionPool("127.0.0.1", server.port))
        pool.request("GET", "/")
        gone = weakref.ref(pool)
        del pool
        assert gone() is None
    finally:
        gc.enable()


def test_a_class_that_is_replaced_later(monkeypatch: pytest.MonkeyPatch, exported: list[Span]) -> None:
    """As libraries for tests do it: a client that was traced before does not get around them."""
    sent: list[str] = []

    def instead(transport: Any, request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["traceparent"])
        return httpx.Response(418)

    def adapter(session: Any, url: str) -> Any:
        raise LookupError(url)

    client = trace_client(httpx.Client(trust_env=False))
    session = trace_client(requests.Session())
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", instead)
    monkeypatch.setattr(requests.Session, "get_adapter", adapter)
    assert client.get("http://nowhere.invalid").status_code == 418
    assert [parent.split("-")[2] for parent in sent] == [span.span_id for span in exported]
    with pytest.raises(LookupError):
        session.get("http://nowhere.invalid", timeout=10)
    client.close()
    session.close()


def test_a_streamed_body_is_the_callers(exported: list[Span]) -> None:
    """The span ends with the headers, and the body comes afterwards, unread by us."""
    pieces = iter([b"a", b"b"])

    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=pieces))) as client:
        trace_client(client)
        with client.stream("GET", "http://x") as response:
            assert len(exported) == 1
            assert next(pieces) == b"a"
            assert [*response.iter_bytes()] == [b"b"]


def test_urllib3_streams(server: Any, exported: list[Span]) -> None:
    with urllib3.PoolManager() as manager:
        response = trace_client(manager).request("GET", server.url, preload_content=False)
        assert len(exported) == 1
        assert response.read() == b"ok"
        response.release_conn()


def test_an_aiohttp_that_is_too_old() -> None:
    """The message says what does instead."""
    session: Any = type("ClientSession", (), {"__module__": "aiohttp.client"})()
    with pytest.raises(TypeError, match=r"3\.12.*midwatch\.inject"):
        trace_client(session)
