"""
`Tracing`: one trace through every service, and one server span for each request.

- takes the caller's trace in, in any of the `formats` and as far as the caller is trusted, or starts one, and makes the
  server span current, so that whatever speaks OpenTelemetry nests below it
- takes `x-request-id` in when it is harmless, else uses the trace id, and sends it back on every response
- hands finished spans to its destinations (see `export`), those that the `sampling` keeps
"""

from __future__ import annotations

import re
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, TypeGuard, final

from opentelemetry.trace import SpanKind, StatusCode

from ..answers import Outcome
from ..headers import HeaderName
from ..plugin import Plugin
from ..redaction import DEFAULT
from .arrival import Arrivals, formats_of
from .baggage import BAGGAGE
from .conventions import METHODS, request_attributes, response_attributes, url_of
from .details import MIDWATCH
from .export import exporter
from .formats import INCOMING
from .formats.propagator import DISTRUSTED
from .joining import joining_provider
from .messages import Messages
from .policy import policy
from .provider import become_global, configured_sdk
from .sequel import end_sequel, note_error
from .span import SPAN, Span
from .stranger import as_context, by_route, complete, stranger_of
from .tail import Buffer, Tail
from .traceparent import RANDOM, new_span_id, new_trace_id
from .trust import trust_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import opentelemetry.trace as otel

    from ..exchange import Exchange
    from ..redaction import Redactor
    from ..service import Service
    from .captured import Captured
    from .formats import Incoming
    from .sampling import Sampler

__all__ = ["Tracing"]

_is_request_id: Final = re.compile(r"[A-Za-z0-9_.\-]{1,128}").fullmatch

SERVER: Final = SpanKind.SERVER
ACCEPTED: Final = 101
_put = dict.__setitem__  # Context refuses changes; this one is ours alone until the application sees it.


@final
class Tracing(Plugin):
    """
    Trace headers in and out, and the server span.

    Args:
        to: Where finished spans go; see `midwatch.tracing.export`.
        service: Named in the spans.
        request_id: Header of the request id, taken in and sent back; None for neither.
        accept, send: Names of `midwatch.tracing.formats`, of which the first that is valid counts, and all are sent.
        trust: Whether the caller of an exchange may choose its trace; None trusts all (see `trust_of`).
        sampler: Which traces that begin here are kept; None keeps all.
        tail: Which requests are kept at their end although they were not sampled.
        exclude: Regular expressions; requests in whose URL one of them is found have no span.
        captured: Headers that the span gets.
        messages: Whether each message of a websocket is an event.
        propagate_to: Hosts that may be told of the trace when a call was redirected to them; `.example.org` is all
            hosts below it, `*` is any.
        operations: Whether FastAPI's own spans of dependencies, endpoints and serialization are wanted.
        be_global: Whether to be OpenTelemetry's provider and propagator, unless the application has set some.
        redactor: Hides what is secret in queries, exceptions and addresses of calls.

    Raises:
        ValueError: a destination, format or expression that is none, or a *request_id* that names no header.
    """

    def __init__(
        self,
        *,
        to: Iterable[Any] = (),
        service: Service | None = None,
        request_id: str | None = "x-request-id",
        accept: Iterable[str] = ("tracecontext", "baggage"),
        send: Iterable[str] = ("tracecontext", "baggage"),
        trust: Callable[[Exchange], object] | None = None,
        sampler: Sampler | None = None,
        tail: Tail | None = None,
        exclude: Iterable[str] = (),
        captured: Captured | None = None,
        messages: bool = False,
        propagate_to: Iterable[str] = (),
        operations: bool = False,
        be_global: bool = True,
        redactor: Redactor = DEFAULT,
    ) -> None:
        self._export = exporter(tuple(to), service)
        self._request_id = None if request_id is None else HeaderName(request_id)
        self._arrivals = Arrivals(accept, request_id)
        self._trusts = None if trust is None else trust_of(trust, None)
        self._sampler, self._tail = sampler, tail
        self._obeys = sampler is None or sampler.parent
        # One by one: joined, their groups and flags would be those of all.
        self._exclude = [re.compile(pattern).search for pattern in exclude]
        self._captured = captured or None
        self._messages = messages
        self._global = be_global
        self._redactor = redactor
        self._sdk: otel.Tracer | None = None
        formats = formats_of(send)
        policy.adopt(self._export, sampler, formats, propagate_to, operations=operations, redactor=redactor)

    def joining(self) -> tuple[otel.TracerProvider, bool]:
        """For frameworks that trace by themselves: with which provider, and whether more than the server span."""
        return joining_provider(), policy.operations

    def on_startup(self) -> None:
        """Become what OpenTelemetry's libraries find, or find the SDK that they do."""
        if self._global:
            become_global()
        self._sdk = configured_sdk()

    def on_request(self, exchange: Exchange) -> None:
        """Continue the caller's trace or start one."""
        values = exchange.headers(self._arrivals.headers)
        if self._request_id is not None:
            exchange.request_id = values[-1] if values[-1] is not None and _is_request_id(values[-1]) else None
        incoming = self._arrivals.trace(values)
        distrusted = None
        if self._trusts is None or self._trusts(exchange):
            baggage = self._arrivals.baggage(values, exchange)
            if baggage:
                _put(exchange.context, BAGGAGE, baggage)
        else:
            distrusted, incoming = incoming, None
            exchange.extra[DISTRUSTED] = True
        span: otel.Span | None = None
        if self._sdk is not None or SPAN in exchange.context:
            span = stranger_of(exchange, self._sdk, incoming, distrusted, self._redactor)
        if span is None:
            span = self._server_span(exchange, incoming, distrusted)
        exchange.span = span
        _put(exchange.context, SPAN, span)
        if exchange.request_id is None and self._request_id is not None:
            exchange.request_id = exchange.trace_id

    def _server_span(self, exchange: Exchange, incoming: Incoming | None, distrusted: Incoming | None) -> Span:
        """The span of a request, recorded if somebody wants it."""
        parent_id: str | None = None
        sampled: bool | None = None
        random, state, debug = RANDOM, "", False
        if incoming is None:
            trace_id = new_trace_id()
        else:
            known, parent_id, sampled, random, state, debug = incoming
            trace_id = known or new_trace_id()
            random = RANDOM if known is None else random
            if debug:
                _put(exchange.context, INCOMING, incoming)
        if sampled is None or not (self._obeys or debug):
            sampled = True
            if self._sampler is not None:
                sampled, state = self._sampler.decide(trace_id, state, exchange.method, exchange.path)
        export: Callable[[Span], object] | None = self._export
        if self._exclude and self._excludes(url_of(exchange)):
            sampled, export = False, None
        elif not sampled and export is not None:
            export = None if self._tail is None else Buffer(self._tail, export)
        flags = random | sampled
        span_id = new_span_id()
        start = exchange.started_at
        span = Span(exchange.method, SERVER, trace_id, span_id, parent_id, flags, state, start, export, True)
        exchange.trace_id, exchange.span_id, exchange.trace_flags = trace_id, span_id, flags
        if distrusted is not None:
            span.add_link(as_context(distrusted))
        if self._messages and export is not None and exchange.kind == "websocket":
            exchange.on_message = Messages(span, exchange).note
        return span

    def _excludes(self, url: str) -> bool:
        return any(found(url) for found in self._exclude)

    def on_response(self, exchange: Exchange) -> None:
        """Send the request id back, unless the application did; the handshake of a websocket ends."""
        if self._request_id is not None and exchange.request_id is not None:
            exchange.offer_header(self._request_id, exchange.request_id)
        span = exchange.span
        if not _ours(span):
            if span is not None:
                complete(exchange, span, self._captured)
        elif exchange.kind == "websocket" and exchange.status == ACCEPTED:
            self._end(exchange, span, perf_counter())

    def on_error(self, exchange: Exchange) -> None:
        """Note the exception, on the span of what raised it: the request, or what went on after it."""
        if exchange.span is not None and exchange.error is not None:
            note_error(exchange.span, exchange, exchange.error)

    def on_finish(self, exchange: Exchange) -> None:
        """End the server span at the last body byte."""
        span = exchange.span
        if type(span) is Span and span.export is not None:
            end_sequel(span, exchange)
        if not _ours(span):
            if span is not None:
                complete(exchange, span, self._captured)
            return
        if span.export is None:
            return
        exchange.on_message = None  # It knows the exchange: a cycle would keep both.
        if type(span.export) is Buffer and not span.export.close(exchange):
            return
        if span.is_recording():
            self._end(exchange, span, exchange.started + exchange.duration)

    def _end(self, exchange: Exchange, span: Span, clock: float) -> None:
        if not span.is_recording():
            return
        attributes = request_attributes(exchange, self._redactor)
        route = exchange.route
        if span.name is exchange.method or (route is not None and by_route(span.name, exchange.method, route)):
            # The application has given it no name of its own.
            method = exchange.method if exchange.method in METHODS else "HTTP"
            span.name = method if route is None else f"{method} {route}"
        # Whatever the application noted, what the door knows is not left out for it.
        span.attributes.update(attributes)
        span.attributes.update(response_attributes(exchange))
        if self._captured is not None:
            self._captured.put(exchange, span)
        if exchange.outcome is not Outcome.OK and exchange.outcome is not None:
            span.set_status(StatusCode.ERROR)
        span.end(exchange.started_at + int((clock - exchange.started) * 1e9))

    def on_shutdown(self, deadline: float) -> None:
        """Flush the destinations, and end those that have an end."""
        if self._export is not None:
            self._export.close(deadline)


def _ours(span: otel.Span | None) -> TypeGuard[Span]:
    return type(span) is Span and (span.export is None or span.instrumentation_scope is MIDWATCH)
