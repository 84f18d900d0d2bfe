"""Every row of the stable conventions for HTTP servers, through both doors."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus

import flask
import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind, StatusCode

from midwatch import Tracing, install
from midwatch.headers import port_of, without_port
from midwatch.proxies import Proxies
from midwatch.redaction import DEFAULT
from midwatch.testing import Recorder, ScriptedApp, call_asgi, call_wsgi
from midwatch.tracing.conventions import MAX_TEXT
from midwatch.tracing.export import finished_spans

if TYPE_CHECKING:
    from midwatch.tracing import Span


def served(door: Any, app: Any = None, tracing: dict[str, Any] | None = None, **call: Any) -> Span:
    spans: list[Span] = []
    options = call.pop("watch", {})
    watched = door.watch(app or ScriptedApp(), Tracing(to=[spans.append], **(tracing or {})), Recorder(), **options)
    door.call(watched, **call)
    (span,) = spans
    return span


def over(scheme: str, door: Any) -> dict[str, Any]:
    return {"scope": {"scheme": scheme}} if door.name == "asgi" else {"environ": {"wsgi.url_scheme": scheme}}


@pytest.mark.parametrize(
    ("method", "shown", "original"),
    [
        *[(known, known, None) for known in ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE")],
        ("PATCH", "PATCH", None),
        ("QUERY", "QUERY", None),
        ("get", "_OTHER", "get"),
        ("BREW", "_OTHER", "BREW"),
        ("GETGET", "_OTHER", "GETGET"),
    ],
)
def test_the_method(door: Any, method: str, shown: str, original: str | None) -> None:
    """Case counts; what is not known names nothing."""
    call: dict[str, Any] = {} if door.name == "asgi" else {"validate": False}
    span = served(door, method=method, **call)
    assert span.attributes["http.request.method"] == shown
    assert span.attributes.get("http.request.method_original") == original
    assert span.name == ("HTTP" if original else shown)


@pytest.mark.parametrize(
    ("told", "known", "others"),
    [
        ("GET, BREW", ["GET", "BREW"], ["POST", "get"]),
        ("  BREW  ,,", ["BREW"], ["GET"]),
        (" , ", ["GET", "QUERY"], ["BREW"]),
        ("", ["GET"], ["BREW"]),
        ("get", ["get"], ["GET"]),
    ],
)
def test_other_known_methods(told: str, known: list[str], others: list[str]) -> None:
    """The standard variable names all of them; one that names none does not count."""
    script = f"""
from midwatch import ASGIMiddleware, LatencyMetrics
from midwatch.testing import ScriptedApp, call_asgi
from midwatch.tracing import Tracing
spans = []
metrics = LatencyMetrics()
app = ASGIMiddleware(ScriptedApp().asgi, Tracing(to=[spans.append]), metrics)
for method in {[*known, *others]!r}:
    call_asgi(app, method)
assert [span.name for span in spans] == {[*known, *["HTTP"] * len(others)]!r}, spans
methods = [span.attributes["http.request.method"] for span in spans]
assert methods == {[*known, *["_OTHER"] * len(others)]!r}, methods
counted = {{sample.labels["http_request_method"] for family in metrics.collector.collect()
            for sample in family.samples if sample.name.endswith("duration_seconds_count")}}
assert counted == set(methods), counted
"""
    environment = {"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS": told}
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, env=environment)


@pytest.mark.parametrize(
    ("host", "scheme", "address", "port"),
    [
        ("shop.example:8080", "http", "shop.example", 8080),
        ("shop.example", "http", "shop.example", 80),
        ("shop.example", "https", "shop.example", 443),
        ("shop.example:", "https", "shop.example", 443),
        ("[::1]:8080", "http", "[::1]", 8080),
        ("[::1]", "https", "[::1]", 443),
        ("10.0.0.1:0", "http", "10.0.0.1", None),
        ("h:65535", "http", "h", 65535),
        ("h:65536", "http", "h", None),
        ("h:99999", "http", "h", None),
        ("h:-1", "http", "h", None),
        ("h:8080x", "http", "h", None),
        ("h:1" + "0" * 5000, "http", "h", None),
        ("user:pass@h:81", "http", "h", None),
    ],
)
def test_the_server(door: Any, host: str, scheme: str, address: str, port: int | None) -> None:
    """As the client called it; a port that cannot be is left out."""
    span = served(door, headers=[("host", host)], **over(scheme, door))
    assert span.attributes["server.address"] == address
    assert span.attributes.get("server.port") == port
    assert span.attributes["url.scheme"] == scheme


def test_no_host(door: Any) -> None:
    """HTTP/1.0 needs none; then neither is guessed."""
    span = served(door, headers=[])
    assert {"server.address", "server.port"}.isdisjoint(span.attributes)


@given(st.text(max_size=80), st.sampled_from(["http", "https", "ws", "wss", ""]))
def test_any_host(host: str, scheme: str) -> None:
    """A port is one that can be, or none."""
    port = port_of(host, scheme)
    assert port is None or 0 < port < 65536
    assert isinstance(without_port(host), str)


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (("192.0.2.1", 4711), {"network.peer.address": "192.0.2.1", "network.peer.port": 4711}),
        (("2001:db8::1", 4711), {"network.peer.address": "2001:db8::1", "network.peer.port": 4711}),
        (("192.0.2.1", 0), {"network.peer.address": "192.0.2.1"}),
        (None, {}),
    ],
)
def test_the_peer(door: Any, peer: Any, expected: dict[str, Any]) -> None:
    """A Unix socket has none."""
    span = served(door, peer=peer)
    assert {name: value for name, value in span.attributes.items() if name.startswith("network.peer")} == expected
    assert span.attributes.get("client.address") == expected.get("network.peer.address")


def test_behind_a_proxy(door: Any) -> None:
    """Client and scheme as the proxy says, the peer as it is."""
    headers = [("host", "h"), ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")]
    span = served(door, headers=headers, peer=("10.0.0.1", 5), watch={"proxies": Proxies(["10.0.0.0/8"])})
    assert span.attributes["client.address"] == "203.0.113.9"
    assert span.attributes["network.peer.address"] == "10.0.0.1"
    assert (span.attributes["url.scheme"], span.attributes["server.port"]) == ("https", 443)
    span = served(door, headers=headers, peer=("10.0.0.1", 5))
    assert (span.attributes["client.address"], span.attributes["url.scheme"]) == ("10.0.0.1", "http")


@pytest.mark.parametrize("version", ["1.0", "1.1", "2", "3"])
def test_the_protocol(door: Any, version: str) -> None:
    told: dict[str, Any] = {"environ": {"SERVER_PROTOCOL": f"HTTP/{version}"}}
    span = served(door, **({"scope": {"http_version": version}} if door.name == "asgi" else told))
    assert span.attributes["network.protocol.version"] == version


def test_path_query_and_agent(door: Any) -> None:
    """The path is whole, the query as it came; without any, there is no attribute."""
    span = served(door, path="/a b/ü", query="q=%C3%BC&x", headers=[("host", "h"), ("user-agent", "Mozilla/5.0 (X)")])
    assert span.attributes["url.path"] == "/a b/ü"
    assert span.attributes["url.query"] == "q=%C3%BC&x"
    assert span.attributes["user_agent.original"] == "Mozilla/5.0 (X)"
    assert {"url.query", "user_agent.original", "http.route", "error.type"}.isdisjoint(served(door).attributes)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(200, "UNSET", None), (302, "UNSET", None), (404, "UNSET", None), (499, "UNSET", None), (500, "ERROR", "500")],
)
def test_the_status(door: Any, status: int, code: str, error: str | None) -> None:
    """A client's mistake is no error of the server's; no description repeats the code."""
    span = served(door, ScriptedApp(status=status))
    assert span.attributes["http.response.status_code"] == status
    assert (span.status_code, span.status_description) == (StatusCode[code], None)
    assert span.attributes.get("error.type") == error
    assert span.kind is SpanKind.SERVER


@pytest.mark.parametrize("error_after", [None, 0, 1])
def test_an_exception(door: Any, error_after: int | None) -> None:
    """Its class is the type, and it is an event, once."""
    span = served(door, ScriptedApp(error=KeyError("x"), error_after=error_after))
    assert span.attributes["error.type"] == "KeyError"
    assert span.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]
    assert span.events[0].attributes["exception.type"] == "KeyError"


def test_the_route() -> None:
    """The template with the mounts around it names the span; a path that nothing matches does not."""
    finished_spans.clear()
    app, mounted, router = FastAPI(), FastAPI(), APIRouter()
    router.get("/orders/{number}")(lambda number: number)
    mounted.include_router(router, prefix="/v1")
    app.mount("/api", mounted)
    settings: dict[str, Any] = {"trace": {"to": ["memory"], "global": False}, "log": {"to": ["stderr"]}}
    install(app, settings)
    call_asgi(app, path="/api/v1/orders/7")
    call_asgi(app, path="/nowhere/7")
    web = flask.Flask("app")
    web.add_url_rule("/orders/<int:number>", view_func=lambda number: str(number))
    install(web, settings)
    call_wsgi(web, path="/orders/7")
    call_wsgi(web, path="/nowhere/7")
    assert [(span.name, span.attributes.get("http.route")) for span in finished_spans] == [
        ("GET /api/v1/orders/{number}", "/api/v1/orders/{number}"),
        ("GET", None),
        ("GET /orders/<int:number>", "/orders/<int:number>"),
        ("GET", None),
    ]


def test_sizes(door: Any) -> None:
    """Bytes of the bodies, as far as they were read and sent."""
    span = served(door, ScriptedApp(chunks=(b"abc", b"de")), method="POST", body=b"unread")
    assert span.attributes["http.response.body.size"] == 5
    assert "http.request.body.size" not in span.attributes


# Queries

SECRETS = ["token", "access_token", "sig", "X-Amz-Signature", "AWSAccessKeyId", "password", "api-key", "code", "jwt"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("next=/reset?token=abc&page=2", "next=REDACTED&page=2"),
        ("next=%2Freset%3Ftoken%3Dabc", "next=REDACTED"),
        ("next=https://x.example/?sig=abc", "next=REDACTED"),
        ("q=token", "q=token"),
        ("next=/orders?page=2", "next=/orders?page=2"),
        ("token=a;b=c&d=e", "token=REDACTED&d=e"),
        ("a=1;token=x;y;z&d=e", "a=1;token=REDACTED&d=e"),
        ("a" * 40 + "==", "REDACTED"),
        ("a" * 40 + "=&b=1", "REDACTED&b=1"),
        ("=" + "a" * 40, "=REDACTED"),
        ("&&a=1&&", "&&a=1&&"),
        ("sig", "REDACTED"),
        ("Sig=x", "Sig=REDACTED"),
        ("SIGNATURE=x", "SIGNATURE=REDACTED"),
        ("user[password]=x", "user[password]=REDACTED"),
        ("a=" + "b" * 2000 + "&token=c", "a=" + "b" * (MAX_TEXT - 2)),
    ],
)
def test_redacted(query: str, shown: str) -> None:
    """An address within a value counts; where the separator is in doubt, more is hidden."""
    assert DEFAULT.query(query) == shown


names = st.sampled_from([*SECRETS, "page", "q", "%74oken", "to%6ben", "x"])
values = st.text("X=%;+#?/ 3D", max_size=12).map(lambda text: text.replace("&", ""))
queries = st.lists(st.one_of(st.tuples(names, values).map("=".join), names, values), max_size=6).map("&".join)


@given(queries)
@example("token=X&token=X")
@example("token=;X")
def test_what_a_server_would_read_as_a_secret(query: str) -> None:
    """By the parser of the standard library: the value of no secret is ever shown."""
    pieces, shown = query.split("&"), DEFAULT.query(query).split("&")
    assert len(pieces) == len(shown)
    for piece, left in zip(pieces, shown, strict=True):
        name, equals, value = piece.partition("=")
        if equals and unquote_plus(name) in SECRETS and value:
            assert left == f"{name}=REDACTED"
            assert parse_qsl(left) == [(unquote_plus(name), "REDACTED")]


@given(st.text(max_size=3000))
def test_any_query(query: str) -> None:
    """Nothing a stranger writes raises, or grows; what is shown twice is the same."""
    shown = DEFAULT.query(query)
    assert len(shown) <= MAX_TEXT + 9 * (query.count("&") + query.count(";") + 1)
    assert DEFAULT.query(DEFAULT.query(shown)) == DEFAULT.query(shown)


def test_a_long_query_takes_no_time() -> None:
    """It is cut before anything looks at it."""
    for query in ("token=" * 500_000, "&;=" * 1_000_000, "%" * 1_000_000, "a;" * 500_000):
        assert len(DEFAULT.query(query)) <= 9 * MAX_TEXT
