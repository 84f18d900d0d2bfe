"""
What was counted: one `Series` for each set of label values, a bounded number of them.

Kept here and not in prometheus_client's own histograms, which take a lock for every figure and 1 us for every
observation; `midwatch.metrics.requests` shows these as theirs.
"""

from __future__ import annotations

from bisect import bisect_left
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, final
from zlib import crc32

from ..tracing.conventions import METHODS, known_method
from .labels import OVERFLOW, label_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..exchange import Exchange
    from .layout import Layout
    from .slots import Cells
    from .store import Store

__all__ = ["DURATIONS", "LABELS", "Counted", "Exemplar", "Key", "Series", "SeriesTable", "trace_of"]

DURATIONS: Final = "http_server_request_duration_seconds"

_CHECKED: Final = Struct("QQdd")
_HALF: Final = (1 << 64) - 1

LABELS: Final = ("http_request_method", "http_route", "http_response_status_code", "error_type")

UNMATCHED: Final = "unmatched"
"""`http_route` of what no route matched: strangers choose those paths."""

VERSION: Final = 3
"""Of the layout."""

EXEMPLAR: Final = 5
"""Cells of one exemplar: the trace id in three, seconds, and when (seconds since the epoch; 0 for none).

The third has a checksum of all of them besides: they may be read while they are written, or added to others'.
"""

Exemplar: TypeAlias = "tuple[str | None, float, int]"
"""Trace id, seconds, and when that request started (nanoseconds since the epoch)."""

Key: TypeAlias = "tuple[str, str | None, int | None, str | None] | tuple[Any, ...]"


class Counted(NamedTuple):
    """
    Requests of all workers under one set of labels.

    Attributes:
        status, error_type: Empty where there is none.
        counts: Requests for each bucket of the durations, not cumulative; the last one is for everything above.
        seconds: Sum of the durations.
    """

    method: str
    route: str
    status: str
    error_type: str
    counts: tuple[float, ...]
    seconds: float


@final
class Series:
    """
    The figures under one set of labels.

    Attributes:
        labels: Method, route, status, error type; then the operator's own.
        cells: As `Layout` has them.
        found: Seconds that were in them already.
        sampled: The latest sampled trace of each bucket that has one since the last turn.
    """

    __slots__ = ("cells", "found", "labels", "sampled", "traces")

    def __init__(self, labels: tuple[str, ...], cells: Cells, found: float) -> None:
        self.found = found
        self.labels = labels
        self.cells = cells
        self.sampled: dict[int, Exemplar] = {}
        self.traces: Cells | None = None


@final
class SeriesTable:
    """
    All series of one plugin.

    Args:
        store: Where they are kept.
        layout: How.
        own: Names of the operator's own labels.

    Attributes:
        known: Series by what an exchange says, for whoever looks before asking `find`.
        key, exemplars: Under which slots keep them.
        acquire, release: Those of the store's lock.
        offsets: Those of the layout.
        elsewhere: Seconds of requests that their series does not have, less those of what is no request.
    """

    def __init__(self, store: Store, layout: Layout, own: tuple[str, ...] = ()) -> None:
        self.layout = layout
        self.labels = LABELS + own
        shape = crc32(repr((VERSION, layout.bounds, layout.sizes, own)).encode())
        self.key = f"http_server/{shape:08x}"
        self.exemplars = f"http_server_exemplars/{shape:08x}"
        self.offsets = layout.offsets
        self._store = store
        self.forget()

    def forget(self) -> None:
        """Ask for cells again: those at hand are a parent's, or of a file that is gone."""
        self.known: dict[Key, Series] = {}
        self.elsewhere = 0.0
        lock = self._store.lock
        self.acquire: Callable[[], object] = lock.acquire
        self.release: Callable[[], None] = lock.release
        self._epoch = self._store.epoch
        self._series: dict[tuple[str, ...], Series] = {}
        self._overflow: Series | None = None

    def find(self, key: Key) -> Series:
        """The series of these values, made if there is room; else the overflow, and a refusal is counted."""
        method, route, status, error, *own = key
        labels = (
            known_method(method),
            UNMATCHED if route is None else label_text(route),
            str(int(status)) if status is not None and 100 <= status <= 599 else "",
            "" if error is None else label_text(error),
            *own,
        )
        store = self._store
        store.slot.claim()
        with store.lock:
            series = self._series.get(labels)
            if series is None:
                if not store.room(self.key, labels):
                    store.refuse(DURATIONS)
                    return self._overflowing()
                series = self._series[labels] = self._made(labels)
            # A shortcut for what the application chooses; other values may be endless ways to say the same.
            if method in METHODS and len(self.known) < 2 * store.max_series:
                self.known[key] = series
            return series

    def handshake(self, exchange: Exchange, series: Series) -> None:
        """Count a websocket; its duration is the time until it was accepted, denied or given up."""
        seconds = exchange.duration if exchange.first_byte is None else exchange.first_byte - exchange.started
        bucket = bisect_left(self.layout.bounds, seconds)
        with self._store.lock:
            self.elsewhere -= seconds
            series.cells[bucket] += 1
            series.cells[self.layout.seconds] += seconds
            if exchange.trace_flags & 1:
                series.sampled[bucket] = (exchange.trace_id, seconds, exchange.started_at)

    def _made(self, labels: tuple[str, ...]) -> Series:
        cells = self._store.slot.cells(self.key, labels, self.layout.size)
        return Series(labels, cells, self.layout.spent(cells))

    def _overflowing(self) -> Series:
        if self._overflow is None:
            self._overflow = self._made((OVERFLOW,) * len(self.labels))
        return self._overflow

    def __len__(self) -> int:
        return len(self._series) + (self._overflow is not None)

    def taken(self) -> float:
        """Seconds that requests of this process took which are over; websockets are left out."""
        spent = self.layout.spent
        return self.elsewhere + sum(spent(series.cells) - series.found for series in self._every())

    def _every(self) -> list[Series]:
        with self._store.lock:
            return [*self._series.values(), *(() if self._overflow is None else (self._overflow,))]

    def turn(self) -> None:
        """Put exemplars where the other workers find them; once a second, and before the page is shown."""
        store = self._store
        with store.lock:
            if self._epoch != store.epoch:
                taken = self.taken()
                self.forget()
                self.elsewhere = taken
        for series in self._every():
            if series.sampled:
                with store.lock:
                    sampled, series.sampled = series.sampled, {}
                    self._write(series, sampled)

    def _write(self, series: Series, sampled: dict[int, Exemplar]) -> None:
        if series.traces is None:
            size = EXEMPLAR * (len(self.layout.bounds) + 1)
            series.traces = self._store.slot.cells(self.exemplars, series.labels, size)
        for bucket, (trace_id, seconds, started_at) in sampled.items():
            for index, value in enumerate(_words(trace_id, seconds, started_at * 1e-9 + seconds), EXEMPLAR * bucket):
                series.traces[index] = value


def _words(trace_id: object, seconds: float, when: float) -> tuple[float, ...]:
    """Cells that `trace_of` reads, a trace id in pieces that a float holds exactly; none at all for what is none."""
    if not isinstance(trace_id, str) or len(trace_id) != 32 or not trace_id.isascii():
        return ()
    try:
        number = int(trace_id, 16)
    except ValueError:
        return ()
    low = number & 0xFFFF_FFFF | _check(number, seconds, when) << 32
    return number >> 80, number >> 32 & 0xFFFF_FFFF_FFFF, low, seconds, when


def _check(number: int, seconds: float, when: float) -> int:
    """Of 16 bits: with those of the trace id a float still holds them."""
    return crc32(_CHECKED.pack(number >> 64 & _HALF, number & _HALF, seconds, when)) & 0xFFFF


def trace_of(cells: Sequence[float]) -> tuple[str, float, float] | None:
    """Trace id, seconds and when, of the cells of one exemplar; None where there is none, or none that makes sense."""
    try:
        seconds, when = cells[3:5]
        if not when > 0:
            return None
        high, middle, low = (int(value) for value in cells[:3])
        number = high << 80 | middle << 32 | low & 0xFFFF_FFFF
        whole = min(high, middle, low) >= 0 and number >> 128 == 0 and low >> 32 == _check(number, seconds, when)
    except (ValueError, OverflowError):
        return None
    return (f"{number:032x}", seconds, when) if whole else None
