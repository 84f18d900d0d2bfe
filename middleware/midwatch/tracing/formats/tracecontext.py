"""`tracecontext`: W3C Trace Context, level 2 (https://www.w3.org/TR/trace-context-2/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from ..traceparent import RANDOM, SAMPLED, clean_tracestate, is_traceparent
from .format import Format, Incoming, Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["TraceContext"]

DECISIONS: Final = {f"{flags:02x}": (bool(flags & SAMPLED), flags & RANDOM) for flags in range(256)}
"""Sampled and random by the flags' digits; other bits mean nothing at this level (section 4.3)."""


@final
class TraceContext(Format):
    """`traceparent` and `tracestate`; the state of a trace that cannot be continued is dropped."""

    name = "tracecontext"
    fields = ("traceparent", "tracestate")
    sends = fields

    def extract(self, values: Sequence[str | None]) -> Incoming | None:
        traceparent, tracestate = values
        if traceparent is None or not is_traceparent(traceparent := traceparent.strip(" \t")):
            return None
        sampled, random = DECISIONS[traceparent[53:55]]
        state = clean_tracestate(tracestate) if tracestate is not None else ""
        return Incoming(traceparent[3:35], traceparent[36:52], sampled, random, state)

    def inject(self, span: Outgoing) -> Iterator[tuple[str, str]]:
        # Bits that this level does not know are sent as zero (section 4.3).
        yield "traceparent", f"00-{span.trace_id}-{span.span_id}-{span.flags & (SAMPLED | RANDOM):02x}"
        if span.state:
            yield "tracestate", span.state
