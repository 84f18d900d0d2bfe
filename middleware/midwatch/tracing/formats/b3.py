"""`b3` and `b3multi`: B3 propagation, in one header or several (https://github.com/openzipkin/b3-propagation)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from ..traceparent import SAMPLED
from .format import Format, Incoming, Outgoing
from .parts import DECISIONS, continued, decided

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["B3", "B3Multi"]

SINGLE: Final = "b3"
MULTI: Final = ("x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags")
# The parent's parent is not read and not sent: a span of ours never takes the id of its caller's.

# Without a state the parent may follow the ids at once: that is how Zipkin's own client defers.
_single: Final = re.compile(
    r"([0-9a-fA-F]{16}|[0-9a-fA-F]{32})-([0-9a-fA-F]{16})(?:-([01d]))?(?:-[0-9a-fA-F]{16})?|([01d])"
).fullmatch
_is_trace_id: Final = re.compile(r"[0-9a-fA-F]{16}|[0-9a-fA-F]{32}").fullmatch
_is_span_id: Final = re.compile(r"[0-9a-fA-F]{16}").fullmatch

STATES: Final[dict[str | None, bool | None]] = {"0": False, "1": True, "d": True, None: None}
"""Decisions by the state of the single header; debug implies "accept", none defers."""


@final
class B3(Format):
    """The single header; on the way in the several ones too, where it is not there or not valid."""

    name = "b3"
    fields = (SINGLE, *MULTI)
    sends = (SINGLE,)

    def extract(self, values: Sequence[str | None]) -> Incoming | None:
        found = _from_single(values[0])
        return _from_multi(values[1:]) if found is None else found

    def inject(self, span: Outgoing) -> Iterator[tuple[str, str]]:
        state = "d" if span.debug else span.flags & SAMPLED
        yield SINGLE, f"{span.trace_id}-{span.span_id}-{state}"


@final
class B3Multi(Format):
    """The several headers; on the way in the single one too, where they are not there or not valid."""

    name = "b3multi"
    fields = (*MULTI, SINGLE)
    sends = MULTI

    def extract(self, values: Sequence[str | None]) -> Incoming | None:
        found = _from_multi(values[:-1])
        return _from_single(values[-1]) if found is None else found

    def inject(self, span: Outgoing) -> Iterator[tuple[str, str]]:
        yield "x-b3-traceid", span.trace_id
        yield "x-b3-spanid", span.span_id
        if span.debug:
            # It implies "accept", and is not to be sent along with it.
            yield "x-b3-flags", "1"
        else:
            yield "x-b3-sampled", str(span.flags & SAMPLED)


def _from_single(value: str | None) -> Incoming | None:
    match = _single(_first(value))
    if match is None:
        return None
    trace_id, span_id, state, decision = match.groups()
    if decision is not None:
        return decided(STATES[decision], decision == "d")
    return continued(trace_id, span_id, STATES[state], state == "d")


def _from_multi(values: Sequence[str | None]) -> Incoming | None:
    trace_id, span_id, decision, flags = map(_first, values)
    debug = flags == "1"
    sampled = True if debug else DECISIONS.get(decision.lower())
    if not trace_id and not span_id:
        return decided(sampled, debug)
    if not _is_trace_id(trace_id) or not _is_span_id(span_id):
        return None
    return continued(trace_id, span_id, sampled, debug)


def _first(value: str | None) -> str:
    """The first of several lines, which wins ("Multiple Headers")."""
    return "" if value is None else value.partition(",")[0].strip(" \t")
