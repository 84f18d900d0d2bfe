"""
What was counted: one `Series` for each set of label values, a bounded number of them.

Kept here and not in prometheus_client's own histograms, which take a lock for every figure and 1 us for every
observation; `midwatch.metrics.collector` shows these as theirs.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, final

from ..logs.safe import safe_text
from ..tracing.conventions import METHODS, known_method

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Observed", "Series", "SeriesTable", "Sizes"]

UNMATCHED: Final = "unmatched"
"""`http_route` of what no route matched: strangers choose those paths."""

OVERFLOW: Final = ("", "overflow", "", "")
"""Labels of the one series that takes what no further series is made for; no real one has an empty method."""

MAX_TEXT: Final = 256
"""Characters of one label value."""

Exemplar: TypeAlias = "tuple[str | None, float, int]"
"""Trace id, seconds, and when that request started (nanoseconds since the epoch)."""

Key: TypeAlias = "tuple[str, str | None, int | None, str | None]"


@final
class Sizes:
    """
    Response body sizes under one set of labels.

    Attributes:
        labels: Method, route, status.
        counts: Observations for each bucket, not cumulative; the last one is for everything above.
        total: Sum of the bytes.
    """

    __slots__ = ("counts", "labels", "total")

    def __init__(self, labels: tuple[str, ...], buckets: int) -> None:
        self.labels = labels
        self.counts = [0] * (buckets + 1)
        self.total = 0


@final
class Series:
    """
    Durations under one set of labels.

    Attributes:
        labels: Method, route, status, error type.
        counts, total: As of `Sizes`, in seconds.
        exemplars: The latest sampled trace in each bucket.
        sizes: Where the sizes of the same responses are counted.
    """

    __slots__ = ("counts", "exemplars", "labels", "sizes", "total")

    def __init__(self, labels: tuple[str, ...], buckets: int, sizes: Sizes) -> None:
        self.labels = labels
        self.counts = [0] * (buckets + 1)
        self.total = 0.0
        self.exemplars: list[Exemplar | None] = [None] * (buckets + 1)
        self.sizes = sizes


class Observed(NamedTuple):
    """One series as it was at one moment."""

    labels: tuple[str, ...]
    counts: list[int]
    total: float
    exemplars: list[Exemplar | None]


@final
class SeriesTable:
    """
    All series of one plugin.

    Args:
        buckets: Number of upper bounds of the durations.
        size_buckets: The same of the sizes.
        max_series: Sets of label values after which the rest is one series.

    Attributes:
        known: Series by what an exchange says, for whoever looks before asking `find`.
        lock: Held while a series is changed or copied. Reentrant: the garbage collector may end a dropped response, and
            with it an exchange, in the midst of either.
        acquire, release: Those of the lock.
        refused: Observations that went into the overflow.
    """

    def __init__(self, buckets: int, size_buckets: int, max_series: int) -> None:
        self._buckets = buckets
        self._size_buckets = size_buckets
        self._max_series = max_series
        self.forget()

    def forget(self) -> None:
        """Start empty, as a forked child must: its counts are not the parent's, and a thread there held the lock."""
        self.lock = lock = threading.RLock()
        self.acquire: Callable[[], object] = lock.acquire
        self.release: Callable[[], None] = lock.release
        self.known: dict[Key, Series] = {}
        self.refused = 0
        self._series: dict[tuple[str, ...], Series] = {}
        self._sizes: dict[tuple[str, ...], Sizes] = {}
        self._overflow: Series | None = None

    def find(self, method: str, route: str | None, status: int | None, error: str | None) -> Series:
        """The series of these values, made if there is room; else the overflow, and a refusal is counted."""
        labels = _labels(method, route, status, error)
        with self.lock:
            series = self._series.get(labels)
            if series is None:
                if len(self._series) >= self._max_series:
                    self.refused += 1
                    return self._overflowing()
                series = self._series[labels] = self._made(labels)
            # A shortcut for what the application chooses; other values may be endless ways to say the same.
            if method in METHODS and len(self.known) < 2 * self._max_series:
                self.known[method, route, status, error] = series
            return series

    def _made(self, labels: tuple[str, ...]) -> Series:
        sizes = self._sizes.get(labels[:3])
        if sizes is None:
            sizes = self._sizes[labels[:3]] = Sizes(labels[:3], self._size_buckets)
        return Series(labels, self._buckets, sizes)

    def _overflowing(self) -> Series:
        if self._overflow is None:
            self._overflow = self._made(OVERFLOW)
        return self._overflow

    def __len__(self) -> int:
        return len(self._series) + (self._overflow is not None)

    def durations(self) -> Iterable[Observed]:
        """A copy of every series of durations. The lock is held for one at a time, so no request waits for all."""
        with self.lock:
            every = [*self._series.values(), *(() if self._overflow is None else (self._overflow,))]
        for series in every:
            with self.lock:
                observed = Observed(series.labels, series.counts[:], series.total, series.exemplars[:])
            yield observed

    def sizes(self) -> Iterable[Observed]:
        """The same of the sizes, which have no exemplars; what counted nothing is left out."""
        with self.lock:
            every = list(self._sizes.values())
        for sizes in every:
            with self.lock:
                observed = Observed(sizes.labels, sizes.counts[:], sizes.total, [])
            if any(observed.counts):
                yield observed


def _labels(method: str, route: str | None, status: int | None, error: str | None) -> tuple[str, ...]:
    return (
        known_method(method),
        UNMATCHED if route is None else _text(route),
        str(int(status)) if status is not None and 100 <= status <= 599 else "",
        "" if error is None else _text(error),
    )


def _text(value: str) -> str:
    """*value* as UTF-8 can carry it, cut; without NUL, at which some readers stop."""
    return safe_text(value)[:MAX_TEXT].replace("\0", "\ufffd")
