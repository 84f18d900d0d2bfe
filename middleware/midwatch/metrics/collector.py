"""Our figures as prometheus_client wants them, and the page that shows them beside those of others."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, Exemplar, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.utils import floatToGoString

from .. import delivery, plugin
from ..audit import figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from prometheus_client.core import Metric
    from prometheus_client.registry import Collector

    from .active import Active
    from .series import Observed, SeriesTable

__all__ = ["MidwatchCollector", "Shown"]

LABELS: Final = ("http_request_method", "http_route", "http_response_status_code", "error_type")

MAX_TRACE_ID: Final = 64
"""Characters; the whole of an exemplar's labels is limited to 128 (OpenMetrics 1.0, Exemplars)."""


@final
class MidwatchCollector:
    """
    The families that Midwatch counts; also for a registry of your own: `registry.register(metrics.collector)`.

    Args:
        table: Durations and sizes.
        active: Requests under way.
        buckets: Upper bounds of the durations, seconds.
        size_buckets: Upper bounds of the sizes, bytes.
    """

    def __init__(
        self, table: SeriesTable, active: Active, buckets: Sequence[float], size_buckets: Sequence[float]
    ) -> None:
        self._table = table
        self._active = active
        self._bounds = _bounds(buckets)
        self._size_bounds = _bounds(size_buckets)

    def collect(self) -> Iterator[Metric]:
        """All families, each also where it has no sample yet."""
        yield self._durations()
        yield self._sizes()
        yield self._under_way()
        yield _plugin_errors()
        yield from _deliveries()
        yield from figures.families()
        yield GaugeMetricFamily("midwatch_series", "Label sets of the request durations.", len(self._table))
        yield CounterMetricFamily(
            "midwatch_series_refused",
            "Requests counted as http_route overflow, since there were max_series label sets already.",
            self._table.refused,
        )

    def _durations(self) -> Metric:
        family = HistogramMetricFamily(
            "http_server_request_duration",
            "Seconds from the request to its last body byte; to the handshake of a websocket.",
            labels=LABELS,
            unit="seconds",
        )
        for series in self._table.durations():
            family.add_metric(series.labels, _buckets(self._bounds, series), series.total)
        return family

    def _sizes(self) -> Metric:
        family = HistogramMetricFamily(
            "http_server_response_body_size", "Bytes of the response body.", labels=LABELS[:3], unit="bytes"
        )
        for series in self._table.sizes():
            family.add_metric(series.labels, _buckets(self._size_bounds, series), series.total)
        return family

    def _under_way(self) -> Metric:
        family = GaugeMetricFamily(
            "http_server_active_requests",
            "Requests whose last body byte is not out yet, and open websockets; reading this page is not counted.",
            labels=("http_request_method", "url_scheme"),
        )
        for kind, count in sorted(self._active.count().items()):
            family.add_metric(kind, count)
        return family


def _bounds(buckets: Sequence[float]) -> tuple[str, ...]:
    write: Callable[[float], str] = floatToGoString
    return (*map(write, buckets), "+Inf")


def _buckets(bounds: tuple[str, ...], series: Observed) -> list[Any]:
    counts = accumulate(series.counts)
    if not series.exemplars:
        return list(zip(bounds, counts, strict=True))
    return [
        (bound, count, None if exemplar is None else _exemplar(*exemplar))
        for bound, count, exemplar in zip(bounds, counts, series.exemplars, strict=True)
    ]


def _exemplar(trace_id: str | None, seconds: float, started_at: int) -> Exemplar | None:
    if trace_id is None or len(trace_id) > MAX_TRACE_ID or not trace_id.isascii():
        return None
    return Exemplar({"trace_id": trace_id}, seconds, round(started_at * 1e-9 + seconds, 3))


def _plugin_errors() -> Metric:
    family = CounterMetricFamily(
        "midwatch_plugin_errors", "Exceptions in moments of plugins; no request is affected.", labels=("moment",)
    )
    for moment, count in plugin.failures.copy().items():
        family.add_metric((moment,), count)
    return family


def _deliveries() -> Iterator[Metric]:
    labels = ("channel",)
    pending_items = GaugeMetricFamily("midwatch_delivery_pending", "Items queued or being sent.", labels=labels)
    sent_items = CounterMetricFamily("midwatch_delivery_sent", "Items delivered.", labels=labels)
    dropped_items = CounterMetricFamily("midwatch_delivery_dropped", "Items lost for any reason.", labels=labels)
    for name, (pending, sent, dropped) in delivery.figures(delivery.channels).items():
        pending_items.add_metric((name,), pending)
        sent_items.add_metric((name,), sent)
        dropped_items.add_metric((name,), dropped)
    spilled_bytes = GaugeMetricFamily("midwatch_spill_bytes", "Bytes that wait on disk.", labels=labels)
    for name, size in delivery.spilled(delivery.channels).items():
        spilled_bytes.add_metric((name,), size)
    lost = CounterMetricFamily("midwatch_lost", "What was lost before any queue had it.", labels=("what",))
    for what, count in sorted(delivery.losses.copy().items()):
        lost.add_metric((what,), count)
    return iter((pending_items, sent_items, dropped_items, spilled_bytes, lost))


@final
class Shown:
    """
    What one page shows: several collectors, each family from the first that has it.

    Args:
        collectors: The figures of the process, its garbage collector and its Python are added to them.
    """

    def __init__(self, *collectors: Collector) -> None:
        standard = CollectorRegistry()
        ProcessCollector(registry=standard)
        GCCollector(registry=standard)
        PlatformCollector(registry=standard)
        self._collectors = (*collectors, standard)

    def collect(self) -> Iterable[Metric]:
        """All families, no name twice: a page that repeats one is refused as a whole."""
        taken: set[str] = set()
        for collector in self._collectors:
            families = [family for family in collector.collect() if family.name not in taken]
            taken.update(family.name for family in families)
            yield from families
