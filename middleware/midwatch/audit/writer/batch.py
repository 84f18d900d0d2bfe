"""Events that have their places in the chain and are not durable yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from ..row import Row

__all__ = ["MAX_BYTES", "MAX_ROWS", "Batch"]

MAX_ROWS: Final = 512
MAX_BYTES: Final = 1 << 20
"""What one transaction has at most, but for a single event that is larger."""


@final
class Batch:
    """
    What goes into the store in one transaction.

    Args:
        before: How many events this process had numbered before.

    Attributes:
        due: When it has to be durable.
        safe: How many of its rows are on disk.
    """

    __slots__ = ("before", "bytes", "due", "rows", "safe")

    def __init__(self, before: int) -> None:
        self.before = before
        self.rows: list[Row] = []
        self.bytes = 0
        self.due = float("inf")
        self.safe = 0

    @property
    def last(self) -> int:
        """Position of its last event."""
        return self.before + len(self.rows)

    @property
    def spilled(self) -> bool:
        """Whether all of it is on disk."""
        return self.safe == len(self.rows)

    def takes(self, size: int) -> bool:
        """Whether there is room for *size* bytes more."""
        return not self.rows or (len(self.rows) < MAX_ROWS and self.bytes + size <= MAX_BYTES)
