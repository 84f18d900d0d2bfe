"""How many events this process has made, for metrics."""

from __future__ import annotations

from threading import Lock

__all__ = ["count", "counts"]

_lock = Lock()
_counts: dict[tuple[str, str], int] = {}


def count(kind: str, outcome: str) -> None:
    """Another event."""
    with _lock:
        _counts[kind, outcome] = _counts.get((kind, outcome), 0) + 1


def counts() -> dict[tuple[str, str], int]:
    """By kind and outcome."""
    with _lock:
        return dict(_counts)
