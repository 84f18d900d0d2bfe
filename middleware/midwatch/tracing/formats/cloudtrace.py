"""`cloudtrace`: the older header of Google Cloud (https://cloud.google.com/trace/docs/trace-context)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from ..traceparent import SAMPLED
from .format import Format, Incoming, Outgoing
from .parts import TRACE_ID, padded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["CloudTrace"]

# Google's own servers leave out, or leave empty, the span as well as the options.
_context: Final = re.compile(r"([0-9a-fA-F]{32})(?:/([0-9]{0,20}))?(?:;o=([0-9]{0,3}))?").fullmatch


@final
class CloudTrace(Format):
    """`X-Cloud-Trace-Context`: a trace id in hexadecimal, a span id in decimal digits, options."""

    name = "cloudtrace"
    fields = ("x-cloud-trace-context",)
    sends = fields

    def extract(self, values: Sequence[str | None]) -> Incoming | None:
        match = None if values[0] is None else _context(values[0].strip(" \t"))
        if match is None:
            return None
        digits, decimal, options = match.groups()
        trace_id, span = padded(digits, TRACE_ID), int(decimal or 0)
        if trace_id is None or span >> 64:
            return None
        sampled = bool(int(options) & SAMPLED) if options else None
        return Incoming(trace_id, f"{span:016x}" if span else None, sampled)

    def inject(self, span: Outgoing) -> Iterator[tuple[str, str]]:
        yield "x-cloud-trace-context", f"{span.trace_id}/{int(span.span_id, 16)};o={span.flags & SAMPLED}"
