"""Spans as Zipkin's JSON, read by a checker as strict as its server."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind, StatusCode

from midwatch.tracing.details import Scope
from midwatch.tracing.export.body import Bodies
from midwatch.tracing.export.zipkin import Zipkin

from .export_double import PARENT_ID, SERVICE, START, TRACE_ID, ended, made

if TYPE_CHECKING:
    from midwatch.tracing import Span

FIELDS: dict[str, type] = {
    "traceId": str, "id": str, "parentId": str, "name": str, "kind": str, "timestamp": int, "duration": int,
    "localEndpoint": dict, "remoteEndpoint": dict, "annotations": list, "tags": dict,
}  # fmt: skip


def told(*spans: Span) -> list[dict[str, Any]]:
    """What is sent of *spans*, checked by the rules of zipkin2-api.yaml and of the server's reader."""
    bodies = Bodies(Zipkin(SERVICE))
    bodies.begin(spans)
    body = bodies.following()
    assert body is not None
    assert b'yAnnotations"' not in bytes(body)
    found: list[dict[str, Any]] = json.loads(bytes(body), parse_constant=lambda constant: 1 / 0)
    assert bodies.following() is None
    assert len(found) == len(spans) - bodies.lost
    for span in found:
        assert span.keys() <= FIELDS.keys()
        assert all(type(value) is FIELDS[key] and value not in ("", [], {}) for key, value in span.items())
        assert re.fullmatch("(?!0{32})[0-9a-f]{32}", span["traceId"])
        assert re.fullmatch("(?!0{16})[0-9a-f]{16}", span["id"])
        assert re.fullmatch("(?!0{16})[0-9a-f]{16}", span.get("parentId", PARENT_ID))
        assert span.get("kind") in {None, "CLIENT", "SERVER", "PRODUCER", "CONSUMER"}
        assert 0 < span.get("timestamp", 1) < 2**63
        assert 0 < span["duration"] < 2**63
        assert all(type(value) is str for value in span["tags"].values())
        for annotation in span.get("annotations", []):
            assert annotation.keys() == {"timestamp", "value"}
            assert type(annotation["timestamp"]) is int
            assert type(annotation["value"]) is str
    return found


OWN_TAGS = {
    "service.version": "1.2",
    "deployment.environment.name": "test",
    "host.name": "a",
    "telemetry.sdk.name": "midwatch",
    "telemetry.sdk.language": "python",
}


def tags_of(span: Span) -> dict[str, str]:
    """Those of the span itself."""
    (one,) = told(span)
    tags: dict[str, str] = one["tags"]
    assert tags.pop("telemetry.sdk.version")
    assert {key: tags.pop(key) for key in OWN_TAGS} == OWN_TAGS
    assert tags.pop("otel.scope.name") == "midwatch"
    return tags


def test_a_whole_span() -> None:
    """Everything that Zipkin has a place for; what it has none for is left out."""
    span = made(name="GET /", parent=PARENT_ID)
    span.trace_state = "a=1"
    span.set_attribute("http.route", "/")
    span.add_event("plain", None, START + 1_500)
    span.add_event('na"med', {"a": 1, "b": "c"}, START + 2_999)
    span.add_link(made(7).get_span_context())
    span.end(START + 1_234_567)
    (one,) = told(span)
    assert one.pop("tags").keys() == {*OWN_TAGS, "telemetry.sdk.version", "otel.scope.name", "http.route"}
    assert one == {
        "traceId": TRACE_ID,
        "id": "0000000000000001",
        "parentId": PARENT_ID,
        "name": "GET /",
        "kind": "SERVER",
        "timestamp": START // 1000,
        "duration": 1234,
        "localEndpoint": {"serviceName": "shop"},
        "annotations": [
            {"timestamp": START // 1000 + 1, "value": "plain"},
            {"timestamp": START // 1000 + 2, "value": '"na\\"med": {"a":1,"b":"c"}'},
        ],
    }


def test_little_is_said_of_a_plain_span() -> None:
    """What is empty is left out; nothing takes no time."""
    span = made(name="", kind=SpanKind.INTERNAL)
    span.end(START + 999)
    (one,) = told(span)
    assert one.keys() == {"traceId", "id", "timestamp", "duration", "localEndpoint", "tags"}
    assert one["duration"] == 1


@pytest.mark.parametrize("moment", [-1, 0, 999, 2**70, "soon", math.nan, None])
def test_a_time_that_is_none(moment: Any) -> None:
    """Is left out; the span is not."""
    span = made()
    span.add_event("e", None, moment or 1)
    span.start_time = moment
    span.end(START)
    (one,) = told(span)
    assert "timestamp" not in one
    assert one["annotations"] == [{"timestamp": 0, "value": "e"}]


@pytest.mark.parametrize(
    ("status", "description", "expected"),
    [
        (StatusCode.UNSET, None, {}),
        (StatusCode.OK, None, {"otel.status_code": "OK"}),
        (StatusCode.ERROR, "why", {"otel.status_code": "ERROR", "error": "why"}),
        (StatusCode.ERROR, None, {"otel.status_code": "ERROR", "error": ""}),
    ],
)
def test_status(status: StatusCode, description: str | None, expected: dict[str, str]) -> None:
    """By the tag `error` being there at all, a span has failed: it is there only then, whatever attributes say."""
    for attribute in (None, False, "text"):
        span = made()
        if attribute is not None:
            span.set_attribute("error", attribute)
        span.set_status(status, description)
        span.end(START + 1)
        assert tags_of(span) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"), ("", ""), (True, "true"), (False, "false"), (7, "7"), (1.5, "1.5"),
        (["a", 1, True], '["a",1,true]'), ((), "[]"), ({"a": [1]}, '{"a":[1]}'), ([None, math.nan], "[null,null]"),
        (b"bytes", "b'bytes'"), (None, "None"),
        ("\ud800", "?"), (2**70, str(2**70)), (math.inf, "inf"), ("\u2028\x7f", "\u2028\x7f"),
    ],
)  # fmt: skip
def test_tags_are_texts(value: Any, text: str) -> None:
    span = ended()
    span.attributes["k"] = value
    assert tags_of(span) == {"k": text}


def test_an_attribute_wins_over_the_service() -> None:
    """It was set on purpose."""
    span = made()
    span.set_attribute("host.name", "other")
    span.end(START + 1)
    assert told(span)[0]["tags"]["host.name"] == "other"


def test_what_was_dropped_is_counted() -> None:
    span = made()
    for number in range(130):
        span.set_attribute(f"k{number}", 1)
        span.add_event("e")
        span.add_link(made(7).get_span_context())
    span.end(START + 1)
    tags = tags_of(span)
    assert {key: tags[key] for key in tags if key.startswith("otel.")} == {
        "otel.dropped_attributes_count": "2",
        "otel.dropped_events_count": "2",
        "otel.dropped_links_count": "2",
    }


def test_the_library_that_made_it() -> None:
    """Each span says so itself, in whatever order they come."""
    spans = [ended(0), ended(1, scope=Scope("sqlalchemy", "2.0")), ended(2)]
    scopes = [(span["tags"]["otel.scope.name"], span["tags"].get("otel.scope.version")) for span in told(*spans)]
    assert scopes == [("midwatch", None), ("midwatch", None), ("sqlalchemy", "2.0")]


@pytest.mark.parametrize(
    ("attributes", "endpoint"),
    [
        ({}, None),
        ({"server.address": "db.example"}, {"serviceName": "db.example"}),
        ({"server.address": "db.example", "server.port": 5432}, {"serviceName": "db.example", "port": 5432}),
        ({"server.address": "10.0.0.1", "server.port": 80}, {"ipv4": "10.0.0.1", "port": 80}),
        ({"server.address": "2001:db8::1"}, {"ipv6": "2001:db8::1"}),
        (
            {"server.address": "db", "network.peer.address": "10.0.0.1", "network.peer.port": 1},
            {"serviceName": "db", "ipv4": "10.0.0.1", "port": 1},
        ),
        ({"peer.service": "stock", "server.address": "db"}, {"serviceName": "stock"}),
        ({"server.port": 80}, None),
        ({"server.address": "db", "server.port": 99_999}, {"serviceName": "db"}),
        ({"server.address": "db", "server.port": "80"}, {"serviceName": "db"}),
        ({"server.address": ""}, None),
    ],
)
def test_who_was_called(attributes: dict[str, Any], endpoint: dict[str, Any] | None) -> None:
    """Only a caller knows; a server's own address is not the other side."""
    for kind in SpanKind:
        span = made(kind=kind)
        span.set_attributes(attributes)
        span.end(START + 1)
        (one,) = told(span)
        assert one.get("remoteEndpoint") == (endpoint if kind in {SpanKind.CLIENT, SpanKind.PRODUCER} else None)
        assert one.get("kind") == (None if kind is SpanKind.INTERNAL else kind.name)


def test_what_looks_like_the_first_version() -> None:
    """The server would take it for that, and refuse all of it."""
    span = made(name="binaryAnnotations")
    span.set_attribute("binaryAnnotations", 'x yAnnotations"')
    span.end(START + 1)
    (one,) = told(span)
    assert one["name"] == "binaryAnnotations"
    assert one["tags"]["binaryAnnotations"] == 'x yAnnotations"'


def test_nothing_is_sent_of_nothing() -> None:
    bodies = Bodies(Zipkin(SERVICE))
    bodies.begin([])
    assert bodies.following() is None


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
            max_leaves=8,
        ),
        max_size=5,
    ),
    st.text(),
    st.integers() | st.floats(),
    st.sampled_from(SpanKind),
)
def test_any_span_is_one_that_zipkin_takes(attributes: dict[str, Any], name: str, moment: Any, kind: SpanKind) -> None:
    """None breaks the batch that it is in."""
    span = made(name=name, kind=kind)
    span.attributes.update(attributes)
    span.add_event(name, attributes, moment)
    span.set_status(StatusCode.ERROR, name)
    span.end(moment)
    assert len(told(ended(1), span)) == 2
