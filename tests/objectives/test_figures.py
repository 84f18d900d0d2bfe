"""Shares, quantiles and Apdex of a window."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.objectives import Objective
from midwatch.objectives.figures import burn_rate, quantile, window

BOUNDS = (0.1, 0.25, 1.0)


def test_quantiles() -> None:
    """As histogram_quantile: linear in a bucket, from zero in the first, and the last bound for what is above it."""
    assert quantile(0.5, BOUNDS, [10, 0, 0, 0]) == pytest.approx(0.05)
    assert quantile(0.5, BOUNDS, [0, 10, 0, 0]) == pytest.approx(0.175)
    assert quantile(0.95, BOUNDS, [90, 10, 0, 0]) == pytest.approx(0.175)
    assert quantile(0.99, BOUNDS, [0, 0, 0, 5]) == 1.0
    assert quantile(0.9, BOUNDS, [90, 0, 10, 0]) == pytest.approx(0.1)


counts = st.lists(st.integers(0, 10**9), min_size=4, max_size=4).filter(any)


@given(counts, st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_quantiles_ascend(counts: list[int], low: float, high: float) -> None:
    """A higher share never takes less time, and as many requests as asked for are at or below the bucket's bound."""
    low, high = sorted((low, high))
    assert 0 <= quantile(low, BOUNDS, counts) <= quantile(high, BOUNDS, counts) + 1e-12 <= 1.0 + 1e-9
    seconds = quantile(high, BOUNDS, counts)
    reached = next((sum_ for bound, sum_ in zip(BOUNDS, accumulate(counts), strict=False) if bound >= seconds), None)
    assert reached is None or reached >= high * sum(counts) * (1 - 1e-9) or seconds == BOUNDS[-1]


@given(counts, counts)
def test_window(sound: list[int], failed: list[int]) -> None:
    """Every figure is within its range, whatever was counted."""
    shown = window(Objective("orders", within=0.25, target=0.9), BOUNDS, sound, failed)
    assert 0 <= shown["good"] <= shown["total"] == sum(sound) + sum(failed)
    assert 0 <= shown["ratio"] <= 1
    assert 0 <= shown["apdex"] <= 1
    assert 0 <= shown["burn_rate"] <= 10.001
    assert shown["p50"] <= shown["p95"] <= shown["p99"] <= 1.0


def test_nothing() -> None:
    """Of no requests there is nothing to say, and no budget burns."""
    assert window(Objective("orders"), BOUNDS, [0] * 4, [0] * 4) == {"good": 0, "total": 0, "burn_rate": 0.0}
    assert burn_rate(0, 0, 0.9) == 0


def test_apdex_between_bounds() -> None:
    """4 T = 0.4 s is a fifth of the way from 0.25 to 1: so much of that bucket is tolerated."""
    shown = window(Objective("orders", within=0.1), BOUNDS, [50, 20, 30, 0], [0] * 4)
    assert shown["apdex"] == pytest.approx((50 + 50 + 20 + 6) / 200)
