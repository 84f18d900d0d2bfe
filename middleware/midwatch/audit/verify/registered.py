"""Whether a registration has the types that it was written with: SQLite keeps any type in any column."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..stores.store import StreamRow

__all__ = ["well_kept"]


def well_kept(row: StreamRow) -> bool:
    """Whether *row* can be compared with what is there."""
    texts = (row.stream, row.host, row.service)
    numbers = (row.pid, row.opened, row.last_seen)
    unsure = (row.closed, row.final_seq, row.prune_seq)
    return (
        all(type(text) is str for text in texts)
        and all(type(number) is int for number in numbers)
        and all(number is None or type(number) is int for number in unsure)
    )
