"""
`LatencyMetrics`: counts, latencies and sizes per route, and the page that shows them to Prometheus.

- durations end with the last body byte; a websocket's is its handshake
- methods, routes and status codes are bounded, so that strangers make no series
- the page is text or OpenMetrics as the client wants, with the trace of a recent request on each bucket of the latter
- figures of the process, and whatever the application keeps in prometheus_client's registry, are on the page too
"""

from __future__ import annotations

import math
import os
import re
import weakref
from bisect import bisect_left
from time import monotonic
from typing import TYPE_CHECKING, Final, final

import prometheus_client
from prometheus_client import CollectorRegistry

from ..answers import Outcome
from ..logs.safe import safe_text
from ..plugin import Plugin
from ..proxies import LOCAL, Networks
from ..service import Service
from .active import Active
from .collector import MidwatchCollector, Shown
from .page import Page
from .series import SeriesTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..answers import Hold, Reply
    from ..exchange import Exchange

__all__ = ["BUCKETS", "SIZE_BUCKETS", "LatencyMetrics"]

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of durations in seconds (semantic conventions, `http.server.request.duration`)."""

SIZE_BUCKETS: Final = tuple(4**power for power in range(3, 13))
"""Upper bounds of body sizes, 64 bytes to 16 MiB."""

_OK: Final = Outcome.OK

_plugins: weakref.WeakSet[LatencyMetrics] = weakref.WeakSet()


@final
class LatencyMetrics(Plugin):
    """
    Request metrics by the semantic conventions, in Prometheus' spelling.

    Args:
        path: Where the page is served, below the mount point, with and without a slash at its end; None for nowhere.
        allow: Networks whose direct peers may read it; `"unix"` for peers without an address.
        registry: Whose metrics are shown beside ours; by default `prometheus_client.REGISTRY`.
        service: Shown as `target_info`; by default what the `OTEL_*` variables say.
        buckets: Upper bounds of the durations, seconds, ascending.
        max_series: Sets of label values after which all others count as `http_route="overflow"`.
        clock: Seconds, for what is logged once a minute.

    Attributes:
        collector: Our metrics alone, for a registry or an exporter of your own.

    Raises:
        ValueError: a path that is none, a network that is none, buckets that do not ascend, no series at all.
        TypeError: *allow* is one string, *registry* collects nothing.
    """

    def __init__(
        self,
        *,
        path: str | None = "/metrics",
        allow: Iterable[str] = LOCAL,
        registry: CollectorRegistry | None = None,
        service: Service | None = None,
        buckets: Iterable[float] = BUCKETS,
        max_series: int = 2000,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if isinstance(allow, str):
            raise TypeError(f"allow: {allow!r} is one string; give a list of networks")
        if not hasattr(registry, "collect") and registry is not None:
            raise TypeError(f"registry: {registry!r} is not a prometheus_client.CollectorRegistry")
        if max_series < 1:
            raise ValueError(f"max_series: {max_series} leaves no series to count in")
        self._bounds = _checked_buckets(buckets)
        self._table = SeriesTable(len(self._bounds), len(SIZE_BUCKETS), max_series)
        self._active = Active()
        self.collector = MidwatchCollector(self._table, self._active, self._bounds, SIZE_BUCKETS)
        ours = CollectorRegistry(target_info=_target_info(service or Service.known()))
        ours.register(self.collector)
        theirs = prometheus_client.REGISTRY if registry is None else registry
        self._page = Page(Shown(ours, theirs), Networks(allow), clock=clock)
        self._paths = frozenset[str]() if path is None else _checked_path(path)
        self._route = path or ""
        _plugins.add(self)

    def forget(self) -> None:
        """Start at zero, in a forked child."""
        self._table.forget()
        self._active.forget()
        self._page.forget()

    def on_request(self, exchange: Exchange) -> Reply | Hold | None:
        """Note that the request is under way, or serve the page."""
        if exchange.app_path in self._paths and exchange.kind == "http":
            exchange.route = self._route
            exchange.probe = True
            self._active.expect(exchange)
            return self._page.answer(exchange)
        self._active.exchanges[id(exchange)] = exchange
        return None

    def on_finish(self, exchange: Exchange) -> None:
        """Count the exchange, its duration and its size."""
        table = self._table
        self._active.exchanges.pop(id(exchange), None)
        method, route, status = exchange.method, exchange.route, exchange.status
        error = None if exchange.outcome is _OK else _error_type(exchange)
        series = table.known.get((method, route, status, error)) or table.find(method, route, status, error)
        http = exchange.kind == "http"
        duration = exchange.duration if http else _handshake(exchange)
        bucket = bisect_left(self._bounds, duration)
        size, sizes = exchange.bytes_out, series.sizes
        size_bucket = bisect_left(SIZE_BUCKETS, size)
        # Half of what `with` costs; with the five lines below it is all that threads wait for each other.
        acquire, release = table.acquire, table.release
        acquire()
        try:
            series.counts[bucket] += 1
            series.total += duration
            if exchange.trace_flags & 1:
                series.exemplars[bucket] = (exchange.trace_id, duration, exchange.started_at)
            if http:
                sizes.counts[size_bucket] += 1
                sizes.total += size
        finally:
            release()


def _error_type(exchange: Exchange) -> str | None:
    """A client that left is `aborted`, also where its door has the server's OSError to show for it."""
    return "aborted" if exchange.outcome is Outcome.ABORTED else exchange.error_type


def _handshake(exchange: Exchange) -> float:
    """Seconds until a websocket was accepted or denied; until it was given up, where neither happened."""
    return exchange.duration if exchange.first_byte is None else exchange.first_byte - exchange.started


def _checked_buckets(buckets: Iterable[float]) -> tuple[float, ...]:
    bounds = tuple(float(bound) for bound in buckets)
    ascending = all(low < high for low, high in zip((0.0, *bounds), bounds, strict=False))
    if not bounds or not ascending or not math.isfinite(bounds[-1]):
        raise ValueError(f"buckets: {bounds} are not ascending seconds above zero")
    return bounds


def _checked_path(path: str) -> frozenset[str]:
    """The two ways to write *path*."""
    if not path.startswith("/") or "?" in path or "#" in path:
        raise ValueError(f"path: {path!r} is not a path below the mount point, such as /metrics")
    return frozenset({path.rstrip("/") or "/", path.rstrip("/") + "/"})


def _target_info(service: Service) -> dict[str, str]:
    """Resource attributes as labels (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/)."""
    labels: dict[str, str] = {}
    for name, value in service.fields().items():
        label = re.sub(r"_+", "_", re.sub(r"\W", "_", name, flags=re.ASCII))
        labels.setdefault(f"key_{label}" if label[:1].isdigit() else label, safe_text(value))
    return labels


def _after_fork() -> None:
    for plugin in list(_plugins):
        plugin.forget()


os.register_at_fork(after_in_child=_after_fork)
