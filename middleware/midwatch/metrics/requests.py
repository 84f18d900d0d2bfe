"""The request families, split from the records that hold them side by side, over all workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, final

from prometheus_client.core import Exemplar

from .declared import Rows, histogram
from .series import DURATIONS, EXEMPLAR, Counted, trace_of
from .slots.sums import Sums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from prometheus_client.core import Metric

    from .series import SeriesTable
    from .slots import Reading

__all__ = ["WEBSOCKET", "Labelled", "RequestFamilies", "merged"]

Labelled: TypeAlias = "tuple[tuple[str, ...], Sequence[float]]"
"""Label values, and cells."""

WEBSOCKET: Final = "101"
"""Status of an open one."""


@final
class RequestFamilies:
    """
    Durations, times to first byte and sizes by the semantic conventions.

    Args:
        table: Whose records these are.
    """

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._layout = table.layout

    def counted(self, reading: Reading) -> list[Counted]:
        """Requests by method, route, status and error type; labels of the operator's own are merged."""
        layout = self._layout
        series = merged(self._records(reading), lambda labels: labels[:4], layout.durations, layout.seconds + 1)
        return [
            Counted(method, route, status, error, cells[:-1], cells[-1])
            for (method, route, status, error), cells in series
        ]

    def __call__(self, reading: Reading) -> Iterator[Metric]:
        """All of them."""
        layout, records = self._layout, self._records(reading)
        yield self._durations(records, reading)
        yield self._first_bytes(records)
        for name, said, cut, fewer in (
            ("response", "Bytes of the response body.", layout.response_sizes, _by_status),
            ("request", "Bytes of the request body that the application read.", layout.request_sizes, _by_route),
        ):
            yield histogram(
                f"http_server_{name}_body_size_bytes",
                said,
                fewer(self._table.labels),
                layout.sizes,
                Rows(merged(records, fewer, cut, len(layout.sizes) + 2)),
            )

    def first_bytes(self, reading: Reading) -> Iterator[Metric]:
        """Of them what has no other name."""
        yield self._first_bytes(self._records(reading))

    def _records(self, reading: Reading) -> Sums:
        return reading.summed(self._table.key, self._layout.size)

    def _first_bytes(self, records: Iterable[Labelled]) -> Metric:
        answered = ((labels, cells) for labels, cells in records if labels[2] not in {"", WEBSOCKET})
        return histogram(
            "http_server_time_to_first_byte_seconds",
            "Seconds from the request to the start of its response.",
            _by_route(self._table.labels),
            self._layout.bounds,
            Rows(merged(answered, _by_route, self._layout.first_bytes, self._layout.seconds + 1)),
        )

    def _durations(self, records: Iterable[Labelled], reading: Reading) -> Metric:
        exemplars = self._exemplars(reading)
        return histogram(
            DURATIONS,
            "Seconds from the request to its last body byte; to the first one of an event stream, and to the handshake"
            " of a websocket.",
            self._table.labels,
            self._layout.bounds,
            Rows(
                _Cut(records, self._layout.durations),
                (lambda labels: _shown(exemplars.get(labels))) if exemplars else None,
            ),
        )

    def _exemplars(self, reading: Reading) -> Sums:
        """The newest of all workers, for each bucket."""
        size = EXEMPLAR * (len(self._layout.bounds) + 1)
        newest = Sums(size)
        for _, labels, cells in reading.every(self._table.exemplars, size):
            known = newest.get(labels)
            newest.put(labels, cells if known is None else _newer(known, cells))
        return newest


@final
class _Cut:
    """Of *records* what *cut* makes of their cells, each time one goes through them."""

    def __init__(self, records: Iterable[Labelled], cut: Callable[[Sequence[float]], Sequence[float]]) -> None:
        self._records = records
        self._cut = cut

    def __iter__(self) -> Iterator[Labelled]:
        cut = self._cut
        return ((labels, cut(cells)) for labels, cells in self._records)


def _by_route(labels: tuple[str, ...]) -> tuple[str, ...]:
    return (*labels[:2], *labels[4:])


def _by_status(labels: tuple[str, ...]) -> tuple[str, ...]:
    return (*labels[:3], *labels[4:])


def _newer(known: Sequence[float], cells: Sequence[float]) -> list[float]:
    """Of two exemplars of each bucket the one that was seen last."""
    newest: list[float] = []
    for at in range(0, len(cells), EXEMPLAR):
        later = known if known[at + EXEMPLAR - 1] > cells[at + EXEMPLAR - 1] else cells
        newest += later[at : at + EXEMPLAR]
    return newest


def _shown(cells: Sequence[float] | None) -> Sequence[Exemplar | None]:
    """The exemplars in *cells*, one for each bucket; none at all without any."""
    if cells is None:
        return ()
    traces = (trace_of(cells[at : at + EXEMPLAR]) for at in range(0, len(cells), EXEMPLAR))
    return [trace and Exemplar({"trace_id": trace[0]}, trace[1], round(trace[2], 3)) for trace in traces]


def merged(
    records: Iterable[Labelled],
    by: Callable[[tuple[str, ...]], tuple[str, ...]],
    cut: Callable[[Sequence[float]], Sequence[float]],
    size: int,
) -> Sums:
    """*records* by fewer labels, of each what *cut* makes of its cells, added up; without those that count nothing."""
    sums = Sums(size)
    for labels, cells in records:
        part = cut(cells)
        if any(part):
            sums.add(by(labels), part)
    return sums
