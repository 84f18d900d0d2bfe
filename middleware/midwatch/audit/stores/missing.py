"""Which events a file does not hold yet: an append may be the replay of one that was there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..row import Row
from .index import things
from .store import Collision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .index import Head

__all__ = ["missing_of"]


def missing_of(fd: int, heads: Mapping[str, Head], rows: Sequence[Row], name: str) -> list[Row]:
    """
    Those of *rows* that the file *fd*, called *name*, does not hold.

    Args:
        heads: What is known of the streams in it.

    Raises:
        Collision: there is something else in the place of one of them.
    """
    doubtful = [row for row in rows if row.stream in heads and row.seq <= heads[row.stream].last]
    kept = _chains(fd, heads, doubtful) if doubtful else {}
    missing = []
    for row in rows:
        place = (row.stream, row.seq)
        if place not in kept:
            missing.append(row)
        if kept.setdefault(place, row.chain) != row.chain:
            raise Collision(f"{name}: stream {row.stream} has another event {row.seq}")
    return missing


def _chains(fd: int, heads: Mapping[str, Head], rows: Iterable[Row]) -> dict[tuple[str, int], bytes]:
    wanted = {(row.stream, row.seq) for row in rows}
    first = min(heads[stream].first for stream, _ in wanted)
    found = (thing for _, _, thing in things(fd, first) if isinstance(thing, Row))
    return {(row.stream, row.seq): row.chain for row in found if (row.stream, row.seq) in wanted}
