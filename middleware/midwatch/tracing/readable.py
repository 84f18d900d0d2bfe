"""What exporters read of a finished span: `ReadableSpan` of OpenTelemetry's SDK."""

from __future__ import annotations

from opentelemetry.trace import Span as SpanAPI
from opentelemetry.trace import SpanContext, Status, StatusCode

__all__ = ["Readable"]


class Readable(SpanAPI):
    """Makes of a span's own attributes what the SDK calls otherwise."""

    __slots__ = ()

    parent_id: str | None
    remote: bool
    status_code: StatusCode
    status_description: str | None

    @property
    def context(self) -> SpanContext:
        """As `get_span_context`."""
        return self.get_span_context()

    @property
    def parent(self) -> SpanContext | None:
        """The parent's context, as far as it is known here."""
        if self.parent_id is None:
            return None
        own = self.get_span_context()
        return SpanContext(own.trace_id, int(self.parent_id, 16), self.remote, own.trace_flags, own.trace_state)

    @property
    def status(self) -> Status:
        """Code and description."""
        return Status(self.status_code, self.status_description)

    def to_json(self, indent: int | None = 4) -> str:
        """As the SDK writes it; see `export.readable`."""
        from .export.readable import as_json  # noqa: PLC0415 - what exports needs this module first

        return as_json(self, indent)  # type: ignore[arg-type]  # the only one there is
