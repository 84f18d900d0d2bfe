"""
The request families under the names that dashboards for prometheus-fastapi-instrumentator ask for.

Names, labels and buckets are those of its `metrics.default` (8.1): statuses are classes such as `2xx`, what no route
matched is `none`, and what was answered by nobody counts as 5xx.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily

from .declared import Rows, histogram
from .labels import OVERFLOW
from .requests import WEBSOCKET, merged
from .series import UNMATCHED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from prometheus_client.core import Metric

    from .requests import Labelled
    from .series import SeriesTable
    from .slots import Reading

__all__ = ["CLASSIC", "HIGH", "LOW", "ClassicFamilies"]

HIGH: Final = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 7.5, 10.0, 30.0, 60.0,
)  # fmt: skip
LOW: Final = (0.1, 0.5, 1.0)
"""Upper bounds in seconds; those that are counted must have them all."""

CLASSIC: Final = frozenset(
    f"http_{name}"
    for name in (
        "requests", "request_size_bytes", "response_size_bytes", "request_duration_highr_seconds",
        "request_duration_seconds", "requests_inprogress",
    )
)  # fmt: skip
"""What the families are called."""


@final
class ClassicFamilies:
    """
    What `RequestFamilies` shows, under other names.

    Args:
        table: Whose records these are.
        under_way: Under which slots keep the requests under way.
    """

    def __init__(self, table: SeriesTable, under_way: str) -> None:
        self._table = table
        self._under_way = under_way
        self._layout = table.layout
        self._own = table.labels[4:]

    def __call__(self, reading: Reading) -> Iterator[Metric]:
        """All of them."""
        layout, own = self._layout, self._own
        records = _Answered(reading.summed(self._table.key, layout.size))
        requests = CounterMetricFamily(
            "http_requests",
            "Total number of requests by method, status and handler.",
            labels=("method", "status", "handler", *own),
        )
        counts = merged(records, _by_status, lambda cells: [sum(layout.durations(cells)[:-1])], 1)
        for labels, (count,) in counts:
            requests.add_metric(labels, count)
        yield requests
        for name, cut in (("request", layout.request_sizes), ("response", layout.response_sizes)):
            sizes = merged(records, lambda labels: (_handler(labels), *labels[4:]), cut, len(layout.sizes) + 2)
            yield self._sizes(name, sizes)
        yield histogram(
            "http_request_duration_highr_seconds",
            "Latency with many buckets but no labels.",
            (),
            HIGH,
            Rows(merged(records, lambda _: (), self._rebucketed(HIGH), len(HIGH) + 2)),
        )
        yield histogram(
            "http_request_duration_seconds",
            "Latency with few buckets by method and handler.",
            ("method", "handler", *own),
            LOW,
            Rows(
                merged(
                    records,
                    lambda labels: (labels[0], _handler(labels), *labels[4:]),
                    self._rebucketed(LOW),
                    len(LOW) + 2,
                )
            ),
        )
        under_way = sum(
            values[0]
            for _, labels, values in reading.every(self._under_way)
            if labels[1] in {"http", "https"} and not math.isnan(values[0])
        )
        yield GaugeMetricFamily("http_requests_inprogress", "Number of HTTP requests in progress.", under_way)

    def _sizes(self, name: str, series: Iterable[Labelled]) -> Metric:
        family = SummaryMetricFamily(
            f"http_{name}_size_bytes", f"Bytes of {name} bodies by handler.", labels=("handler", *self._own)
        )
        for labels, cells in series:
            family.add_metric(labels, int(sum(cells[:-1])), cells[-1])
        return family

    def _rebucketed(self, bounds: tuple[float, ...]) -> Callable[[Sequence[float]], list[float]]:
        """Cells of a record as a histogram with fewer *bounds*."""
        layout = self._layout
        into = [next((at for at, bound in enumerate(bounds) if have <= bound), len(bounds)) for have in layout.bounds]

        def cut(cells: Sequence[float]) -> list[float]:
            counts = [0.0] * (len(bounds) + 1)
            *had, seconds = layout.durations(cells)
            for at, count in zip((*into, len(bounds)), had, strict=True):
                counts[at] += count
            return [*counts, seconds]

        return cut


@final
class _Answered:
    """*records* without websockets, each time one goes through them."""

    def __init__(self, records: Iterable[Labelled]) -> None:
        self._records = records

    def __iter__(self) -> Iterator[Labelled]:
        return (record for record in self._records if record[0][2] != WEBSOCKET)


def _handler(labels: tuple[str, ...]) -> str:
    return "none" if labels[1] == UNMATCHED else labels[1]


def _by_status(labels: tuple[str, ...]) -> tuple[str, ...]:
    status = labels[2] if labels[2] == OVERFLOW else f"{labels[2][:1] or 5}xx"
    return (labels[0], status, _handler(labels), *labels[4:])
