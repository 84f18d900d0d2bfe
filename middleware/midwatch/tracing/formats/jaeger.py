"""`jaeger`: the format of Jaeger's own clients (https://www.jaegertracing.io/sdk-migration/#propagation-format)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final
from urllib.parse import quote, unquote, unquote_plus

from ..baggage import bounded, split_members, texts
from ..traceparent import SAMPLED
from .format import Format, Incoming, Outgoing
from .parts import continued, decided

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Jaeger"]

DEBUG: Final = 0x02
"""Besides `SAMPLED`, which it implies; further bits are of no use to others."""

# Clients that encode the whole value send the colons as %3A. The parent's parent says nothing any more.
_trace: Final = re.compile(
    r"([0-9a-fA-F]{1,32})(?::|%3[aA])([0-9a-fA-F]{1,16})(?::|%3[aA])[0-9a-fA-F]{0,16}(?::|%3[aA])([0-9a-fA-F]{1,2})"
).fullmatch


@final
class Jaeger(Format):
    """
    `uber-trace-id`, and one `uberctx-` header for each member of the baggage.

    For use by hand Jaeger's clients also take `jaeger-debug-id`, which forces a trace where there is none, and
    `jaeger-baggage`, which holds several members.
    """

    name = "jaeger"
    fields = ("uber-trace-id", "jaeger-debug-id", "jaeger-baggage")
    prefix = "uberctx-"
    sends = ("uber-trace-id",)

    def extract(self, values: Sequence[str | None]) -> Incoming | None:
        trace, debug_id, _ = values
        match = None if trace is None else _trace(trace.strip(" \t"))
        if match is None:
            return decided(sampled=True, debug=True) if debug_id else None
        trace_id, span_id, digits = match.groups()
        flags = int(digits, 16)
        return continued(trace_id, span_id, bool(flags & (SAMPLED | DEBUG)), bool(flags & DEBUG))

    def inject(self, span: Outgoing) -> Iterator[tuple[str, str]]:
        flags = SAMPLED | DEBUG if span.debug else span.flags & SAMPLED
        yield "uber-trace-id", f"{span.trace_id}:{span.span_id}:0:{flags:x}"

    def extract_baggage(self, values: Sequence[str | None], prefixed: Mapping[str, str]) -> dict[str, str]:
        by_hand = bounded(_members(values[2])) if values[2] is not None else ()
        found = {key: unquote(value, errors="replace") for key, value in by_hand}
        # Some clients encode a space as a plus, none leaves a plus as it is.
        found.update((key, unquote_plus(value, errors="replace")) for key, value in bounded(prefixed.items()))
        return found

    def inject_baggage(self, baggage: Mapping[str, object]) -> Iterator[tuple[str, str]]:
        quoted = ((key, quote(text, safe="", errors="replace")) for key, text in texts(baggage))
        return ((f"uberctx-{key}", value) for key, value in bounded(quoted))


def _members(header: str) -> Iterator[tuple[str, str]]:
    for member in split_members(header):
        key, equals, value = member.partition("=")
        if equals:
            yield key.strip(" \t"), value.strip(" \t")
