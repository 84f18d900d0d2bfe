"""How many events this process has made, for metrics."""

from __future__ import annotations

import os
from threading import RLock

__all__ = ["count", "counts"]

_lock = RLock()  # A signal handler that records may interrupt who holds it.
_counts: dict[tuple[str, str], int] = {}


def count(kind: str, outcome: str) -> None:
    """Another event."""
    with _lock:
        _counts[kind, outcome] = _counts.get((kind, outcome), 0) + 1


def counts() -> dict[tuple[str, str], int]:
    """By kind and outcome."""
    with _lock:
        return dict(_counts)


def _after_fork() -> None:
    """Another thread of the parent may have held the lock, and its events are not ours."""
    global _lock  # noqa: PLW0603 - one for the process
    _lock = RLock()
    _counts.clear()


os.register_at_fork(after_in_child=_after_fork)
