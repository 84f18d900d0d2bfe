"""`ottrace`: the headers of OpenTracing's basic tracers, as OpenTelemetry's propagators of that name have them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from ..baggage import bounded, texts
from ..traceparent import SAMPLED
from .format import Format, Incoming, Outgoing
from .parts import DECISIONS, SPAN_ID, continued, decided, padded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["OTTrace"]

_is_trace_id: Final = re.compile(r"[0-9a-fA-F]{1,32}").fullmatch
_is_span_id: Final = re.compile(r"[0-9a-fA-F]{1,16}").fullmatch


@final
class OTTrace(Format):
    """`ot-tracer-traceid`, `ot-tracer-spanid` and `ot-tracer-sampled`; one `ot-baggage-` header for each member."""

    name = "ottrace"
    fields = ("ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled")
    prefix = "ot-baggage-"
    sends = fields

    def extract(self, values: Sequence[str | None]) -> Incoming | None:
        trace_id, span_id, decision = ["" if value is None else value.strip(" \t") for value in values]
        sampled = DECISIONS.get(decision.lower())
        if not trace_id and not span_id:
            return decided(sampled)
        if not _is_trace_id(trace_id) or not _is_span_id(span_id):
            return None
        return continued(trace_id, span_id, sampled)

    def inject(self, span: Outgoing) -> Iterator[tuple[str, str]]:
        # Readers of this format know ids of 64 bits.
        trace_id = padded(span.trace_id[-SPAN_ID:], SPAN_ID)
        if trace_id is not None:
            yield "ot-tracer-traceid", trace_id
            yield "ot-tracer-spanid", span.span_id
            yield "ot-tracer-sampled", "true" if span.flags & SAMPLED else "false"

    def extract_baggage(self, values: Sequence[str | None], prefixed: Mapping[str, str]) -> dict[str, str]:
        return dict(bounded(prefixed.items()))

    def inject_baggage(self, baggage: Mapping[str, object]) -> Iterator[tuple[str, str]]:
        """Values go as they are: what a header cannot hold stays at home."""
        plain = ((key, text) for key, text in texts(baggage) if text.isascii() and text.isprintable())
        return ((f"ot-baggage-{key}", value) for key, value in bounded(plain))
