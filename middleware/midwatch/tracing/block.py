"""A span for a `with` block, or for every call of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, final

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, StatusCode

from ..context import attach, get_current
from ..plugin import hook_failed
from .decorated import Surroundings, decorated
from .shared import Shared, Unwanted
from .span import MARK, RECORD, SPAN, Span

if TYPE_CHECKING:
    from collections.abc import Callable

    import opentelemetry.trace as otel

__all__ = ["Block", "Starts"]

F = TypeVar("F", bound="Callable[..., Any]")


class Starts(Protocol):
    """What makes spans."""

    def start_span(self, *wanted: Any) -> otel.Span:
        """As a tracer does."""
        ...


@final
class Block(Surroundings):
    """
    Starts a span when it is entered and ends it when it is left; current in between.

    A class, where `contextlib` would make three objects and a generator. One that has been left may be entered again.

    Args:
        tracer: Makes the span.
        wanted: Arguments of its `start_span`.
        end_on_exit: Whether leaving the block ends the span.
    """

    __slots__ = ("_end", "_span", "_tracer", "_wanted")

    _span: otel.Span

    def __init__(self, tracer: Starts, wanted: tuple[Any, ...], *, end_on_exit: bool = True) -> None:
        self._tracer = tracer
        self._wanted = wanted
        self._end = end_on_exit

    def open(self) -> Context:
        """Start the span; the context in which it is current. One that cannot be started is counted and left out."""
        # Also where the parent is told: what else is current (the exchange, baggage) stays, as with the SDK.
        around = get_current()
        try:
            self._span = span = self._tracer.start_span(*self._wanted)
        except Exception:
            hook_failed(self._tracer.start_span)
            self._span = INVALID_SPAN
            return around
        if type(span) is Unwanted:
            return around
        return Context({**around, SPAN: span.span if type(span) is Shared else span})

    def close(self, error: BaseException | None) -> None:
        """Say what went wrong, and end the span."""
        try:
            # The end of an iteration is none of what went wrong, and neither is being cancelled or closed.
            if isinstance(error, Exception) and not isinstance(error, StopIteration | StopAsyncIteration):
                _note(self._span, error)
            if self._end:
                self._span.end()
        except Exception:
            hook_failed(Block.close)

    def __enter__(self) -> otel.Span:
        self._token = attach(self.open())
        return self._span

    def __call__(self, function: F) -> F:
        """*function* with a span of its own around each call."""
        return decorated(function, lambda: Block(self._tracer, self._wanted, end_on_exit=self._end))


def _note(span: otel.Span, error: Exception) -> None:
    wanted = span.on_exception if type(span) is Span and span.is_recording() else RECORD | MARK
    if wanted & RECORD:
        span.record_exception(error)
    if wanted & MARK:
        span.set_attribute("error.type", type(error).__qualname__)
        span.set_status(StatusCode.ERROR, None)
