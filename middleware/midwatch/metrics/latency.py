"""
`LatencyMetrics`: counts, latencies and sizes per route, and the page that shows them to Prometheus.

- durations end with the last body byte; a websocket's is its handshake, an event stream's its first byte
- methods, routes and status codes are bounded; workers that share a directory answer for all, also for who is gone
- the page is text or OpenMetrics as the client wants, with the process's and the application's own figures
"""

from __future__ import annotations

import os
import weakref
from bisect import bisect_left
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Final, final

import prometheus_client
from prometheus_client import CollectorRegistry

from ..answers import Outcome
from ..plugin import Plugin
from ..proxies import LOCAL, Networks
from ..service import Service
from .active import Active
from .application import BUCKETS, applications
from .arguments import check, checked_buckets, checked_path, own_labels, target_info, warn_of_workers
from .classic import CLASSIC, HIGH, ClassicFamilies
from .collector import MidwatchCollector, Shown, theirs
from .ends import BACKGROUND, STREAM, Ends, error_type
from .layout import INSTANT, SIZE_BUCKETS, Layout
from .live import Live
from .own import mirror
from .page import Page
from .port import MetricsPort
from .pulse import Pulse
from .queue_time import QueueTime
from .requests import RequestFamilies
from .series import DURATIONS, SeriesTable
from .slots import Slot
from .store import Store
from .upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..answers import Hold, Reply
    from ..exchange import Exchange
    from .series import Counted, Key

__all__ = ["BUCKETS", "SIZE_BUCKETS", "LatencyMetrics"]

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
        max_series: Sets of label values of one family after which all others count as `overflow`.
        directory: Where the workers of one service share their figures; None for each worker to itself.
        names: `"classic"` for those of prometheus-fastapi-instrumentator in place of the semantic conventions'.
        labels: Further labels of the request figures, and what makes their values of an exchange, at its end.
        listen: Address and port where the page is served as well, such as `"0.0.0.0:9464"`.
        clock: Seconds, for what is logged once a minute.

    Attributes:
        collector: Our metrics alone, for a registry or an exporter of your own.
        store: Where they are; further families may be made in it.
        pulse: Has its turns once a second, and before figures are shown.
        page, paths, port: What is served, where, and where as well.
        bounds: Upper bounds of the durations that are counted.
        queue: How long requests waited before they got here.

    Raises:
        ValueError: a path that is none, a network that is none, buckets that do not ascend, no series at all, other
            *names*, or those that the application has, a label that is none, a *listen* that is no address with a port.
        TypeError: *allow* is one string, *registry* collects nothing, a label is made by no function.
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
        directory: str | Path | None = None,
        names: str = "otel",
        labels: Mapping[str, Callable[[Exchange], object]] | None = None,
        listen: str | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        check(allow, registry, max_series, names)
        self.bounds = checked_buckets(buckets, also=HIGH if names == "classic" else ())
        own, self._own = own_labels(labels or {})
        self.paths = frozenset[str]() if path is None else checked_path(path)
        self._route = path or ""
        self._directory = directory = None if directory is None else Path(directory)
        self.store = Store(Slot(directory), max_series=max_series)
        self._count(own, names)
        self._adopt()
        self.pulse.each(self._adopt)
        mirror(self.store, self.pulse, directory)
        live = Live(self.store, self.pulse, self, directory)
        self.collector = MidwatchCollector(self.store, self.pulse.now)
        ours = CollectorRegistry(target_info=target_info(service or Service.known()))
        ours.register(self.collector)
        shown = Shown(ours, applications.beside(self.store), *theirs(registry, prometheus_client.REGISTRY))
        self.page = Page(shown, Networks(allow), clock=clock, scraped=live.scrapes.note)
        paths = self.paths or checked_path("/metrics")
        self.port = None if listen is None else MetricsPort(self.page, listen, paths=paths)
        self._upkeep = Upkeep(self.store.slot, self.pulse, live, self.port)
        _plugins.add(self)

    def _count(self, own: tuple[str, ...], names: str) -> None:
        """What is counted, and the turns it needs."""
        layout = self._layout = Layout(self.bounds, SIZE_BUCKETS)
        store = self.store
        self._table = table = SeriesTable(store, layout, own)
        self._active = active = Active(store, table.taken)
        self._ends = Ends(store, self.bounds)
        self.queue = QueueTime(store)
        self._families = RequestFamilies(table)
        records = (DURATIONS, table.key, layout.size)
        if names == "classic":
            applications.take(CLASSIC, self)
            store.show(ClassicFamilies(table, active.key))
            store.show(self._families.first_bytes, records)
        else:
            store.show(self._families, records)
        self.pulse = Pulse()
        for turn in (store.turn, table.turn, active.turn):
            self.pulse.each(turn)

    def _adopt(self) -> None:
        """Have the application's own metrics, unless somebody has them who shares figures, too."""
        if self._directory is not None and not self.pulse.over:
            applications.move(self.store, self)

    def forget(self) -> None:
        """Start afresh, in a forked child: what its parent counted is in the parent's slot."""
        self.store.forget()
        self._table.forget()
        self._active.forget()
        self.page.forget()

    def active(self) -> int:
        """Requests under way in this process, websockets left out."""
        return self._active.requests()

    def counted(self) -> list[Counted]:
        """Requests of all workers, by method, route, status and type of error."""
        return self._families.counted(self.store.slot.read())

    def on_startup(self) -> None:
        """Write down once a second what others read; say loudly that others cannot."""
        self._upkeep.start()
        if self._directory is None:
            warn_of_workers()

    def on_shutdown(self, deadline: float) -> None:
        """Write it down a last time."""
        self._upkeep.stop()

    def let_go(self) -> None:
        """Leave the slot to others."""
        applications.leave(self)
        self._upkeep.let_go()

    def on_request(self, exchange: Exchange) -> Reply | Hold | None:
        """Note that the request is under way, or serve the page."""
        if exchange.app_path in self.paths and exchange.kind == "http":
            exchange.route = self._route
            exchange.probe = True
            self._active.expect(exchange)
            return self.page.answer(exchange)
        self._active.exchanges.add(exchange)
        if exchange.proxies is not None:
            self.queue.observe(exchange)
        return None

    def on_error(self, exchange: Exchange) -> None:
        """Count the exception."""
        if exchange.error is not None:
            self._ends.exception(exchange, exchange.error)

    def on_finish(self, exchange: Exchange) -> None:
        """Count the exchange, its durations and its sizes."""
        table = self._table
        self._active.exchanges.discard(exchange)
        error = None if exchange.outcome is _OK else error_type(exchange)
        key: Key = (exchange.method, exchange._route, exchange.status, error)  # noqa: SLF001 - half the time
        if self._own is not None:
            key = (*key, *self._own(exchange))
        series = table.known.get(key) or table.find(key)
        if exchange.kind != "http":
            table.handshake(exchange, series)
            self._ends.websocket(exchange)
            return
        bounds, seconds, by_bits, written_sum = table.offsets
        duration, body, start = exchange.duration, 0.0, exchange.first_byte
        if start is not None:
            body = duration - start + exchange.started
            if body > STREAM and self._ends.stream(exchange):
                table.elsewhere += body
                duration, body = duration - body, 0.0
        bucket = bisect_left(bounds, duration)
        size, read = exchange.bytes_out, exchange.bytes_in
        written = by_bits[(size - 1).bit_length()]
        cells = series.cells
        # Half of what `with` costs; with the lines below it is all that threads wait for each other.
        acquire, release = table.acquire, table.release
        acquire()
        try:
            if read or body > INSTANT:
                self._layout.count(cells, bucket, duration, body, written, read)
            else:
                cells[bucket] += 1.0
                cells[seconds] += duration
                cells[written] += 1.0
            if size:
                cells[written_sum] += size
            if exchange.trace_flags & 1:
                series.sampled[bucket] = (exchange.trace_id, duration, exchange.started_at)
        finally:
            release()
        if exchange.ended is not None and (rest := perf_counter() - exchange.ended) > BACKGROUND:
            self._ends.background(exchange, rest)


def _after_fork() -> None:
    for plugin in list(_plugins):
        plugin.forget()


os.register_at_fork(after_in_child=_after_fork)
