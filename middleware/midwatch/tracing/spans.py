"""`span` and `carry`: spans of the application's own, and the trace where it does not go by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, final, overload

from opentelemetry.trace import SpanKind

from ..context import get_current
from .block import Block
from .decorated import Surroundings, decorated
from .provider import active_tracer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import opentelemetry.trace as otel
    from opentelemetry.context import Context
    from opentelemetry.util.types import Attributes

__all__ = ["carry", "span"]

F = TypeVar("F", bound="Callable[..., Any]")


@overload
def span(
    name: str, *, kind: SpanKind = ..., attributes: Attributes = ..., links: Sequence[otel.Link] = ...
) -> Block: ...


@overload
def span(name: F) -> F: ...


def span(
    name: str | F,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes = None,
    links: Sequence[otel.Link] = (),
) -> Block | F:
    """
    A span for a `with` block, or around each call of a function: `@midwatch.span("name")`.

    The span is the child of the current one, and current itself while the block or function runs. That of a generator
    lasts from its first item to its end. An exception is noted and passes. As `@midwatch.span`, without a name, the
    span has that of the function.
    """
    if isinstance(name, str):
        return Block(ACTIVE, (name, None, kind, attributes, links))
    described: Any = getattr(name, "__func__", name)
    own = getattr(described, "__qualname__", None) or type(described).__qualname__
    return Block(ACTIVE, (own, None, kind, attributes, links))(name)


@final
class _Active:
    """Asks for the tracer when a span starts: decorators run before anybody has configured one."""

    def start_span(self, *wanted: Any) -> otel.Span:
        return active_tracer().start_span(*wanted)


ACTIVE = _Active()


def carry(function: F) -> F:
    """
    *function* in the context in which it was handed over, wherever and however often it is called.

    For threads, executors and callbacks, which start without one: `pool.submit(midwatch.carry(work), order)`. Current
    span, baggage and `midwatch.current()` are those of the caller of `carry`. Where there is nothing to carry, it is
    *function* itself.
    """
    context = get_current()
    return decorated(function, lambda: _Carried(context)) if context else function


@final
class _Carried(Surroundings):
    """One call; the context of them all is never changed."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def open(self) -> Context:
        return self._context
