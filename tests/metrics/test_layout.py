"""Where figures of a request are counted."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate, pairwise
from math import isclose
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from midwatch.metrics import LatencyMetrics
from midwatch.metrics.layout import INSTANT, SIZE_BUCKETS, Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

BOUNDS = (0.01, 0.1, 1.0)
layout = Layout(BOUNDS, SIZE_BUCKETS)


@given(st.integers(0, 1 << 62) | st.sampled_from([size + more for size in SIZE_BUCKETS for more in (-1, 0, 1)]))
def test_the_bits_of_a_size_tell_its_bucket(size: int) -> None:
    *_, by_bits, _ = layout.offsets
    assert by_bits[(size - 1).bit_length()] == layout.written + bisect_left(SIZE_BUCKETS, size)


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1)), max_size=20))
def test_first_bytes_are_the_durations_less_the_bodies(requests: list[tuple[float, float]]) -> None:
    """Whatever part of each duration its body took; what is no more than an instant is nothing."""
    cells = memoryview(bytearray(8 * layout.size)).cast("d")
    wanted = [0.0] * (len(BOUNDS) + 1)
    seconds = 0.0
    for duration, part in requests:
        bucket, body = bisect_left(BOUNDS, duration), duration * part
        layout.count(cells, bucket, duration, body, layout.written, 0)
        body = body if body > INSTANT else 0.0
        wanted[bisect_left(BOUNDS, duration - body)] += 1.0
        seconds += duration - body
    *counts, total = layout.first_bytes(tuple(cells))
    assert counts == wanted
    assert isclose(total, seconds, rel_tol=1e-9, abs_tol=1e-9)


class Seen:
    """Cells whose every change is looked at, as a reader in another process may."""

    def __init__(self) -> None:
        self._cells = [0.0] * layout.size
        self.states: list[list[Sequence[float]]] = []

    def __getitem__(self, at: int) -> float:
        return self._cells[at]

    def __setitem__(self, at: int, value: float) -> None:
        self._cells[at] = value
        families = (layout.durations, layout.first_bytes, layout.response_sizes, layout.request_sizes)
        self.states.append([cut(tuple(self._cells)) for cut in families])


sizes = st.integers(0, 100) | st.integers(0, 1 << 30)


@given(requests=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1), sizes, sizes), max_size=9))
def test_nothing_ever_falls_whenever_it_is_read(finished: Any, requests: list[tuple[float, float, int, int]]) -> None:
    """Of a counter that is less than before, Prometheus thinks that it began again, and counts all of it anew."""
    metrics = LatencyMetrics(buckets=BOUNDS, registry=CollectorRegistry())
    metrics.on_finish(finished())
    (series,) = metrics._table.known.values()
    cells: Any = Seen()
    series.cells = cells
    for duration, part, written, read in requests:
        began = duration * (1 - part)
        metrics.on_finish(finished(ended=duration, first_byte=began, bytes_out=written, bytes_in=read))
    for before, after in pairwise(cells.states):
        for then, now in zip(before, after, strict=True):
            assert all(old <= new for old, new in zip(accumulate(then), accumulate(now), strict=True))
            assert then[-1] <= now[-1]
    for family in cells.states[-1] if requests else ():
        assert sum(family[:-1]) == len(requests)
