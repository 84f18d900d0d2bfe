"""The collectors themselves, with payloads by hand: what our own are judged by has to be right first."""

from __future__ import annotations

import gzip
import json
import secrets
import time
from typing import Any

import pytest

from .received import Received, outline

pytestmark = pytest.mark.live

PARENT = "b7ad6b7169203331"
CHILD = "00f067aa0ba902b7"


def now() -> int:
    """Microseconds; Zipkin forgets what is old."""
    return time.time_ns() // 1000


def zipkin_spans(trace_id: str, start: int) -> list[dict[str, Any]]:
    server = {"name": "GET /Orders", "kind": "SERVER", "localEndpoint": {"serviceName": "Shop"}, "duration": 2000}
    client = {"name": "SELECT", "kind": "CLIENT", "localEndpoint": {"serviceName": "Shop"}, "duration": 1}
    return [
        {"traceId": trace_id, "id": PARENT, "timestamp": start, "tags": {"http.route": "/Orders"}, **server},
        {"traceId": trace_id, "id": CHILD, "parentId": PARENT, "timestamp": start + 1, "tags": {"error": ""}, **client},
    ]


def otlp_spans(trace_id: str, start: int) -> dict[str, Any]:
    def text(key: str, value: str) -> dict[str, Any]:
        return {"key": key, "value": {"stringValue": value}}

    def span(span_id: str, name: str, kind: int, start: int, duration: int, **more: Any) -> dict[str, Any]:
        times = {"startTimeUnixNano": f"{start}000", "endTimeUnixNano": f"{start + duration}000"}
        return {"traceId": trace_id, "spanId": span_id, "name": name, "kind": kind, **times, **more}

    event = {"name": "Name: x", "timeUnixNano": f"{start}000", "attributes": [text("http.route", "of an event")]}
    link = {"traceId": trace_id[::-1], "spanId": CHILD[::-1]}
    attributes = [text("http.route", "/Orders"), {"key": "n", "value": {"intValue": "5"}}]
    server = span(PARENT, "GET /Orders", 2, start, 2000, attributes=attributes, events=[event], links=[link])
    client = span(CHILD, "SELECT", 3, start + 1, 1, parentSpanId=PARENT, status={"code": 2, "message": "no"})
    scope = {"scope": {"name": "by hand", "version": "1"}, "spans": [server, client]}
    return {"resourceSpans": [{"resource": {"attributes": [text("service.name", "Shop")]}, "scopeSpans": [scope]}]}


@pytest.mark.parametrize("packed", [False, True])
def test_what_goes_in_comes_out(collector: Any, packed: bool) -> None:
    """Every field that other tests look at, plain and gzip."""
    trace_id, start = secrets.token_hex(16), now()
    make = zipkin_spans if collector.name == "zipkin" else otlp_spans
    body = json.dumps(make(trace_id, start)).encode()

    answer = collector.post(gzip.compress(body), **{"content-encoding": "gzip"}) if packed else collector.post(body)

    assert answer.status_code == (202 if collector.name == "zipkin" else 200), answer.text
    server, client = sorted(collector.trace(trace_id, 2), key=lambda span: span.start)
    assert server.tags["http.route"] == "/Orders"
    server, client = (Received(**{**vars(span), "tags": {}}) for span in (server, client))
    assert server == Received(trace_id, PARENT, None, "get /orders", "SERVER", "shop", start, 2000)
    assert client == Received(trace_id, CHILD, PARENT, "select", "CLIENT", "shop", start + 1, 1, failed=True)
    assert outline([client, server]) == "SERVER shop: get /orders\n  CLIENT shop: select FAILED"


@pytest.mark.parametrize(
    ("key", "value"),
    [("traceId", "xyz"), ("startTimeUnixNano", "soon"), ("kind", "SPAN_KIND_SERVER"), ("parentSpanId", "7")],
)
def test_rotel_is_strict(rotel: Any, key: str, value: str) -> None:
    """It refuses what is no OTLP JSON."""
    wrong = otlp_spans(secrets.token_hex(16), now())
    wrong["resourceSpans"][0]["scopeSpans"][0]["spans"][0][key] = value

    assert rotel.post(json.dumps(wrong).encode()).status_code == 400


@pytest.mark.parametrize(
    ("key", "value"), [("traceId", "xyz"), ("id", "0" * 16), ("traceId", "A" * 32), ("kind", "INTERNAL"), ("tags", 5)]
)
def test_zipkin_is_strict(zipkin: Any, key: str, value: Any) -> None:
    """It refuses what is no span of its second version."""
    wrong = zipkin_spans(secrets.token_hex(16), now())
    wrong[0][key] = value

    assert zipkin.post(json.dumps(wrong).encode()).status_code == 400
