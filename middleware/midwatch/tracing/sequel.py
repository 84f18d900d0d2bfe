"""
What goes on after a server span has ended: background work, and a websocket behind its handshake.

A server span says how long the client waited, so it ends with the last body byte or the handshake. What follows is a
span of its own, a child that is also linked; spans made from then on are below that one.
"""

from __future__ import annotations

from threading import RLock
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind, StatusCode

from ..answers import Outcome
from .span import Span
from .traceparent import new_span_id

if TYPE_CHECKING:
    from ..exchange import Exchange

__all__ = ["end_sequel", "note_error", "sequel_of"]

MESSAGE: Final = 1024
"""Characters of its message by which an exception is known again."""

WORTH: Final = 0.005
"""Seconds from which on work after the last byte has a span even if it made none itself."""

_making = RLock()


def sequel_of(span: Span, exchange: Exchange | None) -> Span:
    """The span that is to be the parent of what starts now: *span* of *exchange*, or what has followed it."""
    if exchange is None or exchange.span is not span or span.export is None or _goes_on(exchange):
        return span
    if span.sequel is None and exchange.outcome is None:
        with _making:
            made = _make(span, exchange)
            # Again: a signal handler that makes spans may have come in between, in this thread.
            if span.sequel is None:
                span.sequel = made
    return span.sequel or span


def note_error(span: Any, exchange: Exchange, error: BaseException) -> None:
    """Record *error* on the span of what raised it, unless the application, or a library, has done so."""
    from .policy import policy  # noqa: PLC0415 - formats need spans first

    shown = policy.redactor.text

    # What Starlette answers with a 500 it raises again, once that is sent: the request failed, not what followed.
    if type(span) is Span and not _failed(exchange):
        span = sequel_of(span, exchange)
    if span.is_recording():
        recorded = [event.attributes or {} for event in getattr(span, "events", ()) if event.name == "exception"]
        message = shown(error, MESSAGE) if recorded else ""
        if all(shown(str(one.get("exception.message")), MESSAGE) != message for one in recorded):
            span.record_exception(error)


def _failed(exchange: Exchange) -> bool:
    """The response says by itself that the application failed."""
    return exchange.status is not None and exchange.status >= 500


def _goes_on(exchange: Exchange) -> bool:
    if exchange.kind == "websocket":
        return exchange.status != 101
    return exchange.ended is None


def _make(span: Span, exchange: Exchange) -> Span:
    since = exchange.first_byte if exchange.kind == "websocket" else exchange.ended
    start = exchange.started_at + int(((since or perf_counter()) - exchange.started) * 1e9)
    name = "websocket" if exchange.kind == "websocket" else "background"
    state, flags = span.trace_state, span.trace_flags
    sequel = Span(name, SpanKind.INTERNAL, span.trace_id, new_span_id(), span.span_id, flags, state, start, span.export)
    sequel.add_link(span.get_span_context())
    return sequel


def end_sequel(span: Span, exchange: Exchange) -> None:
    """End what followed *span*, if anything worth a span did: the exchange is over."""
    now = perf_counter()
    if span.sequel is None:
        if exchange.kind != "websocket" and now - (exchange.ended or now) < WORTH:
            return
        if _goes_on(exchange):
            return
        span.sequel = _make(span, exchange)
    sequel = span.sequel
    if exchange.route is not None:
        sequel.set_attribute("http.route", exchange.route)
    if exchange.close_code is not None:
        sequel.set_attribute("websocket.close_code", exchange.close_code)
    if exchange.kind == "websocket":
        sequel.set_attribute("midwatch.outcome", str(exchange.outcome))
    broken = exchange.error is not None or exchange.kind == "websocket"
    if broken and exchange.outcome is not Outcome.OK and not _failed(exchange):
        sequel.set_attribute("error.type", exchange.error_type or "")
        sequel.set_status(StatusCode.ERROR)
    sequel.end(exchange.started_at + int((now - exchange.started) * 1e9))
