"""Figures that are brought from one place to another while they change."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from .layout import Cells

__all__ = ["Moves"]


@final
class Moves:
    """
    What was brought over, once more a while later.

    Whoever has the old cells goes on writing to them until told of the new ones, and nobody waits.
    """

    def __init__(self) -> None:
        self._made: Final[list[tuple[Cells, list[float], Cells]]] = []

    def bring(self, old: Cells, new: Cells) -> None:
        """Add *old* figures to *new* ones."""
        before = list(old)
        for at, value in enumerate(before):
            new[at] += value
        self._made.append((old, before, new))

    def settle(self) -> None:
        """Add what was counted in the old cells since, for the last time."""
        for old, before, new in self._made:
            for at, (now, then) in enumerate(zip(old, before, strict=True)):
                change = now - then
                if math.isfinite(change):
                    if change:
                        new[at] += change
                elif now != then and not math.isnan(then):
                    new[at] = now
        self._made.clear()

    def __bool__(self) -> bool:
        return bool(self._made)
