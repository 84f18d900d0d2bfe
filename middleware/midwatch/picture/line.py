"""
Lines of a JSON log: a request line is a span whose parent nobody told, any other line an event of its span.

`timestamp` is when the request ended (see `logs.requestlog`), so it started a duration earlier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from . import lenient
from .span import OUTCOMES, Event, Span

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DURATION", "span_of"]

DURATION: Final = "http.server.request.duration"
"""What only a request line has; seconds."""

SECOND: Final = 1_000_000_000

TOLD: Final = frozenset({"timestamp", "message", "trace_id", "span_id", "trace_flags", "service.name", "outcome"})
"""Fields that are not shown as attributes, because they are shown otherwise."""


def span_of(said: Mapping[str, Any]) -> Span | None:
    """The span or the note that *said* makes, if it has ids."""
    trace_id, span_id = lenient.trace_id(said.get("trace_id")), lenient.span_id(said.get("span_id"))
    if trace_id is None or span_id is None:
        return None
    time = lenient.time(said.get("timestamp"))
    attributes = lenient.attributes((key, value) for key, value in said.items() if key not in TOLD)
    service = lenient.text(said.get("service.name"))
    if DURATION not in said:
        event = Event(lenient.text(said.get("message"), lenient.LENGTH), time, attributes)
        return Span(trace_id, span_id, None, service, start=time, events=(event,), source="note")
    method = lenient.text(said.get("http.request.method"))
    place = lenient.text(said.get("http.route")) or lenient.text(said.get("url.path"))
    duration = lenient.nanoseconds(said[DURATION], SECOND)
    outcome, kind = said.get("outcome"), said.get("error.type")
    return Span(
        trace_id,
        span_id,
        None,
        service,
        f"{method} {place}".strip() or lenient.text(said.get("message")),
        "server",
        max(time - duration, 0),
        duration if time else 0,
        outcome if isinstance(outcome, str) and outcome in OUTCOMES else _judged(said),
        kind[: lenient.NAME] if isinstance(kind, str) else None,
        attributes,
        source="line",
    )


def _judged(said: Mapping[str, Any]) -> str:
    status = said.get("http.response.status_code")
    return "error" if isinstance(status, int) and status >= 500 else "ok"
