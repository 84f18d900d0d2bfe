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

from ..answers import Outcome
from ..headers import HeaderName, HeaderNames
from ..plugin import Plugin
from . import outgoing
from .baggage import BAGGAGE, parse_baggage
from .conventions import known_method, server_attributes
from .destinations import exporter
from .span import SPAN, Span
from .traceparent import RANDOM, SAMPLED, clean_tracestate, is_traceparent, new_span_id, new_trace_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..exchange import Exchange
    from ..service import Service

__all__ = ["Tracing"]

_is_request_id: Final = re.compile(r"[A-Za-z0-9_.\-]{1,128}").fullmatch

SERVER: Final = SpanKind.SERVER
FLAGS: Final = {f"{flags:02x}": flags & (SAMPLED | RANDOM) for flags in range(256)}
"""Flags by their hexadecimal digits; those that this level does not know are sent on as zero (section 4.3)."""

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
        ValueError: a destination that is not known, or a *request_id* that names no header.
    """

    def __init__(
        self,
        *,
        to: Iterable[str | Callable[[Span], object]] = (),
        service: Service | None = None,
        request_id: str | None = "x-request-id",
    ) -> None:
        self._export = exporter(tuple(to), service)
        outgoing.default_export = self._export
        self._request_id = None if request_id is None else HeaderName(request_id)
        self._headers = HeaderNames("traceparent", "tracestate", "baggage", request_id or "traceparent")

    def on_request(self, exchange: Exchange) -> None:
        """Continue the caller's trace or start one."""
        traceparent, tracestate, baggage, request_id = exchange.headers(self._headers)
        parent_id: str | None = None
        state = ""
        flags = SAMPLED | RANDOM
        if traceparent is not None and is_traceparent(traceparent := traceparent.strip(" \t")):
            trace_id, parent_id, flags = traceparent[3:35], traceparent[36:52], FLAGS[traceparent[53:55]]
            if tracestate is not None:
                state = clean_tracestate(tracestate)
        else:
            trace_id = new_trace_id()
        span_id = new_span_id()
        export = self._export if flags & SAMPLED else None
        span = Span(exchange.method, SERVER, trace_id, span_id, parent_id, flags, state, exchange.started_at, export)
        exchange.span, exchange.trace_id, exchange.span_id, exchange.trace_flags = span, trace_id, span_id, flags
        _put(exchange.context, SPAN, span)
        if baggage is not None:
            _put(exchange.context, BAGGAGE, parse_baggage(baggage))
        if self._request_id is not None:
            known = request_id is not None and _is_request_id(request_id)
            exchange.request_id = request_id if known else trace_id

    def on_response(self, exchange: Exchange) -> None:
        """Send the request id back, unless the application did."""
        if self._request_id is not None and exchange.request_id is not None:
            exchange.offer_header(self._request_id, exchange.request_id)

    def on_finish(self, exchange: Exchange) -> None:
        """End the server span at the last body byte."""
        span: Span | None = exchange.span  # type: ignore[assignment]  # made above
        if span is None or not span.is_recording():
            return
        if span.name is exchange.method:
            # The application has given it no name of its own.
            method, route = known_method(span.name), exchange.route
            method = "HTTP" if method == "_OTHER" else method
            span.name = method if route is None else f"{method} {route}"
        # Whatever the application noted, what the door knows is not left out for it.
        span.attributes.update(server_attributes(exchange))
        if exchange.outcome is not Outcome.OK:
            span.set_status(StatusCode.ERROR)
        span.end(exchange.started_at + int(exchange.duration * 1e9))
