"""What one window of an objective comes to: shares, burn rate, quantiles, Apdex."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .objective import Objective

__all__ = ["burn_rate", "quantile", "window"]

QUANTILES: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def window(
    objective: Objective, bounds: Sequence[float], sound: Sequence[float], failed: Sequence[float]
) -> dict[str, Any]:
    """
    The figures of one window; what nothing can be said of is left out.

    Args:
        objective: Whose.
        bounds: Upper bounds of the buckets, seconds.
        sound: Requests without an error, by bucket.
        failed: Requests with one, by bucket.
    """
    good = sum(sound[: objective.place(bounds)])
    total = sum(sound) + sum(failed)
    shown: dict[str, Any] = {"good": round(good), "total": round(total), "burn_rate": 0.0}
    if total <= 0:
        return shown
    shown["ratio"] = round(good / total, 6)
    shown["burn_rate"] = round(burn_rate(good, total, objective.target), 3)
    every = [one + other for one, other in zip(sound, failed, strict=True)]
    for name, share in QUANTILES:
        shown[name] = round(quantile(share, bounds, every), 6)
    if objective.within is not None:
        shown["apdex"] = round(_apdex(objective.within, bounds, sound, total), 3)
    return shown


def burn_rate(good: float, total: float, target: float) -> float:
    """How many times faster than allowed the error budget is spent: 1 spends exactly all of it."""
    return (1 - good / total) / (1 - target) if total > 0 else 0.0


def quantile(share: float, bounds: Sequence[float], counts: Sequence[float]) -> float:
    """
    Seconds within which *share* of the requests were answered, linear within a bucket like PromQL's histogram_quantile.

    What is beyond the last bound counts as that bound.
    """
    rank, below = share * sum(counts), 0.0
    for index, (bound, count) in enumerate(zip(bounds, counts, strict=False)):
        if below + count >= rank and count > 0:
            low = bounds[index - 1] if index else 0.0
            return low + (bound - low) * (rank - below) / count
        below += count
    return bounds[-1]


def _apdex(within: float, bounds: Sequence[float], sound: Sequence[float], total: float) -> float:
    """
    Apdex by its definition: satisfied within T, tolerating within 4 T, which count half; an error frustrates.

    Where 4 T is no bound, the share of its bucket that is below it is taken as linear.
    """
    satisfied, tolerating = _within(within, bounds, sound), _within(4 * within, bounds, sound)
    return (satisfied + tolerating) / 2 / total


def _within(seconds: float, bounds: Sequence[float], counts: Sequence[float]) -> float:
    low = 0.0
    for bound, count, below in zip(bounds, counts, accumulate(counts, initial=0), strict=False):
        if seconds < bound:
            return below + count * (seconds - low) / (bound - low)
        low = bound
    return sum(counts[: len(bounds)])
