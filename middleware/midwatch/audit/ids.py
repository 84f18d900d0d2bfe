"""Random bits for the ids of events, fetched by the hundred: one call for each costs more than the event."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["random_bits"]

SIZE: Final = 16
"""Bytes of each, and so the most that can be asked for at once."""

BATCH: Final = 256


def random_bits(count: int) -> int:
    """So many random bits, up to 128, as a number; from any thread, and others in each process."""
    try:
        data = _ready.pop()
    except IndexError:
        data = os.urandom(SIZE)
        _ready.extend(_fresh())
    return int.from_bytes(data) >> (SIZE * 8 - count)


def _fresh() -> Iterator[bytes]:
    data = os.urandom(SIZE * BATCH)
    return (data[at : at + SIZE] for at in range(0, len(data), SIZE))


_ready: Final[list[bytes]] = []

os.register_at_fork(after_in_child=_ready.clear)
