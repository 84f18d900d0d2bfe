"""Who is told of the trace when a call is redirected, over real connections to servers of different origins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.context import attach, detach

from midwatch import Tracing, trace_client
from midwatch.tracing.clients.chain import Chain, origin_of

if TYPE_CHECKING:
    from midwatch.tracing import Span

Call = Callable[..., int]

FORMATS = ("tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray", "ottrace", "cloudtrace")

SENT = {
    "traceparent", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "uber-trace-id", "uberctx-user",
    "x-amzn-trace-id", "ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled", "ot-baggage-user",
    "x-cloud-trace-context",
}  # fmt: skip


def told(headers: Any) -> set[str]:
    """Headers by which a server was told of the trace."""
    return {name.lower() for name in headers} & SENT


@pytest.fixture(autouse=True)
def _all_formats(current: Span) -> Iterator[None]:
    Tracing(send=FORMATS)
    token = attach(baggage.set_baggage("user", "42"))
    yield
    detach(token)
    Tracing()


def to(server: Any, url: str) -> str:
    return f"{server.url}/redirect?to={quote(url)}"


def test_the_same_origin_is_told(call: Call, server: Any, exported: list[Span]) -> None:
    """Each hop of its own span."""
    assert call("GET", to(server, f"{server.url}/landed")) == 200
    assert [told(headers) for headers in server.headers] == [SENT, SENT]
    assert [parent.split("-")[2] for parent in server.parents] == [span.span_id for span in exported]
    assert [span.attributes.get("http.request.resend_count") for span in exported] == [None, 1]


def test_another_origin_is_not(call: Call, server: Any, elsewhere: Any, exported: list[Span]) -> None:
    """Neither of the trace nor of the baggage, in any format; what the caller has set is the caller's."""
    assert call("GET", to(server, f"{elsewhere.url}/landed"), headers={"x-own": "1"}) == 200
    assert told(server.headers[0]) == SENT
    assert told(elsewhere.headers[0]) == set()
    assert elsewhere.headers[0]["x-own"] == "1"
    assert [span.attributes["server.port"] for span in exported] == [server.port, elsewhere.port]
    assert [span.attributes["http.response.status_code"] for span in exported] == [302, 200]


def test_back_home_it_is_told_again(call: Call, server: Any, elsewhere: Any, exported: list[Span]) -> None:
    assert call("GET", to(server, to(elsewhere, f"{server.url}/landed"))) == 200
    assert [told(headers) for headers in server.headers] == [SENT, SENT]
    assert told(elsewhere.headers[0]) == set()
    assert [span.attributes.get("http.request.resend_count") for span in exported] == [None, 1, 2]
    assert server.parents[1].split("-")[2] == exported[2].span_id


def test_another_name_of_the_same_machine_is_another_origin(call: Call, server: Any, exported: list[Span]) -> None:
    """Who is behind a name is not ours to know."""
    assert call("GET", to(server, f"http://localhost:{server.port}/landed")) == 200
    assert [told(headers) for headers in server.headers] == [SENT, set()]
    assert exported[1].attributes["server.address"] == "localhost"


@pytest.mark.parametrize("allowed", ["127.0.0.1", "*"])
def test_a_host_that_may_know(call: Call, server: Any, elsewhere: Any, exported: list[Span], allowed: str) -> None:
    """By the setting `trace.propagate_to`."""
    Tracing(send=FORMATS, propagate_to=[allowed])
    assert call("GET", to(server, f"{elsewhere.url}/landed")) == 200
    assert told(elsewhere.headers[0]) == SENT
    assert elsewhere.parents[0].split("-")[2] == exported[1].span_id


def test_the_next_call_is_another_one(call: Call, server: Any, elsewhere: Any, exported: list[Span]) -> None:
    """To the origin that was not told before: now the caller has named it."""
    call("GET", to(server, f"{elsewhere.url}/landed"))
    call("GET", f"{elsewhere.url}/landed")
    assert [told(headers) for headers in elsewhere.headers] == [set(), SENT]
    assert "http.request.resend_count" not in exported[-1].attributes


def test_redirects_followed_by_hand(server: Any, elsewhere: Any) -> None:
    """The request that the client has prepared for it does not tell either."""
    with httpx.Client(trust_env=False) as client:
        response = trace_client(client).get(to(server, f"{elsewhere.url}/httpx"))
        assert response.next_request is not None
        assert client.send(response.next_request).status_code == 200
    with requests.Session() as session:
        session.trust_env = False
        answer = trace_client(session).get(to(server, f"{elsewhere.url}/requests"), allow_redirects=False, timeout=10)
        assert answer.next is not None
        assert session.send(answer.next, timeout=10).status_code == 200
    assert [told(headers) for headers in elsewhere.headers] == [set(), set()]


def test_a_prepared_request_may_be_sent_again(server: Any, elsewhere: Any, exported: list[Span]) -> None:
    """It is told each time, whatever became of it before."""
    with requests.Session() as session:
        session.trust_env = False
        prepared = requests.Request("GET", to(server, f"{elsewhere.url}/landed")).prepare()
        trace_client(session).send(prepared, timeout=10)
        session.send(prepared, timeout=10)
    assert [told(headers) for headers in server.headers] == [SENT, SENT]
    assert [told(headers) for headers in elsewhere.headers] == [set(), set()]
    assert [span.attributes.get("http.request.resend_count") for span in exported] == [None, 1, None, 1]


def test_extensions_of_the_caller_are_the_callers(server: Any, exported: list[Span]) -> None:
    """One dict for several requests is not changed, and does not join them."""
    extensions: dict[str, Any] = {"timeout": {"read": 10.0}}
    with httpx.Client(trust_env=False) as client:
        trace_client(client)
        for _ in range(2):
            client.send(httpx.Request("GET", server.url, extensions=extensions))
    assert list(extensions) == ["timeout"]
    assert not any("http.request.resend_count" in span.attributes for span in exported)


@pytest.mark.parametrize(
    ("first", "other", "same"),
    [
        ("http://x/a", "http://x:80/b?c", True),
        ("https://x", "https://X:443", True),
        ("http://x", "https://x", True),
        ("http://x:80", "https://x:443", True),
        ("https://x", "http://x", False),
        ("http://x:8080", "https://x:8443", False),
        ("http://x:8080", "https://x", False),
        ("http://x", "http://x:8080", False),
        ("http://x", "http://y", False),
        ("http://x", "http://x.y", False),
        ("http://a@x", "http://b:c@x", True),
        ("http://x@y", "http://x", False),
        ("http://[::1]", "http://[::1]:80", True),
    ],
)
def test_an_origin(first: str, other: str, *, same: bool) -> None:
    """An upgrade to TLS is none, as it is for requests and httpx."""
    one, two = origin_of(first), origin_of(other)
    assert one is not None
    assert two is not None
    assert one.leads_to(two) is same


@pytest.mark.parametrize("url", ["", "/path", "http://", "http://[x", "http://x:y/", "http://y\\@x/", "mailto:a@x"])
def test_what_has_no_origin_is_not_told(url: str) -> None:
    chain = Chain()
    assert chain.follow("http://x/", {})
    assert not chain.follow(url, {})


@given(st.text(), st.text())
def test_any_url(first: str, other: str) -> None:
    """Whatever a `location` holds, reading it raises nothing, and only what has an origin can be the same one."""
    chain = Chain()
    assert chain.follow(first, {})
    assert not chain.follow(other, {}) or other == first or origin_of(other) is not None


URL = st.tuples(
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", "x@", "a:b@"]),
    st.sampled_from(["x", "X", "y", "x.y", "[::1]"]),
    st.sampled_from([None, 80, 443, 8080]),
    st.sampled_from(["", "/", "/@x", "?http://x", "#@y"]),
)


@given(URL, URL)
def test_urls(one: tuple[str, str, str, int | None, str], two: tuple[str, str, str, int | None, str]) -> None:
    """Neither credentials nor paths make an origin."""

    def url(parts: tuple[str, str, str, int | None, str]) -> str:
        scheme, user, host, port, path = parts
        return f"{scheme}://{user}{host}{'' if port is None else f':{port}'}{path}"

    def place(parts: tuple[str, str, str, int | None, str]) -> tuple[str, str, int]:
        return parts[0], parts[2].lower(), parts[3] or {"http": 80, "https": 443}[parts[0]]

    upgrade = place(one)[1] == place(two)[1] and place(one)[::2] == ("http", 80) and place(two)[::2] == ("https", 443)
    chain = Chain()
    assert chain.follow(url(one), {})
    assert chain.follow(url(two), {}) is (url(one) == url(two) or place(one) == place(two) or upgrade)
