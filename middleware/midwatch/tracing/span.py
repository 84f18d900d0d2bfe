"""
A span as the OpenTelemetry API knows it (https://opentelemetry.io/docs/specs/otel/trace/api/).

Ids are kept as the text that headers and logs need; what the API or an exporter wants as numbers and objects is made
when it asks. Whether a span is recorded, and by whom it is taken, is one attribute: `export`, which children inherit.
"""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any, Final, final

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.trace.propagation import set_span_in_context

from .bounds import LONGEST_KEY, bounded_name, stack_of, weight
from .details import EXCEPTION_EVENTS, LIMITS, MIDWATCH, NOWHERE, Event, Link
from .readable import Readable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from opentelemetry.util.types import Attributes, AttributeValue

    from ..redaction import Redactor
    from .details import Scope

__all__ = ["MARK", "RECORD", "SPAN", "Span"]

SPAN: Final = next(iter(set_span_in_context(INVALID_SPAN, Context())))
"""Where OpenTelemetry keeps the current span in a context; it tells only by showing."""

BULKY: Final = 256
"""Characters or items from which on a value counts for the memory that waiting spans may take."""

RECORD: Final = 1
MARK: Final = 2
"""What an exception that leaves a `with` block does to its span: an event, and the status."""

_most, _widest = LIMITS.attributes, LIMITS.value
_looked_at = min(BULKY, _widest)
_small: Final = frozenset({int, float, bool})


def _redactor() -> Redactor:
    from .policy import policy  # noqa: PLC0415 - formats need spans first

    return policy.redactor


@final
class Span(Readable):
    """
    One operation within a trace.

    Args:
        export: Takes the finished span; None when it is not recorded. It then still carries the trace on.
        remote: The parent is in another process.
        instrumentation_scope: The library that made it.

    Attributes:
        resource: The service that made it, once a destination has said which.
        bulk: Bytes of its long values, roughly.
        sequel: The span of what goes on after this one has ended; for server spans.
    """

    __slots__ = (
        "_context", "_recording", "attributes", "bulk", "dropped_attributes", "dropped_events", "dropped_links",
        "end_time", "events", "export", "instrumentation_scope", "kind", "links", "name", "on_exception", "parent_id",
        "remote", "resource", "sequel", "span_id", "start_time", "status_code", "status_description", "trace_flags",
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
        remote: bool = False,
        instrumentation_scope: Scope = MIDWATCH,
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
        self.sequel: Span | None = None
        self.remote = remote
        self._recording = export is not None
        if export is not None:
            self.instrumentation_scope = instrumentation_scope
            self.attributes: dict[str, AttributeValue] = {}
            self.events: list[Event] = []
            self.links: list[Link] = []
            self.status_code = StatusCode.UNSET
            self.status_description: str | None = None
            self.on_exception = RECORD | MARK
            self.resource = NOWHERE
            self.end_time = self.bulk = self.dropped_attributes = self.dropped_events = self.dropped_links = 0

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
        """Set one attribute; a value longer than the limit is cut."""
        if not self._recording:
            return
        attributes = self.attributes
        if (
            type(key) is not str
            or not 0 < len(key) <= LONGEST_KEY
            or (len(attributes) >= _most and key not in attributes)
        ):
            self.dropped_attributes += 1
            return
        kind = type(value)
        if kind is str:
            if len(value) > _looked_at:  # type: ignore[arg-type]  # text
                value = self._cut(value)
        elif kind not in _small:
            value = self._cut(value)
        attributes[key] = value

    def _cut(self, value: Any) -> Any:
        """*value* no longer than the limit, and weighed; one that fails when it is looked at is named by its type."""
        try:
            if isinstance(value, str | bytes | list | tuple):
                value = value[:_widest]
            self.bulk += weight(value)
        except Exception:
            return f"<{type(value).__qualname__}>"
        return value

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Set several attributes."""
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Note that something happened; *timestamp* in nanoseconds since the epoch, by default now."""
        if self._recording:
            if len(self.events) >= LIMITS.events:
                self.dropped_events += 1
            else:
                self.events.append(Event(name, timestamp or time_ns(), *self._bounded(attributes)))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Say that the span also belongs to the trace of *context*; an invalid one counts if it says anything."""
        if (
            self._recording
            and isinstance(context, SpanContext)
            and (context.is_valid or attributes or context.trace_state)
        ):
            if len(self.links) >= LIMITS.links:
                self.dropped_links += 1
            else:
                self.links.append(Link(context, *self._bounded(attributes)))

    def _bounded(self, attributes: Attributes) -> tuple[dict[str, Any], int]:
        """Attributes of an event or a link within the limits, and how many are not there."""
        bounded: dict[str, Any] = {}
        dropped = 0
        try:
            for key, value in (attributes or {}).items():
                if len(bounded) >= _most or len(key) > LONGEST_KEY:
                    dropped += 1
                else:
                    bounded[key] = value if type(value) in _small else self._cut(value)
        except Exception:  # A mapping that is none, or fails when it is looked at.
            dropped += 1
        return bounded, dropped

    def update_name(self, name: str) -> None:
        """Rename the span."""
        if self._recording:
            self.name = bounded_name(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status; once OK, it stays (specification, "Set Status")."""
        if isinstance(status, Status):
            description = status.description
        code = status.status_code if isinstance(status, Status) else status
        if self._recording and self.status_code is not StatusCode.OK and code is not StatusCode.UNSET:
            self.status_code = code
            self.status_description = None
            if code is StatusCode.ERROR and description is not None:
                self.status_description = self._cut(_redactor().text(description, _widest))

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add an `exception` event."""
        if self._recording and EXCEPTION_EVENTS:
            redactor = _redactor()
            kind = type(exception)
            details = {
                "exception.type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
                "exception.message": redactor.text(exception, _widest),
                "exception.stacktrace": stack_of(exception, redactor),
                "exception.escaped": str(escaped),
            }
            self.add_event("exception", {**details, **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End the span, by default now, and hand it over; a second time it does nothing."""
        if self._recording and self.export is not None:
            self._recording = False
            self.end_time = end_time or time_ns()
            self.export(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and self._recording:
            if self.on_exception & RECORD:
                self.record_exception(error)
            if self.on_exception & MARK:
                self.set_attribute("error.type", type(error).__qualname__)
                self.set_status(StatusCode.ERROR)
        self.end()
