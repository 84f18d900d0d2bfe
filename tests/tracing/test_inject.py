"""`midwatch.inject`: the trace into headers of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.message import Message
from typing import Any

import aiohttp
import httpx
import multidict
import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.context import attach, detach, set_value
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState, use_span
from starlette.datastructures import MutableHeaders
from werkzeug.datastructures import Headers

import midwatch
from midwatch import Tracing, inject
from midwatch.testing import ScriptedApp
from midwatch.tracing import Span
from midwatch.tracing.formats import FORMATS, INCOMING, Incoming, Propagator

T = "0af7651916cd43dd8448eb211c80319c"
P = "b7ad6b7169203331"
TRACEPARENT = f"00-{T}-{P}-03"

KINDS: dict[str, Callable[[dict[str, str]], Any]] = {
    "dict": dict,
    "requests": requests.structures.CaseInsensitiveDict,
    "httpx": httpx.Headers,
    "aiohttp": multidict.CIMultiDict,
    "urllib3": urllib3.HTTPHeaderDict,
    "starlette": MutableHeaders,
    "werkzeug": Headers,
}


def message(headers: dict[str, str]) -> Message:
    made = Message()
    for name, value in headers.items():
        made[name] = value
    return made


KINDS["message"] = message


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Any:
    """Makes headers of one kind from a dict."""
    return KINDS[request.param]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    Tracing()


def lines(headers: Any) -> list[tuple[str, str]]:
    """All lines, names in lower case, sorted."""
    return sorted((name.lower(), str(value)) for name, value in headers.items())


def test_headers_of_any_kind(make: Any, current: Span) -> None:
    """Each header is there once, whatever was there before in whatever case; others are untouched."""
    headers = make({"Accept": "*/*", "TraceParent": "stale", "TraceState": "stale=1", "X-Own": "1"})
    inject(headers)
    assert lines(headers) == [("accept", "*/*"), ("traceparent", TRACEPARENT), ("x-own", "1")]
    inject(headers)
    assert len(lines(headers)) == 3


@pytest.mark.parametrize("kind", [multidict.CIMultiDict, urllib3.HTTPHeaderDict, Headers])
def test_several_lines_of_one_name(kind: Any, current: Span) -> None:
    headers = kind()
    for name in ("tracestate", "TraceState", "traceparent", "Traceparent"):
        headers.add(name, "stale=1")
    inject(headers)
    assert lines(headers) == [("traceparent", TRACEPARENT)]


def test_outside_of_a_trace_nothing_is_touched(make: Any) -> None:
    """Not even what would be stale within one."""
    headers = make({"traceparent": "theirs", "baggage": "a=1"})
    inject(headers)
    assert lines(headers) == [("baggage", "a=1"), ("traceparent", "theirs")]


def test_outside_of_a_trace_there_may_be_baggage(make: Any) -> None:
    headers = make({"traceparent": "theirs", "Baggage": "a=1"})
    token = attach(baggage.set_baggage("user", "a b"))
    inject(headers)
    detach(token)
    assert lines(headers) == [("baggage", "user=a%20b"), ("traceparent", "theirs")]


def test_all_formats(make: Any, current: Span) -> None:
    """Also the baggage of each, of which what is stale goes."""
    Tracing(send=FORMATS)
    headers = make({"uberctx-old": "1", "Ot-Baggage-Old": "1", "B3": "0", "x-b3-flags": "1", "uber": "kept"})
    token = attach(baggage.set_baggage("user", "42"))
    inject(headers)
    detach(token)
    expected: dict[str, str] = {}
    token = attach(baggage.set_baggage("user", "42"))
    Propagator(FORMATS.values()).inject(expected)
    detach(token)
    assert lines(headers) == sorted([*expected.items(), ("uber", "kept")])
    assert len(expected) > 12


def test_none_is_none(current: Span) -> None:
    Tracing(send=["none"])
    headers = {"traceparent": "theirs"}
    inject(headers)
    assert headers == {"traceparent": "theirs"}


def test_headers_of_other_formats_are_not_ours(current: Span) -> None:
    Tracing(send=["b3"])
    headers = {"traceparent": "theirs", "B3": "stale"}
    inject(headers)
    assert headers == {"traceparent": "theirs", "b3": f"{T}-{P}-1"}


def test_debug_goes_on(current: Span) -> None:
    """What the caller asked for and a span cannot say."""
    Tracing(send=["b3"])
    headers: dict[str, str] = {}
    token = attach(set_value(INCOMING, Incoming(T, P, sampled=True, debug=True)))
    with use_span(current):
        inject(headers)
    detach(token)
    assert headers == {"b3": f"{T}-{P}-d"}


@pytest.mark.parametrize("flags", [0, 1])
def test_a_foreign_span(flags: int) -> None:
    """One of an SDK, or an extracted one."""
    context = SpanContext(int(T, 16), int(P, 16), True, TraceFlags(flags), TraceState([("rojo", "1")]))
    headers: dict[str, str] = {}
    with use_span(NonRecordingSpan(context)):
        inject(headers)
    assert headers == {"traceparent": f"00-{T}-{P}-0{flags}", "tracestate": "rojo=1"}


def test_inside_a_request(door: Any) -> None:
    """The server span is the parent of whatever is called."""
    sent: dict[str, str] = {}

    def handler() -> None:
        inject(sent)
        exchange = midwatch.current()
        assert exchange is not None
        assert sent == {"traceparent": f"00-{exchange.trace_id}-{exchange.span_id}-03"}

    assert door.call(door.watch(ScriptedApp(before=handler), Tracing())).error is None
    assert sent


def test_a_client_that_is_not_traced(server: Any, current: Span) -> None:
    """By hand, for each attempt; where it leads is the caller's to know."""

    async def run() -> None:
        headers: multidict.CIMultiDict[str] = multidict.CIMultiDict()
        inject(headers)
        async with aiohttp.ClientSession() as session, session.get(server.url, headers=headers) as response:
            assert response.status == 200

    import asyncio

    asyncio.run(run())
    assert server.parents == [TRACEPARENT]


NAMES = st.sampled_from(["traceparent", "Tracestate", "BAGGAGE", "accept", "uberctx-a", "Uberctx-A", "x"]) | st.text()


@given(
    st.dictionaries(NAMES, st.text()),
    st.dictionaries(st.text(), st.text() | st.integers()),
    st.lists(st.sampled_from([*FORMATS]), unique=True),
)
def test_any_headers_and_baggage(headers: dict[str, str], entries: dict[str, Any], send: list[str]) -> None:
    """What belongs to the formats is as they write it; all else is as it was; twice is once."""
    Tracing(send=send)
    before = dict(headers)
    span = Span("work", SpanKind.INTERNAL, T, P, None, 3, "", 1, None)
    context = set_value("unrelated", 1)
    for key, value in entries.items():
        context = baggage.set_baggage(key, value, context)
    token = attach(context)
    written: dict[str, str] = {}
    with use_span(span):
        inject(headers)
        once = dict(headers)
        inject(headers)
        Propagator([FORMATS[name] for name in send]).inject(written)
    detach(token)
    assert headers == once
    sends = {name for one in send for name in FORMATS[one].sends}
    prefixes = tuple(prefix for one in send if (prefix := FORMATS[one].prefix) is not None)
    kept = {k: v for k, v in before.items() if k.lower() not in sends and not k.lower().startswith(prefixes)}
    assert headers == {**kept, **written}


def test_names_that_are_no_text(current: Span) -> None:
    """As in the headers of an ASGI scope; they are somebody else's."""
    headers: dict[Any, Any] = {b"traceparent": b"theirs", None: 1}
    inject(headers)
    assert headers == {b"traceparent": b"theirs", None: 1, "traceparent": TRACEPARENT}
