"""What was lost, until it is recorded in the trail itself."""

from __future__ import annotations

from threading import RLock
from typing import Final, NamedTuple, final

__all__ = ["DAMAGED", "QUEUE_FULL", "SPILL_FULL", "TAKEN", "UNREADABLE", "Gap", "Losses"]

QUEUE_FULL: Final = "the queue is full"
SPILL_FULL: Final = "the spill is full"
UNREADABLE: Final = "the event cannot be encoded"
DAMAGED: Final = "the spill was damaged"
TAKEN: Final = "another event has its place"

GAP_EVERY: Final = 1.0
"""Seconds between two records of a loss that goes on."""


class Gap(NamedTuple):
    """
    Events of one rank that are missing for one reason.

    Attributes:
        rank: In lower case; `unknown` where only its number is known.
        events: How many.
        first, last: When they were lost, nanoseconds since the epoch.
    """

    rank: str
    reason: str
    events: int
    first: int
    last: int


@final
class Losses:
    """
    Counts. Used by any thread.

    Attributes:
        dropped: By rank, since the process began.
    """

    def __init__(self) -> None:
        # Re-entrant: a signal handler may record as well.
        self._lock = RLock()
        self._gaps: dict[tuple[str, str], Gap] = {}
        self._next = 0.0
        self.dropped: dict[str, int] = {}

    def add(self, rank: str, reason: str, time: int, count: int = 1) -> None:
        """Count *count* events that were lost at *time*."""
        with self._lock:
            self.dropped[rank] = self.dropped.get(rank, 0) + count
            known = self._gaps.get((rank, reason))
            first = time if known is None else known.first
            self._gaps[rank, reason] = Gap(rank, reason, count + (0 if known is None else known.events), first, time)

    def due(self, now: float) -> float | None:
        """In how many seconds it may be recorded; None if there is nothing."""
        return max(0.0, self._next - now) if self._gaps else None

    def take(self, now: float) -> list[Gap]:
        """What is to be recorded, which then counts as recorded."""
        with self._lock:
            gaps, self._gaps = [*self._gaps.values()], {}
            self._next = now + GAP_EVERY
        return gaps
