"""
`Tracing`: one trace through every service, and one server span for each request.

- takes in `traceparent`, `tracestate` and `baggage` (W3C), or starts a trace
- makes the server span current, so that whatever speaks OpenTelemetry nests below it
- takes `x-request-id` in when it is harmless, else uses the trace id, and sends it back on every response
- hands finished spans to its destinations: `memory`, `file:///path` (OTLP JSON lines), or any callable
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from opentelemetry.trace import SpanKind, StatusCode

from ..exchange import Outcome
from ..plugin import Plugin
from .baggage import BAGGAGE, parse_baggage
from .conventions import server_attributes
from .destinations import exporter
from .span import SPAN, Span
from .traceparent import RANDOM, SAMPLED, clean_tracestate, is_traceparent, new_span_id, new_trace_id, parse_flags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..exchange import Exchange
    from ..service import Service

__all__ = ["Tracing"]

_is_request_id: Final = re.compile(r"[A-Za-z0-9_.\-]{1,128}").fullmatch

_put = dict.__setitem__  # Context refuses changes; this one is ours alone until the application sees it.


@final
class Tracing(Plugin):
    """
    Trace headers in and out, and the server span.

    Args:
        to: Where finished spans go: `"memory"`, `"file:///path"`, or a callable that takes one span.
        service: Named in the spans.
        request_id: Header of the request id, taken in and sent back; None for neither.

    Raises:
        ValueError: a destination that is not known.
    """

    def __init__(
        self,
        *,
        to: Iterable[str | Callable[[Span], None]] = (),
        service: Service | None = None,
        request_id: str | None = "x-request-id",
    ) -> None:
        self._export = exporter(tuple(to), service)
        self._request_id = request_id

    def on_request(self, exchange: Exchange) -> None:
        """Continue the caller's trace or start one."""
        received = exchange.header("traceparent")
        parent_id: str | None = None
        state = ""
        if received is not None and is_traceparent(received := received.strip(" \t")):
            trace_id = received[3:35]
            parent_id = received[36:52]
            flags = parse_flags(received)
            told = exchange.header("tracestate")
            if told is not None:
                state = clean_tracestate(told)
        else:
            trace_id = new_trace_id()
            flags = SAMPLED | RANDOM
        span_id = new_span_id()
        export = self._export if flags & SAMPLED else None
        span = Span(
            exchange.method, SpanKind.SERVER, trace_id, span_id, parent_id, flags, state, exchange.started_at, export
        )
        exchange.span, exchange.trace_id, exchange.span_id, exchange.trace_flags = span, trace_id, span_id, flags
        _put(exchange.context, SPAN, span)
        baggage = exchange.header("baggage")
        if baggage is not None:
            _put(exchange.context, BAGGAGE, parse_baggage(baggage))
        told = None if self._request_id is None else exchange.header(self._request_id)
        exchange.request_id = told if told is not None and _is_request_id(told) else trace_id

    def on_response(self, exchange: Exchange) -> None:
        """Send the request id back, unless the application did."""
        name, value = self._request_id, exchange.request_id
        if name is not None and value is not None and exchange.response_header(name) is None:
            exchange.add_header(name, value)

    def on_finish(self, exchange: Exchange) -> None:
        """End the server span at the last body byte."""
        span = exchange.span
        if span is None or not span.is_recording():
            return
        route = exchange.route
        if route is not None:
            span.update_name(f"{exchange.method} {route}")
        span.set_attributes(server_attributes(exchange))
        if exchange.outcome is not Outcome.OK:
            span.set_status(StatusCode.ERROR)
        span.end(exchange.started_at + int(exchange.duration * 1e9))
