"""A trace, and a table of traces, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .words import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .choose import Summary
    from .span import Span
    from .waterfall import Waterfall

__all__ = ["summaries", "whole"]

SECOND: Final = 1_000_000_000


def summaries(traces: Sequence[Summary]) -> list[dict[str, Any]]:
    """The rows of the table; durations in seconds."""
    return [
        {
            "trace_id": trace.id,
            "start": moment(trace.start) or None,
            "duration": trace.duration / SECOND,
            "services": list(trace.services),
            "spans": trace.spans,
            "outcome": trace.outcome,
            "name": trace.name,
        }
        for trace in traces
    ]


def whole(waterfall: Waterfall) -> dict[str, Any]:
    """One trace with all its spans, each as it was told: clocks that differ are left so."""
    trace = waterfall.trace
    spans = sorted(trace.spans.values(), key=lambda span: (span.start, span.key))
    return {
        "trace_id": trace.id,
        "start": moment(waterfall.start) or None,
        "duration": waterfall.length / SECOND,
        "services": list(waterfall.services),
        "left_out": trace.left_out,
        "remarks": list(waterfall.remarks),
        "spans": [_span(span) for span in spans],
    }


def _span(span: Span) -> dict[str, Any]:
    return {
        "span_id": span.span_id,
        "parent_span_id": span.parent_id,
        "service": span.service,
        "name": span.name,
        "kind": span.kind or None,
        "start": moment(span.start) or None,
        "start_unix_nano": span.start,
        "duration": span.duration / SECOND,
        "outcome": span.outcome,
        "error_type": span.error_type,
        "attributes": dict(span.attributes),
        "events": [
            {"name": event.name, "time": moment(event.time) or None, "attributes": dict(event.attributes)}
            for event in span.events
        ],
    }
