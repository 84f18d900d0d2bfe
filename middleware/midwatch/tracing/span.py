"""
A span as the OpenTelemetry API knows it (https://opentelemetry.io/docs/specs/otel/trace/api/), and nothing besides.

Ids are kept as the text that headers and logs need; what the API wants as numbers is made when it asks.
"""

from __future__ import annotations

import traceback
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.trace import Span as SpanAPI
from opentelemetry.trace.propagation import set_span_in_context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.util.types import Attributes, AttributeValue

__all__ = ["SPAN", "Event", "Link", "Span"]

SPAN: Final = next(iter(set_span_in_context(INVALID_SPAN, Context())))
"""Where OpenTelemetry keeps the current span in a context; it tells only by showing."""

LIMIT: Final = 128
"""Attributes, events and links of one span, by default of the specification; more are dropped and counted."""


class Link(NamedTuple):
    """Another trace that a span belongs to."""

    context: SpanContext
    attributes: Mapping[str, Any]


class Event(NamedTuple):
    """Something that happened during a span. *time* is in nanoseconds since the epoch."""

    name: str
    time: int
    attributes: Mapping[str, Any]


@final
class Span(SpanAPI):
    """
    One operation within a trace.

    Args:
        export: Takes the finished span; None when it is not recorded. It then still carries the trace on.
    """

    __slots__ = (
        "_context", "_recording", "attributes", "dropped", "dropped_events", "end_time", "events", "export", "kind",
        "links", "name", "parent_id", "span_id", "start_time", "status", "status_description", "trace_flags",
        "trace_id", "trace_state",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        kind: SpanKind,
        trace_id: str,
        span_id: str,
        parent_id: str | None,
        trace_flags: int,
        trace_state: str,
        start_time: int,
        export: Callable[[Span], object] | None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_id = parent_id
        self.trace_flags = trace_flags
        self.trace_state = trace_state
        self.start_time = start_time
        self.export = export
        self._context: SpanContext | None = None
        self._recording = export is not None
        if export is not None:
            self.attributes: dict[str, AttributeValue] = {}
            self.events: list[Event] = []
            self.links: Sequence[Link] = ()
            self.status = StatusCode.UNSET
            self.status_description: str | None = None
            self.end_time = self.dropped = self.dropped_events = 0

    def get_span_context(self) -> SpanContext:
        """Ids, flags and state, as the API wants them."""
        if self._context is None:
            state = TraceState.from_header([self.trace_state]) if self.trace_state else None
            flags = TraceFlags(self.trace_flags)
            self._context = SpanContext(int(self.trace_id, 16), int(self.span_id, 16), False, flags, state)
        return self._context

    def is_recording(self) -> bool:
        """Whether attributes and events go anywhere: sampled, wanted by a destination, and not ended."""
        return self._recording

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Set one attribute."""
        if self._recording:
            known = isinstance(key, str) and key in self.attributes
            if known or (isinstance(key, str) and key and len(self.attributes) < LIMIT):
                self.attributes[key] = value
            else:
                self.dropped += 1

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Set several attributes."""
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Note that something happened; *timestamp* in nanoseconds since the epoch, by default now."""
        if self._recording:
            if len(self.events) >= LIMIT:
                self.dropped_events += 1
            else:
                self.events.append(Event(name, timestamp or time_ns(), dict(attributes or {})))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Say that the span also belongs to the trace of *context*."""
        if self._recording and context.is_valid and len(self.links) < LIMIT:
            self.links = (*self.links, Link(context, dict(attributes or {})))

    def update_name(self, name: str) -> None:
        """Rename the span."""
        if self._recording:
            self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status; once OK, it stays (specification, "Set Status")."""
        if isinstance(status, Status):
            description = status.description
        code = status.status_code if isinstance(status, Status) else status
        if self._recording and self.status is not StatusCode.OK and code is not StatusCode.UNSET:
            self.status = code
            self.status_description = description if code is StatusCode.ERROR else None

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add an `exception` event."""
        if self._recording:
            from ..logs.safe import safe_text  # noqa: PLC0415 - logs need this module first

            kind = type(exception)
            details = {
                "exception.type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
                "exception.message": safe_text(exception),
                "exception.stacktrace": "".join(traceback.format_exception(exception)),
                "exception.escaped": str(escaped),
            }
            self.add_event("exception", {**details, **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End the span, by default now, and hand it over; a second time it does nothing."""
        if self._recording and self.export is not None:
            self._recording = False
            self.end_time = end_time or time_ns()
            self.export(self)
