"""A span as the JSON that `ReadableSpan.to_json` of OpenTelemetry's SDK makes, which some exporters print."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...logs.safe import encode_line

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from ..span import Span

__all__ = ["as_json"]


def as_json(span: Span, indent: int | None) -> str:
    """*span* with the SDK's keys; values that JSON cannot say are texts."""
    status: dict[str, Any] = {"status_code": span.status_code.name}
    if span.status_description:
        status["description"] = span.status_description
    told = {
        "name": span.name,
        "context": _context(span.get_span_context()),
        "kind": str(span.kind),
        "parent_id": f"0x{span.parent_id}" if span.parent_id else None,
        "start_time": _moment(span.start_time),
        "end_time": _moment(span.end_time),
        "status": status,
        "attributes": span.attributes,
        "events": [
            {"name": event.name, "timestamp": _moment(event.timestamp), "attributes": event.attributes}
            for event in span.events
        ],
        "links": [{"context": _context(link.context), "attributes": link.attributes} for link in span.links],
        "resource": {"attributes": span.resource.attributes, "schema_url": span.resource.schema_url},
    }
    return json.dumps(json.loads(encode_line(told)), indent=indent)


def _context(context: SpanContext) -> dict[str, str]:
    return {
        "trace_id": f"0x{context.trace_id:032x}",
        "span_id": f"0x{context.span_id:016x}",
        "trace_state": repr(context.trace_state),
    }


def _moment(nanoseconds: int) -> str | None:
    """None for what is no time."""
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (TypeError, ValueError, OverflowError, OSError):
        return None
