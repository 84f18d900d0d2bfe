"""
Formats for those who use `opentelemetry.propagate`: any of them, in any order, as one `TextMapPropagator`.

The names at the end are entry points, so that `OTEL_PROPAGATORS=b3` finds them. OpenTelemetry loads them while it is
itself being imported: nothing here may import `opentelemetry.propagate`.
"""

from __future__ import annotations

from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Final, Generic, final

from opentelemetry.baggage import get_all
from opentelemetry.context import Context, set_value
from opentelemetry.propagators.textmap import CarrierT, TextMapPropagator, default_getter, default_setter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, get_current_span
from opentelemetry.trace import Span as SpanAPI
from opentelemetry.trace.propagation import set_span_in_context

from ...context import get_current
from ...exchange import KEY, current
from ..baggage import BAGGAGE
from ..span import Span
from ..traceparent import SAMPLED
from . import b3, cloudtrace, jaeger, ottrace, xray
from .format import Incoming, Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.propagators.textmap import Getter, Setter

    from .format import Format

__all__ = [
    "B3",
    "DISTRUSTED",
    "INCOMING",
    "B3Multi",
    "CloudTrace",
    "Jaeger",
    "OTTrace",
    "Propagator",
    "XRay",
    "outgoing",
]

INCOMING: Final = "midwatch.incoming"
"""Where a context keeps the `Incoming`: a span cannot say "deferred", "debug", or a decision or a root alone."""


@final
class Propagator(TextMapPropagator):
    """
    Several formats as one.

    On the way in the first of *formats* with something valid to say of the trace wins, and so does the first to name a
    member of the baggage; what nobody names stays as it was in the context. On the way out all of them are written.
    """

    def __init__(self, formats: Iterable[Format]) -> None:
        self._formats = tuple(formats)

    @property
    def fields(self) -> set[str]:
        """Headers that `inject` may write, but for those with a prefix."""
        return {name for one in self._formats for name in one.sends}

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """*context*, by default one with no more than the exchange, and what *carrier* says, if anything valid."""
        if context is None:
            # Frameworks attach what comes of this, and what they call still serves the same exchange.
            exchange = current()
            context = Context() if exchange is None else _Untold({KEY: exchange})
            if exchange is not None and DISTRUSTED in exchange.extra:
                return context  # A framework reads the same headers again, which are not to be believed.
        headers = _Headers(carrier, getter)
        incoming: Incoming | None = None
        baggage: dict[str, str] = {}
        for one in self._formats:
            values = [headers.get(name) for name in one.fields]
            if incoming is None:
                incoming = one.extract(values)
            prefixed = {} if one.prefix is None else headers.with_prefix(one.prefix)
            baggage = {**one.extract_baggage(values, prefixed), **baggage}
        if incoming is not None:
            context = _continued(incoming, context)
        return set_value(BAGGAGE, {**get_all(context), **baggage}, context) if baggage else context

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write span and baggage of *context*, by default the current one, into *carrier*."""
        context = get_current() if context is None else context
        span = outgoing(get_current_span(context), context)
        baggage = get_all(context)
        for one in self._formats:
            for name, value in chain(() if span is None else one.inject(span), one.inject_baggage(baggage)):
                setter.set(carrier, name, value)


DISTRUSTED: Final = "midwatch.distrusted"
"""In `extra` of an exchange whose caller may not say which trace it is."""


class _Untold(Context):
    """A context without a trace. Who asks `extract(...) or None` goes on in the current one, as after any other."""

    def __bool__(self) -> bool:
        return False


class _Headers(Generic[CarrierT]):
    """The headers of a carrier, whatever the case of their names: a plain dict is a carrier too."""

    def __init__(self, carrier: CarrierT, getter: Getter[CarrierT]) -> None:
        self._carrier = carrier
        self._getter = getter

    @cached_property
    def _spelled(self) -> dict[str, str]:
        return {key.lower(): key for key in self._getter.keys(self._carrier) or () if isinstance(key, str)}

    def get(self, name: str) -> str | None:
        """The header, several lines joined by a comma."""
        values = self._getter.get(self._carrier, name)
        if not values and name in self._spelled:
            values = self._getter.get(self._carrier, self._spelled[name])
        lines = [value for value in values or () if isinstance(value, str)]
        return ",".join(lines) if lines else None

    def with_prefix(self, prefix: str) -> dict[str, str]:
        """The headers that start with *prefix*, by the rest of their names."""
        values = ((name, self.get(name)) for name in self._spelled if name.startswith(prefix))
        return {name.removeprefix(prefix): value for name, value in values if value is not None}


def _continued(incoming: Incoming, context: Context) -> Context:
    context = set_value(INCOMING, incoming, context)
    if incoming.trace_id is None or incoming.span_id is None:
        return context
    flags = TraceFlags((SAMPLED if incoming.sampled else 0) | incoming.random)
    state = TraceState.from_header([incoming.state]) if incoming.state else None
    parent = SpanContext(int(incoming.trace_id, 16), int(incoming.span_id, 16), True, flags, state)
    return set_span_in_context(NonRecordingSpan(parent), context)


def outgoing(span: SpanAPI, context: Context) -> Outgoing | None:
    """What the next service is told of *span*, current in *context*; None if it is of no trace."""
    if isinstance(span, Span):
        trace_id, span_id, flags, state = span.trace_id, span.span_id, span.trace_flags, span.trace_state
    else:
        own = span.get_span_context()
        if not own.is_valid:
            return None
        trace_id, span_id, flags = f"{own.trace_id:032x}", f"{own.span_id:016x}", int(own.trace_flags)
        state = own.trace_state.to_header() if own.trace_state else ""
    incoming = context.get(INCOMING)
    # A context outlives its trace where code starts another: debug was not meant for that one.
    debug = isinstance(incoming, Incoming) and incoming.debug and incoming.trace_id in {None, trace_id}
    return Outgoing(trace_id, span_id, flags, state, debug)


B3: Final = partial(Propagator, (b3.B3(),))
B3Multi: Final = partial(Propagator, (b3.B3Multi(),))
Jaeger: Final = partial(Propagator, (jaeger.Jaeger(),))
XRay: Final = partial(Propagator, (xray.XRay(),))
OTTrace: Final = partial(Propagator, (ottrace.OTTrace(),))
CloudTrace: Final = partial(Propagator, (cloudtrace.CloudTrace(),))
