"""
Server spans that are not of our making.

Where the application has configured an SDK, the server span is made through it. Where something outside of our door
(contrib's middleware, FastAPI around a door that `add_middleware` put inside) has made one already, that one is ours
too. Both are completed by what the exchange knows; only the former is ended here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import opentelemetry.trace as otel
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, TraceState

from ..answers import Outcome
from .conventions import METHODS, MIDWATCH_OUTCOME, request_attributes, response_attributes
from .details import MIDWATCH
from .span import SPAN

if TYPE_CHECKING:
    from ..exchange import Exchange
    from ..redaction import Redactor
    from .captured import Captured
    from .formats import Incoming

__all__ = ["as_context", "by_route", "complete", "stranger_of"]

KEPT: Final = "midwatch.stranger"


@final
class Stranger:
    """
    A server span that another tracer has made.

    Args:
        made: It was made for us, so that we end it.
    """

    __slots__ = ("made", "name")

    def __init__(self, span: Any, *, made: bool) -> None:
        self.made = made
        self.name = getattr(span, "name", None)


def stranger_of(
    exchange: Exchange,
    sdk: otel.Tracer | None,
    incoming: Incoming | None,
    distrusted: Incoming | None,
    redactor: Redactor,
) -> otel.Span | None:
    """
    The server span of *exchange* that somebody else has made, or that *sdk* makes now; None where there is neither.

    Args:
        incoming: The trace to continue.
        distrusted: One that is only to be linked.
        redactor: Hides what is secret in the query.
    """
    span: Any = exchange.context.get(SPAN)
    made = not _adoptable(span)
    if made:
        if sdk is None:
            return None
        span = _through(sdk, exchange, incoming, distrusted, redactor)
    exchange.extra[KEPT] = Stranger(span, made=made)
    known = span.get_span_context()
    exchange.trace_id, exchange.span_id = f"{known.trace_id:032x}", f"{known.span_id:016x}"
    exchange.trace_flags = int(known.trace_flags)
    return span  # type: ignore[no-any-return]


def _adoptable(span: Any) -> bool:
    """Whether *span*, current where the server called us, is a server span for this very request."""
    return (
        getattr(span, "kind", None) is SpanKind.SERVER
        and span.is_recording()
        and getattr(getattr(span, "instrumentation_scope", None), "name", "") != MIDWATCH.name
    )


def as_context(incoming: Incoming) -> SpanContext:
    """*incoming* as the API says it; invalid where the caller's span is not known."""
    flags = TraceFlags(incoming.random | (incoming.sampled is not False))
    state = TraceState.from_header([incoming.state]) if incoming.state else None
    return SpanContext(int(incoming.trace_id or "0", 16), int(incoming.span_id or "0", 16), True, flags, state)


def _through(
    tracer: otel.Tracer,
    exchange: Exchange,
    incoming: Incoming | None,
    distrusted: Incoming | None,
    redactor: Redactor,
) -> otel.Span:
    """The server span of *exchange*, made by the *tracer* of an SDK, whose sampler decides."""
    context = Context()
    parent = None if incoming is None else as_context(incoming)
    if parent is not None and parent.is_valid:
        context = otel.set_span_in_context(NonRecordingSpan(parent), context)
    links = [] if distrusted is None else [Link(as_context(distrusted))]
    return tracer.start_span(
        _method(exchange),
        context,
        SpanKind.SERVER,
        attributes=request_attributes(exchange, redactor),
        links=links,
        start_time=exchange.started_at,
    )


def _method(exchange: Exchange) -> str:
    return exchange.method if exchange.method in METHODS else "HTTP"


def by_route(name: str | None, method: str, route: str) -> bool:
    """Whether *name* is what a library makes of *route*, or of the end of it that a mounted application knows."""
    first, _, path = (name or "").partition(" ")
    return first in {method, "HTTP", "WS"} and path.startswith("/") and route.endswith(path)


def complete(exchange: Exchange, span: Any, captured: Captured | None = None) -> None:
    """
    Say what is known of *exchange* by now: when the response starts, and when it is over.

    Who has made *span* may end it with the last body byte, which is before we are told that it is over.
    """
    stranger: Stranger = exchange.extra[KEPT]
    over = exchange.outcome is not None
    if span.is_recording():
        attributes = response_attributes(exchange)
        if not over:
            del attributes[MIDWATCH_OUTCOME]
        span.set_attributes(attributes)
        if captured is not None:
            captured.put(exchange, span)
        route, name = exchange.route, getattr(span, "name", None)
        if route is not None and (name == stranger.name or by_route(name, exchange.method, route)):
            span.update_name(f"{_method(exchange)} {route}")
            stranger.name = getattr(span, "name", None)
        if over and exchange.outcome is not Outcome.OK:
            span.set_status(StatusCode.ERROR)
    if over and stranger.made:
        span.end(exchange.started_at + int(exchange.duration * 1e9))
