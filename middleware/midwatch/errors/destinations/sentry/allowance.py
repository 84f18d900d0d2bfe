"""How many events of one fingerprint are sent: a handful, then one now and then. A storm says nothing new."""

from __future__ import annotations

import os
from collections import OrderedDict
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Allowance"]

KEPT: Final = 1000
"""Fingerprints that are remembered; the one not seen for the longest time is forgotten first."""

_lock = RLock()


@final
class Allowance:
    """
    Grants *burst* at once, and one more every *every* seconds, for each fingerprint.

    Args:
        burst: How many.
        every: Seconds.
        clock: Seconds, of any start.
    """

    def __init__(self, burst: int, every: float, clock: Callable[[], float] = monotonic) -> None:
        self._ahead = (burst - 1) * every
        self._every = every
        self._clock = clock
        # When all that was granted would have been used up at the steady rate.
        self._paid: OrderedDict[str, float] = OrderedDict()

    def grants(self, fingerprint: str) -> bool:
        """Whether one more may be sent; it counts as sent."""
        now = self._clock()
        with _lock:
            paid = max(self._paid.get(fingerprint, now), now)
            granted = paid - now <= self._ahead
            self._paid[fingerprint] = paid + self._every if granted else paid
            self._paid.move_to_end(fingerprint)
            if len(self._paid) > KEPT:
                self._paid.popitem(last=False)
        return granted


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = RLock()


os.register_at_fork(after_in_child=_after_fork)
