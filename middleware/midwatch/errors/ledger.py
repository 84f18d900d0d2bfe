"""What is known of each fingerprint: how often, since when, and what the latest was; for a bounded number of them."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from typing import Final, NamedTuple, final

__all__ = ["Group", "Ledger", "Sighting"]

KEPT: Final = 1000


class Sighting(NamedTuple):
    """
    One more occurrence of a fingerprint.

    Attributes:
        times: How often it has occurred, in this process, this time included.
        first: When it did so first, seconds since the epoch.
        before: When it did so last; None for the first time.
    """

    times: int
    first: float
    before: float | None


class Group(NamedTuple):
    """All occurrences of one fingerprint in this process; times are seconds since the epoch."""

    fingerprint: str
    times: int
    first: float
    last: float
    latest: dict[str, str]
    """Of the latest occurrence: `title`, and what is known of its request."""


@final
class Ledger:
    """
    Counts by fingerprint; the one not seen for the longest time is forgotten first.

    Args:
        kept: Fingerprints that are remembered.

    Attributes:
        forgotten: How many had to make room.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._groups: OrderedDict[str, tuple[int, float, float, dict[str, str]]] = OrderedDict()
        self.forgotten = 0
        self.after_fork()
        _all.add(self)

    def after_fork(self) -> None:
        """In the child: another thread of the parent may have held the lock."""
        self._lock = threading.RLock()

    def add(self, fingerprint: str, now: float) -> Sighting:
        """Count one more."""
        with self._lock:
            known = self._groups.get(fingerprint)
            count, first, before, latest = (0, now, None, {}) if known is None else known
            self._groups[fingerprint] = (count + 1, first, now, latest)
            self._groups.move_to_end(fingerprint)
            if len(self._groups) > self._kept:
                self._groups.popitem(last=False)
                self.forgotten += 1
        return Sighting(count + 1, first, before)

    def note(self, fingerprint: str, latest: dict[str, str]) -> None:
        """Keep what the latest occurrence was, if its fingerprint is still remembered."""
        with self._lock:
            known = self._groups.get(fingerprint)
            if known is not None:
                self._groups[fingerprint] = (*known[:3], latest)

    def groups(self) -> list[Group]:
        """All that are remembered, the latest first."""
        with self._lock:
            known = list(self._groups.items())
        return [Group(fingerprint, *told) for fingerprint, told in reversed(known)]


_all: Final[weakref.WeakSet[Ledger]] = weakref.WeakSet()


def _after_fork() -> None:
    for ledger in list(_all):
        ledger.after_fork()


os.register_at_fork(after_in_child=_after_fork)
