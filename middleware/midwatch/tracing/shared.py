"""What libraries get that trace the request a second time: the one server span, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from opentelemetry.trace import NonRecordingSpan
from opentelemetry.trace import Span as SpanAPI

from ..context import get_current
from .span import SPAN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import SpanContext, Status, StatusCode
    from opentelemetry.util.types import Attributes, AttributeValue

    from ..exchange import Exchange

__all__ = ["Shared", "Unwanted", "share"]


@final
class Shared(SpanAPI):
    """
    Everything goes to *span*, the server span, but its end.

    Libraries may make it current, so handlers that set attributes of the current span set ours.
    """

    __slots__ = ("span",)

    def __init__(self, span: SpanAPI) -> None:
        self.span = span

    def __getattr__(self, name: str) -> Any:
        """What libraries read of a span, such as its `kind`."""
        return getattr(self.span, name)

    def get_span_context(self) -> SpanContext:
        """Of the server span."""
        return self.span.get_span_context()

    def is_recording(self) -> bool:
        """Whether the server span is."""
        return self.span.is_recording()

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """On the server span."""
        self.span.set_attribute(key, value)

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """On the server span."""
        self.span.set_attributes(attributes)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """To the server span."""
        self.span.add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """To the server span."""
        self.span.add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """Of the server span, while this is current. Who keeps it aside is a library that names by route, as we do."""
        if get_current().get(SPAN) is self:
            self.span.update_name(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Of the server span."""
        self.span.set_status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """On the server span."""
        self.span.record_exception(exception, attributes, timestamp, escaped)

    def end(self, end_time: int | None = None) -> None:
        """Nothing: it ends at the last body byte."""


@final
class Unwanted(NonRecordingSpan):
    """A span that shall not be: what is said of it is dropped, and what is made below it is below *span*."""

    def __init__(self, span: SpanAPI) -> None:
        super().__init__(span.get_span_context())
        self.span = span


def share(exchange: Exchange | None, parent: SpanAPI | None) -> Shared | None:
    """
    The server span of *exchange* for a library that wants one below *parent*; None where it is to make its own.

    It is where the exchange has none or is over, and where *parent* was sent by the exchange itself: then the request
    is another one, to an application that is called within this process.
    """
    if exchange is None or exchange.span is None or exchange.outcome is not None:
        return None
    if parent is not None:
        known, own = parent.get_span_context(), exchange.span.get_span_context()
        if known.is_remote and known.trace_id == own.trace_id:
            above: SpanContext | None = getattr(exchange.span, "parent", None)
            if above is None or above.span_id != known.span_id:
                return None
    return Shared(exchange.span)
