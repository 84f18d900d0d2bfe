"""Spans as OTLP JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from opentelemetry.trace import SpanKind, StatusCode

from ..logs.safe import safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..service import Service
    from .span import Span

__all__ = ["encode_spans"]

KINDS: Final = {
    SpanKind.INTERNAL: 1,
    SpanKind.SERVER: 2,
    SpanKind.CLIENT: 3,
    SpanKind.PRODUCER: 4,
    SpanKind.CONSUMER: 5,
}
STATUSES: Final = {StatusCode.UNSET: 0, StatusCode.OK: 1, StatusCode.ERROR: 2}

_encode = msgspec.json.Encoder().encode


def encode_spans(spans: Sequence[Span], service: Service) -> str:
    """One `TracesData` object, on one line: the OTLP file format."""
    scope = {"scope": {"name": "midwatch"}, "spans": [_span(span) for span in spans]}
    resource = {"attributes": _attributes(service.fields())}
    return _encode({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}).decode()


def _span(span: Span) -> dict[str, Any]:
    encoded: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "flags": span.trace_flags | 0x100,
        "name": safe_text(span.name),
        "kind": KINDS[span.kind],
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes),
    }
    if span.parent_id:
        encoded["parentSpanId"] = span.parent_id
    if span.trace_state:
        encoded["traceState"] = span.trace_state
    if span.events:
        encoded["events"] = [
            {"name": safe_text(e.name), "timeUnixNano": str(e.time), "attributes": _attributes(e.attributes)}
            for e in span.events
        ]
    if span.status is not StatusCode.UNSET:
        encoded["status"] = {"code": STATUSES[span.status]}
    if span.dropped:
        encoded["droppedAttributesCount"] = span.dropped
    return encoded


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": safe_text(str(key)), "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        # 64 bits at most; JSON carries them as text.
        return {"intValue": str(value)} if -(2**63) <= value < 2**63 else {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value} if value - value == 0 else {"stringValue": str(value)}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_value(item) for item in value[:128]]}}
    return {"stringValue": safe_text(value)}
