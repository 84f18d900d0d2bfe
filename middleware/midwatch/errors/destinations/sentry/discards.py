"""
What a tracker was not sent, by reason: it is told with the next envelope, so that its figures tell the truth.

https://develop.sentry.dev/sdk/telemetry/client-reports/
"""

from __future__ import annotations

import os
from threading import RLock
from typing import TYPE_CHECKING, Literal, TypeAlias, final

import msgspec

from ....logs.timestamp import rfc3339
from .limits import CATEGORY

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Discards", "Reason", "report"]

Reason: TypeAlias = Literal["ratelimit_backoff", "queue_overflow", "network_error", "sample_rate", "send_error"]

_lock = RLock()


@final
class Discards:
    """Counts of this process."""

    def __init__(self) -> None:
        self._counts: dict[Reason, int] = {}
        self._process = os.getpid()

    def __bool__(self) -> bool:
        return bool(self._counts) and self._process == os.getpid()

    def add(self, reason: Reason, count: int = 1) -> None:
        """Count what was left out."""
        self.give_back({reason: count})

    def take(self) -> dict[Reason, int]:
        """All counts, which start afresh."""
        with _lock:
            counts, self._counts = self._ours(), {}
        return counts

    def give_back(self, counts: Mapping[Reason, int]) -> None:
        """Count again what was taken, and could not be told."""
        with _lock:
            ours = self._ours()
            for reason, count in counts.items():
                if count:
                    ours[reason] = ours.get(reason, 0) + count

    def _ours(self) -> dict[Reason, int]:
        """What a parent counted, it tells itself."""
        if self._process != os.getpid():
            self._process, self._counts = os.getpid(), {}
        return self._counts


def report(counts: Mapping[Reason, int], now: float) -> bytes:
    """The payload of an item `client_report`."""
    told = [{"reason": reason, "category": CATEGORY, "quantity": count} for reason, count in counts.items()]
    return msgspec.json.encode({"timestamp": rfc3339(now), "discarded_events": told})


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = RLock()


os.register_at_fork(after_in_child=_after_fork)
