"""The server span, by the stable semantic conventions for HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from midwatch import Outcome, Tracing, install
from midwatch.redaction import DEFAULT
from midwatch.testing import Recorder, ScriptedApp, call_asgi
from midwatch.tracing import Span, finished_spans
from midwatch.tracing.conventions import METHODS, known_method

HEADERS = (("host", "shop.example:8080"), ("user-agent", "curl/8"))


def served(door: Any, app: Any, **options: Any) -> tuple[Span, Any]:
    spans: list[Span] = []
    recorder = Recorder()
    door.call(door.watch(app, Tracing(to=[spans.append]), recorder), **{"headers": HEADERS, **options})
    (span,) = spans
    return span, recorder.exchange


def test_a_request_that_goes_well(door: Any) -> None:
    """Everything that is known of it, and nothing else."""
    span, exchange = served(door, ScriptedApp(), path="/orders/7", query="q=shoes&token=s3cret", method="GET")
    assert span.attributes == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/orders/7",
        "url.query": "q=shoes&token=REDACTED",
        "http.response.status_code": 200,
        "http.response.body.size": 5,
        "network.protocol.version": "1.1",
        "client.address": "127.0.0.1",
        "network.peer.address": "127.0.0.1",
        "network.peer.port": 50000,
        "server.address": "shop.example",
        "server.port": 8080,
        "user_agent.original": "curl/8",
        "midwatch.outcome": "ok",
        "midwatch.time_to_first_byte": exchange.time_to_first_byte,
    }
    assert span.kind is SpanKind.SERVER
    assert span.status_code is StatusCode.UNSET
    assert span.parent_id is None


def test_it_takes_as_long_as_the_exchange(door: Any) -> None:
    """The span, the line and the metric agree."""
    span, exchange = served(door, ScriptedApp())
    assert span.start_time == exchange.started_at
    assert span.end_time - span.start_time == int(exchange.duration * 1e9)


@pytest.mark.parametrize(
    ("app", "call", "outcome", "status", "error"),
    [
        (ScriptedApp(status=404), {}, "ok", StatusCode.UNSET, None),
        (ScriptedApp(status=500), {}, "error", StatusCode.ERROR, "500"),
        (ScriptedApp(status=503), {}, "error", StatusCode.ERROR, "503"),
        (ScriptedApp(error=KeyError("x")), {}, "error", StatusCode.ERROR, "KeyError"),
        (ScriptedApp(error=KeyError("x"), error_after=1), {}, "error", StatusCode.ERROR, "KeyError"),
        (ScriptedApp(chunks=(b"a", b"b", b"c")), {"leave_after": 1}, "aborted", StatusCode.ERROR, None),
    ],
)
def test_an_outcome(
    door: Any, app: ScriptedApp, call: Any, outcome: str, status: StatusCode, error: str | None
) -> None:
    """Each is one span, and an error only where it is one of the server."""
    span, exchange = served(door, app, **call)
    assert exchange.outcome is Outcome(outcome)
    assert span.attributes["midwatch.outcome"] == outcome
    assert span.status_code is status
    if outcome == "aborted":
        assert span.attributes["error.type"] in {"aborted", "OSError"}
    else:
        assert span.attributes.get("error.type") == error
    assert span.attributes["http.response.status_code"] == exchange.status


@pytest.mark.parametrize("outcome", ["incomplete", "cancelled"])
def test_what_only_asgi_knows(outcome: str) -> None:
    """An app that stops early, and one that is cancelled."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if outcome == "cancelled":
            raise asyncio.CancelledError

    spans: list[Span] = []
    from midwatch import ASGIMiddleware

    call_asgi(ASGIMiddleware(app, Tracing(to=[spans.append])))
    (span,) = spans
    assert span.attributes["midwatch.outcome"] == outcome
    assert span.attributes["error.type"] == outcome
    assert span.status_code is StatusCode.ERROR


@pytest.mark.parametrize("method", ["BREW", "get", "X" * 5000, "GET\r\nX: y", "\x1b[0m", ""])
def test_an_unknown_method_names_nothing(door: Any, method: str) -> None:
    """Strangers choose it: the name is HTTP, the attribute `_OTHER`, and what it was is kept, cut."""
    span, _ = served(door, ScriptedApp(), method=method, **({"validate": False} if door.name == "wsgi" else {}))
    assert span.name == "HTTP"
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.request.method_original"] == method[:1024]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_known_method_is_the_name(method: str) -> None:
    assert known_method(method) == method


def test_the_name_is_never_the_path(door: Any) -> None:
    """A path is one of endlessly many."""
    span, _ = served(door, ScriptedApp(), path="/orders/7")
    assert span.name == "GET"
    assert "http.route" not in span.attributes


def test_the_name_comes_from_the_route(door: Any) -> None:
    """It is known when the request is over."""
    from midwatch import current

    def handler() -> None:
        exchange = current()
        assert exchange is not None
        exchange.route = "/orders/{id}"

    span, _ = served(door, ScriptedApp(before=handler), path="/orders/7")
    assert span.name == "GET /orders/{id}"
    assert span.attributes["http.route"] == "/orders/{id}"
    span, _ = served(
        door, ScriptedApp(before=handler), method="BREW", **({"validate": False} if door.name == "wsgi" else {})
    )
    assert span.name == "HTTP /orders/{id}"


def test_the_applications_name_stays(door: Any) -> None:
    """A handler that renames its span knows better."""
    span, _ = served(door, ScriptedApp(before=lambda: get_current_span().update_name("checkout")))
    assert span.name == "checkout"


def test_an_application_that_notes_too_much_hides_nothing(door: Any) -> None:
    """What the door knows is in the span, however much the application put there."""

    def handler() -> None:
        get_current_span().set_attributes({f"k{number}": number for number in range(200)})

    span, _ = served(door, ScriptedApp(before=handler))
    assert span.attributes["http.response.status_code"] == 200
    assert span.dropped_attributes == 72


def test_the_applications_ok_stays(door: Any) -> None:
    """A status that a handler set to OK is final."""
    span, _ = served(door, ScriptedApp(status=500, before=lambda: get_current_span().set_status(StatusCode.OK)))
    assert span.status_code is StatusCode.OK


def test_a_span_that_the_application_ended_is_left_alone(door: Any) -> None:
    """It was handed over then, and is not a second time."""
    span, _ = served(door, ScriptedApp(before=lambda: get_current_span().end()))
    assert span.attributes == {}


@pytest.mark.parametrize("part", ["path", "query", "user-agent", "host"])
def test_what_strangers_write_is_cut(door: Any, part: str) -> None:
    """No header makes a span large."""
    long = "a" * 100_000
    options: dict[str, Any] = {"path": "/" + long} if part == "path" else {}
    if part == "query":
        options = {"query": f"{long}=1&b=2"}
    if part in {"user-agent", "host"}:
        options = {"headers": (("host", "x"), (part, long)) if part != "host" else (("host", long),)}
    span, _ = served(door, ScriptedApp(), **options)
    assert all(len(str(value)) <= 1024 for value in span.attributes.values())


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ""),
        ("a=1&b=2", "a=1&b=2"),
        ("flag&a=1", "flag&a=1"),
        ("a=b=c", "a=b=c"),
        ("=secret", "=REDACTED"),
        ("token=%3D%26x&page=2", "token=REDACTED&page=2"),
        ("a=1;access_token=x", "a=1;access_token=REDACTED"),
        ("password=", "password=REDACTED"),
        ("%74oken=x", "%74oken=REDACTED"),
        ("state=1&code=4/0Ab", "state=1&code=REDACTED"),
        ("zipcode=1", "zipcode=1"),
        ("X-Amz-Signature=abc&sig=def&X-Goog-Date=1", "X-Amz-Signature=REDACTED&sig=REDACTED&X-Goog-Date=1"),
        ("AWSAccessKeyId=AKIA&Signature=s", "AWSAccessKeyId=REDACTED&Signature=REDACTED"),
        ("ey" + "J" * 40, "REDACTED"),
        ("reset-" + "a" * 40 + "&x=1", "REDACTED&x=1"),
    ],
)
def test_secrets_in_a_query_are_not_shown(query: str, shown: str) -> None:
    """What the conventions list, what is a secret by its name, and what has no name but is one by its length."""
    assert DEFAULT.query(query) == shown


NAMES = ["token", "api_key", "apikey", "X-Amz-Credential", "client_secret", "Password", "sid", "authorization"]


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.text("XYZ=%", min_size=1, max_size=9)), max_size=9),
    st.lists(st.tuples(st.sampled_from(["page", "q", "sort"]), st.text("uvw", max_size=9)), max_size=9),
    st.randoms(),
)
def test_no_value_of_a_secret_is_ever_shown(
    secrets: list[tuple[str, str]], plain: list[tuple[str, str]], random: Any
) -> None:
    pairs = [*secrets, *plain]
    random.shuffle(pairs)
    shown = DEFAULT.query("&".join(f"{name}={value}" for name, value in pairs))
    expected = [f"{name}=REDACTED" if name in NAMES else f"{name}={value}" for name, value in pairs]
    assert shown == "&".join(expected)


def test_several_destinations(door: Any) -> None:
    """Each gets the span, also when another one of them fails; and the client notices nothing."""
    taken: list[Span] = []

    def broken(span: Span) -> None:
        raise RuntimeError("broken")

    from midwatch.plugin import failures

    finished_spans.clear()
    before = failures.pop(broken.__qualname__, 0)
    app = door.watch(ScriptedApp(), Tracing(to=[broken, taken.append, "memory"]))
    assert door.call(app).status == 200
    assert taken == list(finished_spans)
    assert len(taken) == 1
    assert failures.pop(broken.__qualname__) == before + 1
    finished_spans.clear()


@pytest.mark.parametrize("to", ["stdout", "kafka://x", "", "file:relative.jsonl", "file://host/x", "memory://"])
def test_an_unknown_destination_stops_the_start(to: str) -> None:
    with pytest.raises(ValueError, match="not a destination"):
        Tracing(to=[to])


def test_a_route_of_fastapi() -> None:
    """One span, named by the full template."""
    app = FastAPI(openapi_url=None)
    inner = FastAPI(openapi_url=None)

    @inner.get("/items/{key}")
    async def item(key: str) -> str:
        return key

    app.mount("/sub", inner)
    finished_spans.clear()
    off = {"log": False, "metrics": False, "audit": False, "health": False, "errors": False}
    call_asgi(install(app, {**off, "trace": {"to": ["memory"]}}), path="/sub/items/7")
    (span,) = finished_spans
    assert span.name == "GET /sub/items/{key}"
    finished_spans.clear()


def test_the_same_app_watched_twice_has_one_span(door: Any) -> None:
    """The outer door sees that there is another one."""
    spans: list[Span] = []
    inner = door.watch(ScriptedApp(), Tracing(to=[spans.append]))
    door.call(door.watch(inner, Tracing(to=[spans.append])))
    assert len(spans) == 1
