"""Spans as OTLP JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding)."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Final

import msgspec
from opentelemetry.trace import SpanKind, StatusCode

from ..logs.safe import one_line, safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..service import Service
    from .span import Link, Span

__all__ = ["encode_spans"]

KINDS: Final = {
    SpanKind.INTERNAL: 1,
    SpanKind.SERVER: 2,
    SpanKind.CLIENT: 3,
    SpanKind.PRODUCER: 4,
    SpanKind.CONSUMER: 5,
}
STATUSES: Final = {StatusCode.UNSET: 0, StatusCode.OK: 1, StatusCode.ERROR: 2}

REMOTE_KNOWN: Final = 0x100
REMOTE: Final = 0x300
"""Flags of a span whose parent is in another process (`SpanFlags` of the protocol)."""

ITEMS: Final = 128
DEPTH: Final = 4
"""Items and levels of an attribute that is a list; the rest is cut."""

_encode = msgspec.json.Encoder().encode


def encode_spans(spans: Sequence[Span], service: Service) -> str:
    """One `TracesData` object, on one line: the OTLP file format."""
    scope = {"scope": {"name": "midwatch"}, "spans": [_span(span) for span in spans]}
    resource = {"attributes": _attributes(service.fields())}
    return one_line(_encode({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}).decode())


def _span(span: Span) -> dict[str, Any]:
    encoded: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "flags": span.trace_flags | (REMOTE if span.parent_id and span.kind is SpanKind.SERVER else REMOTE_KNOWN),
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
    if span.links:
        encoded["links"] = [_link(link) for link in span.links]
    if span.status is not StatusCode.UNSET:
        encoded["status"] = {"code": STATUSES[span.status]}
        if span.status_description is not None:
            encoded["status"]["message"] = safe_text(span.status_description)
    if span.dropped:
        encoded["droppedAttributesCount"] = span.dropped
    if span.dropped_events:
        encoded["droppedEventsCount"] = span.dropped_events
    return encoded


def _link(link: Link) -> dict[str, Any]:
    context = link.context
    encoded: dict[str, Any] = {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "attributes": _attributes(link.attributes),
    }
    if context.trace_state:
        encoded["traceState"] = context.trace_state.to_header()
    return encoded


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": safe_text(key), "value": _value(value, DEPTH)} for key, value in attributes.items()]


def _value(value: Any, depth: int) -> dict[str, Any]:
    """*value* as the protocol says it, else as text: one that cannot be said would cost its whole batch."""
    kind = type(value)
    if kind is str:
        return {"stringValue": safe_text(value)}
    if kind is bool:
        return {"boolValue": value}
    if issubclass(kind, int):
        # 64 bits at most; JSON carries them as text.
        whole = int.__int__(value)
        return {"intValue" if -(2**63) <= whole < 2**63 else "stringValue": safe_text(whole)}
    if issubclass(kind, float):
        number = float.__float__(value)
        return {"doubleValue": number} if math.isfinite(number) else {"stringValue": str(number)}
    if kind is bytes:
        return {"bytesValue": base64.b64encode(value[:ITEMS]).decode()}
    if kind is list or kind is tuple:
        return {"arrayValue": {"values": [_value(item, depth - 1) for item in value[: ITEMS if depth else 0]]}}
    return {"stringValue": safe_text(value)}
