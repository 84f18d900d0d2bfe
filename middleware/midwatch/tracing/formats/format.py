"""What a propagation format is: headers to and from what they say of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Format", "Incoming", "Outgoing"]


class Incoming(NamedTuple):
    """
    What a caller said of its trace.

    Attributes:
        trace_id: 32 lower-case hexadecimal digits; None where only a decision came.
        span_id: 16 of them: the parent. None where only the trace is known, as from a load balancer.
        sampled: The caller's decision; None where it defers to ours.
        random: `traceparent.RANDOM` where the right-most seven bytes of the trace id are known to be random, else 0.
        state: A cleaned `tracestate`; empty without.
        debug: Keep it whatever the sampler says, and say so further down.
    """

    trace_id: str | None = None
    span_id: str | None = None
    sampled: bool | None = None
    random: int = 0
    state: str = ""
    debug: bool = False


class Outgoing(NamedTuple):
    """What is said of a trace to the next service; *flags* are those of W3C, *span_id* is the new parent."""

    trace_id: str
    span_id: str
    flags: int
    state: str = ""
    debug: bool = False


class Format:
    """
    One propagation format; has no state.

    Attributes:
        name: In the settings and in `OTEL_PROPAGATORS`.
        fields: Request headers that it reads, lower case; `extract` is given their values in this order.
        prefix: Start of the names of headers that carry baggage; None where it has no such headers.
        sends: Headers that it may write, besides those with the prefix.
    """

    name: ClassVar[str]
    fields: ClassVar[tuple[str, ...]]
    prefix: ClassVar[str | None] = None
    sends: ClassVar[tuple[str, ...]]

    def extract(self, values: Sequence[str | None]) -> Incoming | None:
        """What the headers say, several lines of one name joined by a comma; None if nothing or nothing valid."""
        return None

    def inject(self, span: Outgoing) -> Iterable[tuple[str, str]]:
        """The headers that say it."""
        return ()

    def extract_baggage(self, values: Sequence[str | None], prefixed: Mapping[str, str]) -> dict[str, str]:
        """Baggage in the headers; *prefixed* are those with the prefix, by the rest of their names."""
        return {}

    def inject_baggage(self, baggage: Mapping[str, object]) -> Iterable[tuple[str, str]]:
        """The headers that carry *baggage*."""
        return ()
