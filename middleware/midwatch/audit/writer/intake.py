"""The queue that requests put events into: bounded, never waiting, and with room kept for what matters more."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, final

from .item import Rank

if TYPE_CHECKING:
    from .item import Ack, Item

__all__ = ["SHARES", "Intake"]

SHARES: Final = {Rank.READ: 0.5, Rank.WRITE: 0.7, Rank.DURABLE: 0.85, Rank.SECURITY: 1.0}
"""
How full it may be for an event of each rank to be let in, of the queue as of the disk.

Reads stop first, and however many of them there are, there is room for refusals. Nothing that was let in is thrown out
again, since on disk it has its place in the chain.
"""


@final
class Intake:
    """
    Events that have no number yet. Filled by any thread, and by signal handlers; emptied by one thread.

    Args:
        max_items, max_bytes: What does not fit is not let in.
    """

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self._limits = [(max_items * SHARES[rank], max_bytes * SHARES[rank]) for rank in Rank]
        self._items: deque[Item] = deque()
        # Of those that somebody waits for: the first in the queue may not be one.
        self._dues: deque[float] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def offer(self, item: Item) -> bool:
        """Queue *item*, unless there is no room for its rank."""
        items, size = self._limits[item.rank]
        if len(self._items) >= items or self.bytes + item.size > size:
            return False
        self.mark(item)
        return True

    def mark(self, item: Item) -> None:
        """Queue *item* whatever there is."""
        if item.ack is not None:
            self._dues.append(item.due)  # First: each item that is taken out finds its own.
        # Threads may lose each other's addition here; the sum starts afresh whenever the queue is empty.
        self.bytes += item.size
        self._items.append(item)

    @property
    def due(self) -> float | None:
        """When the first of them has to be durable; None without any."""
        items, dues = self._items, self._dues
        if not items:
            return None
        return min(items[0].due, dues[0]) if dues else items[0].due

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for one of them."""
        return bool(self._dues)

    def insisting(self) -> list[Ack]:
        """Those who wait for the store alone, and still wait."""
        return [item.ack for item in self._items.copy() if item.strict and item.ack and not item.ack.done()]

    def first(self) -> Item | None:
        """The one that waits for longest."""
        return self._items[0] if self._items else None

    def take(self) -> Item:
        """Take that one out."""
        item = self._items.popleft()
        if item.ack is not None:
            self._dues.popleft()
        self.bytes = self.bytes - item.size if self._items else 0
        return item
