"""
Where the figures of one request series are in its cells.

One record holds what is shown as four families, so that a request costs one look-up and one lock. Counts are per
bucket, not cumulative. Most requests have no body, and an answer that is out at once (`INSTANT`): these count in three
cells, which each belong to two families. For the others there are cells of each family's own.

Others read while we write. So every figure is a sum of cells that only grow, never a difference: a counter that falls
for a moment has begun again, for Prometheus, and counts as all of it anew.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .slots import Cells

__all__ = ["INSTANT", "SIZE_BUCKETS", "Layout"]

SIZE_BUCKETS: Final = tuple(4**power for power in range(3, 13))
"""Upper bounds of body sizes, 64 bytes to 16 MiB."""

INSTANT: Final = 0.0001
"""Seconds that a body takes which is out at once: nothing is written down of them."""

BITS: Final = 64
"""Of the number of bytes that a body may have."""


@final
class Layout:
    """
    The offsets.

    Args:
        bounds: Upper bounds of the durations, seconds.
        sizes: Those of the sizes, bytes; powers of two.

    Attributes:
        size: Cells of one record.
        late, first: Of those whose first byte is in a lower bucket than their duration: counts of the durations, and of
            the times to first byte.
        body_sum: Seconds that bodies took; `seconds` has the rest.
        written, answered: Sizes of response bodies: of requests without a body, and of those with one.
        offsets: What every request needs of the rest, in one piece; sizes by the bits of the bytes less one, which
            takes a third of the time of a search.
    """

    __slots__ = ("answered", "body_sum", "bounds", "first", "late", "offsets", "read", "read_sum", "seconds", "size",
                 "sizes", "written", "written_sum")  # fmt: skip

    def __init__(self, bounds: tuple[float, ...], sizes: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.sizes = sizes
        self.seconds = len(bounds) + 1
        self.late = self.seconds + 1
        self.first = self.late + len(bounds) + 1
        self.body_sum = self.first + len(bounds) + 1
        self.written = self.body_sum + 1
        self.written_sum = self.written + len(sizes) + 1
        self.answered = self.written_sum + 1
        self.read = self.answered + len(sizes) + 1
        self.read_sum = self.read + len(sizes) + 1
        self.size = self.read_sum + 1
        # Bounds are powers of two, so that all sizes of so many bits are in the same bucket.
        by_bits = tuple(self.written + bisect_left(sizes, 1 << bits) for bits in range(BITS + 1))
        self.offsets = (bounds, self.seconds, by_bits, self.written_sum)

    def count(self, cells: Cells, bucket: int, duration: float, body: float, written: int, read: int) -> None:
        """
        Count a request that had a body, or whose answer took its time.

        Args:
            cells: Of its series.
            bucket: Of its *duration*, seconds, of which its answer's *body* took some.
            written: Where its response body would count if it had none of its own.
            read: Bytes of its own.
        """
        if body > INSTANT:
            first = bisect_left(self.bounds, duration - body)
            cells[self.seconds] += duration - body
            cells[self.body_sum] += body
        else:
            first = bucket
            cells[self.seconds] += duration
        if first < bucket:
            cells[self.first + first] += 1.0
            cells[self.late + bucket] += 1.0
        else:
            cells[bucket] += 1.0
        if read:
            cells[written - self.written + self.answered] += 1.0
            cells[self.read + bisect_left(self.sizes, read)] += 1.0
            cells[self.read_sum] += read
        else:
            cells[written] += 1.0

    def spent(self, cells: Sequence[float]) -> float:
        """Sum of the durations."""
        return cells[self.seconds] + cells[self.body_sum]

    def durations(self, cells: Sequence[float]) -> Sequence[float]:
        """Counts of the durations, and their sum."""
        return (*_both(cells[: self.seconds], cells[self.late : self.first]), self.spent(cells))

    def first_bytes(self, cells: Sequence[float]) -> Sequence[float]:
        """The same of the times to first byte."""
        return (*_both(cells[: self.seconds], cells[self.first : self.body_sum]), cells[self.seconds])

    def response_sizes(self, cells: Sequence[float]) -> Sequence[float]:
        """The same of the response bodies."""
        counts = _both(cells[self.written : self.written_sum], cells[self.answered : self.read])
        return (*counts, cells[self.written_sum])

    def request_sizes(self, cells: Sequence[float]) -> Sequence[float]:
        """The same of the request bodies."""
        none, (small, *others) = sum(cells[self.written : self.written_sum]), cells[self.read : self.read_sum]
        return (none + small, *others, cells[self.read_sum])


def _both(some: Sequence[float], others: Sequence[float]) -> Sequence[float]:
    return [one + other for one, other in zip(some, others, strict=True)] if any(others) else some
