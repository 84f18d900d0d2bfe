"""The strict reader takes what OTLP allows, and nothing else: else the tests that use it could not fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format

from .strict import read_traces

T = "0af7651916cd43dd8448eb211c80319c"
SPAN = {
    "traceId": T,
    "spanId": "b7ad6b7169203331",
    "name": "GET /orders",
    "kind": 2,
    "startTimeUnixNano": "1700000000000000001",
    "endTimeUnixNano": "1700000000000000002",
    "flags": 0x301,
    "droppedAttributesCount": 0,
    "attributes": [
        {"key": "empty", "value": {"stringValue": ""}},
        {"key": "whole", "value": {"doubleValue": 1.0}},
        {"key": "none", "value": {"doubleValue": "NaN"}},
        {"key": "many", "value": {"arrayValue": {"values": [{"intValue": "5"}, {"boolValue": False}]}}},
        {"key": "bytes", "value": {"bytesValue": "AAE="}},
    ],
    "events": [{"name": "seen", "timeUnixNano": "5", "attributes": []}],
    "links": [{"traceId": T, "spanId": "b7ad6b7169203331", "traceState": "a=1"}],
    "status": {"code": 2, "message": "no"},
}


def document(**changes: Any) -> str:
    span = {key: value for key, value in {**SPAN, **changes}.items() if value is not None}
    return json.dumps({"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": [span]}]}]})


def test_reads_it() -> None:
    """Ids are bytes, numbers are numbers."""
    (span,) = read_traces(document()).resource_spans[0].scope_spans[0].spans

    assert (span.trace_id.hex(), span.name, span.kind) == (T, "GET /orders", 2)
    assert (span.start_time_unix_nano, span.links[0].trace_id.hex()) == (1700000000000000001, T)


@pytest.mark.parametrize(
    "changes",
    [
        {"traceId": T.upper()},
        {"traceId": "0" * 32},
        {"spanId": "b7ad"},
        {"parentSpanId": ""},
        {"startTimeUnixNano": 1700000000000000001},
        {"kind": "SPAN_KIND_SERVER"},
        {"kind": None, "Kind": 2},
        {"kind": None, "span_kind": 2},
        {"flags": "769"},
        {"flags": 2**32},
        {"trace_state": "a=1"},
        {"traceState": "\ud800"},
        {"attributes": [{"key": "n", "value": {"intValue": 5}}]},
        {"attributes": [{"key": "n", "value": {"doubleValue": "5"}}]},
        {"attributes": [{"key": "n", "value": {"intValue": str(2**63)}}]},
        {"attributes": [{"key": "n", "value": "text"}]},
        {"attributes": {"key": "value"}},
        {"status": {"code": "STATUS_CODE_ERROR"}},
        {"status": {"code": 2, "description": "no"}},
        {"links": [{"traceId": T, "spanId": "g" * 16}]},
    ],
    ids=str,
)
def test_refuses_it(changes: Any) -> None:
    """What a lenient reader lets through."""
    with pytest.raises((AssertionError, json_format.ParseError)):
        read_traces(document(**changes))
