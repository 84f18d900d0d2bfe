"""Where figures of a request are counted."""

from __future__ import annotations

from bisect import bisect_left
from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from midwatch.metrics.layout import INSTANT, SIZE_BUCKETS, Layout

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
        cells[bucket] += 1.0
        cells[layout.seconds] += duration
        if body > INSTANT:
            layout.began(cells, bucket, duration, body)
        else:
            body = 0.0
        wanted[bisect_left(BOUNDS, duration - body)] += 1.0
        seconds += duration - body
    *counts, total = layout.first_bytes(tuple(cells))
    assert counts == wanted
    assert isclose(total, seconds, rel_tol=1e-9, abs_tol=1e-9)
