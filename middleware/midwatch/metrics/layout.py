"""
Where the figures of one request series are in its cells.

One record holds what is shown as four families, so that a request costs one look-up and one lock. Counts are per
bucket, not cumulative. Two of the four are kept as what they differ by, since most requests then cost them nothing:

- `first`: time to first byte, as the durations' counts plus these; it differs where a body took its time (`INSTANT`)
- `read`: request bodies, of which the empty ones are left out
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
        body_sum: Seconds that bodies took of the durations.
        offsets: What every request needs of the rest, in one piece; sizes by the bits of the bytes less one, which
            takes a third of the time of a search.
    """

    __slots__ = ("body_sum", "bounds", "first", "offsets", "read", "read_sum", "seconds", "size", "sizes", "written",
                 "written_sum")  # fmt: skip

    def __init__(self, bounds: tuple[float, ...], sizes: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.sizes = sizes
        self.seconds = len(bounds) + 1
        self.first = self.seconds + 1
        self.body_sum = self.first + len(bounds) + 1
        self.written = self.body_sum + 1
        self.written_sum = self.written + len(sizes) + 1
        self.read = self.written_sum + 1
        self.read_sum = self.read + len(sizes) + 1
        self.size = self.read_sum + 1
        # Bounds are powers of two, so that all sizes of so many bits are in the same bucket.
        by_bits = tuple(self.written + bisect_left(sizes, 1 << bits) for bits in range(BITS + 1))
        self.offsets = (bounds, self.seconds, by_bits, self.written_sum)

    def began(self, cells: Cells, bucket: int, duration: float, body: float) -> None:
        """Count what began earlier than its *bucket* says, since its body took so many seconds of the *duration*."""
        first = bisect_left(self.bounds, duration - body)
        cells[self.body_sum] += body
        if first != bucket:
            cells[self.first + first] += 1.0
            cells[self.first + bucket] -= 1.0

    def durations(self, cells: Sequence[float]) -> Sequence[float]:
        """Counts of the durations, and their sum."""
        return cells[: self.first]

    def first_bytes(self, cells: Sequence[float]) -> Sequence[float]:
        """The same of the times to first byte."""
        if not any(cells[self.first : self.body_sum]):
            return (*cells[: self.seconds], cells[self.seconds] - cells[self.body_sum])
        counts = zip(cells[: self.seconds], cells[self.first : self.body_sum], strict=True)
        return [*(max(0.0, count + less) for count, less in counts), cells[self.seconds] - cells[self.body_sum]]

    def response_sizes(self, cells: Sequence[float]) -> Sequence[float]:
        """The same of the response bodies."""
        return cells[self.written : self.read]

    def request_sizes(self, cells: Sequence[float]) -> list[float]:
        """The same of the request bodies."""
        counts = list(cells[self.read : self.read_sum])
        counts[0] = max(counts[0], sum(cells[self.written : self.written_sum]) - sum(counts[1:]))
        return [*counts, cells[self.read_sum]]
