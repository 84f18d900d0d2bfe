"""Six hours of what was counted, in bounded memory."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["STEP", "History"]

STEP: Final = 10.0
"""Seconds between two rows of the last hour."""

RESOLUTIONS: Final = ((STEP, 3600.0), (60.0, 21600.0))
"""Seconds between two rows, and how long they are kept: about 720 rows in all."""


@final
class History:
    """
    Sums that only grow, as they were at many moments.

    Args:
        width: Numbers in a row.
        now: Seconds on a clock that never goes back.
    """

    def __init__(self, width: int, now: float) -> None:
        self._sums = array("d", [0.0] * width)
        self._rings = [_Ring(step, span) for step, span in RESOLUTIONS]
        self.note(now)

    def add(self, place: int, numbers: Sequence[float]) -> None:
        """Add *numbers* to the sums from *place* on."""
        sums = self._sums
        for index, number in enumerate(numbers, place):
            sums[index] += number

    def note(self, now: float) -> None:
        """Keep the sums as those of this moment."""
        row = self._sums[:]
        for ring in self._rings:
            ring.put(now, row)

    def window(self, seconds: float, now: float) -> tuple[list[float], float]:
        """The increase of every sum in the last *seconds*, and how many of these have been watched."""
        ring = next((ring for ring in self._rings if ring.span >= seconds), self._rings[-1])
        time, row = ring.at(now - seconds)
        return [new - old for old, new in zip(row, self._sums, strict=True)], min(seconds, now - time)


@final
class _Ring:
    """Rows at least *step* seconds apart, for *span* seconds and one row more."""

    def __init__(self, step: float, span: float) -> None:
        self.span = span
        self._step = step
        self._times: list[float] = []
        self._rows: list[array[float]] = []

    def put(self, now: float, row: array[float]) -> None:
        if self._times and now - self._times[-1] < self._step - 1e-6:
            return
        self._times.append(now)
        self._rows.append(row)
        # The newest row that is old enough to begin the whole span stays.
        stale = bisect_right(self._times, now - self.span) - 1
        if stale > 0:
            del self._times[:stale], self._rows[:stale]

    def at(self, moment: float) -> tuple[float, array[float]]:
        """The last row that is not younger than *moment*; the oldest, if all are."""
        index = max(bisect_right(self._times, moment) - 1, 0)
        return self._times[index], self._rows[index]
