"""
Which traces that begin here are kept.

A ratio is a threshold on the last 56 bits of the trace id, the same in every service, and is told to those behind us
as `th` in `tracestate`, so that a backend can weigh what it got
(https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/). Callers that have decided are obeyed.
"""

from __future__ import annotations

import os
import re
import weakref
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple, final

from ..routes import MAX_PATH, route_pattern
from .traceparent import MAX_LENGTH, MAX_MEMBERS, clean_tracestate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Sampler", "decide"]

ALL: Final = 1 << 56

DIGITS: Final = 4
"""Digits of a threshold behind its leading `f`s; more tell a backend nothing and cost every request bytes."""

MAX_OWN: Final = 256
"""Characters of the value of our entry in `tracestate`."""


class Threshold(NamedTuple):
    """A trace is kept if its randomness is not below *least*; *text* is `th`, None where nothing is kept."""

    least: int
    text: str | None


def threshold(ratio: float) -> Threshold:
    """
    The threshold of a *ratio* from 0 to 1.

    Raises:
        ValueError: another number.
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"a ratio is a number from 0 to 1, not {ratio!r}")
    least = ALL - round(ratio * ALL)
    if least >= ALL:
        return Threshold(ALL, None)
    digits = f"{least:014x}"
    leading = len(digits) - len(digits.lstrip("f"))
    text = digits[: leading + DIGITS].rstrip("0") or "0"
    return Threshold(int(text.ljust(14, "0"), 16), text)


@final
class Sampler:
    """
    Decides for a trace that begins here, or whose caller leaves it to us.

    Args:
        ratio: Share of traces to keep; None keeps all and says nothing of it in `tracestate`.
        routes: Shares by route, the first that matches; before *ratio*.
        per_second: Most traces kept in a second.
        parent: Whether a caller's decision is obeyed.
        clock: Seconds.

    Raises:
        ValueError: a ratio outside 0 to 1, or a limit that is not positive.
    """

    def __init__(
        self,
        *,
        ratio: float | None = None,
        routes: Mapping[str, float] | None = None,
        per_second: float | None = None,
        parent: bool = True,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if per_second is not None and per_second <= 0:
            raise ValueError(f"traces per second are a positive number, not {per_second!r}")
        self._default = None if ratio is None else threshold(ratio)
        self._routes = [(route_pattern(route).fullmatch, threshold(share)) for route, share in (routes or {}).items()]
        self._limit = None if per_second is None else Limit(per_second, clock)
        self.parent = parent

    def decide(self, trace_id: str, state: str, method: str = "", path: str = "") -> tuple[bool, str]:
        """Whether to keep the trace, and the `tracestate` that says so."""
        wanted = self._default
        if self._routes and path:
            asked = f"{method} {path[:MAX_PATH]}"
            wanted = next((share for matches, share in self._routes if matches(asked)), wanted)
        if wanted is None:
            text = None
        elif _randomness(trace_id, state) < wanted.least:
            return False, with_threshold(state, None)
        else:
            text = wanted.text
        if self._limit is not None:
            if not self._limit.take():
                return False, with_threshold(state, None)
            text = None  # How many the limit turns away is not known, so neither is the share.
        return True, with_threshold(state, text)


def decide(sampler: Sampler | None, trace_id: str, state: str) -> tuple[bool, str]:
    """The decision for a trace that no request began; without a *sampler*, it is kept."""
    return (True, state) if sampler is None else sampler.decide(trace_id, state)


def _randomness(trace_id: str, state: str) -> int:
    """The 56 bits to compare: `rv` where somebody has set it, else the end of the trace id."""
    if "rv:" in state:
        found = re.search(r"(?:^|,)ot=(?:[^,]*;)?rv:([0-9a-f]{14})(?:[;,]|$)", state)
        if found:
            return int(found[1], 16)
    return int(trace_id[18:], 16)


def with_threshold(state: str, text: str | None) -> str:
    """*state* with `th` of our own entry set to *text*, or without it; the entry goes to the left."""
    if not state:
        return "" if text is None else f"ot=th:{text}"
    members = state.split(",")
    own = next((member for member in members if member.startswith("ot=")), "ot=")
    parts = [part for part in own[3:].split(";") if part and not part.startswith("th:")]
    if text is not None:
        parts.insert(0, f"th:{text}")
    others = [member for member in members if not member.startswith("ot=")]
    entry = f"ot={';'.join(parts)}"
    if not parts or len(entry) > len("ot=") + MAX_OWN:
        return ",".join(others)
    left = MAX_LENGTH - len(entry) - 1
    rest = ",".join(others[: MAX_MEMBERS - 1])
    if len(rest) > left:
        rest = clean_tracestate(rest, left)
    return f"{entry},{rest}" if rest else entry


class Limit:
    """So many in a second, and as many at once."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._rate = per_second
        self._clock = clock
        self._left = self._most = max(1.0, per_second)
        self._at = clock()
        self.forget()
        _limits.add(self)

    def forget(self) -> None:
        """In a forked child: another thread of the parent may have held the lock."""
        self._lock = RLock()  # A handler of signals may interrupt it, and start a trace.

    def take(self) -> bool:
        """Whether one more is within the limit."""
        with self._lock:
            now = self._clock()
            self._left = min(self._most, self._left + (now - self._at) * self._rate)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


_limits: Final[weakref.WeakSet[Limit]] = weakref.WeakSet()


def _after_fork() -> None:
    for limit in list(_limits):
        limit.forget()


os.register_at_fork(after_in_child=_after_fork)
