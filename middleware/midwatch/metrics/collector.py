"""The page: our families beside those of the application and of Python, each name once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.multiprocess import MultiProcessCollector

from ..plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.core import Metric
    from prometheus_client.registry import Collector

    from .store import Store

__all__ = ["MidwatchCollector", "Shown", "theirs"]

SUFFIXES: Final = {
    "counter": ("total", "created"),
    "summary": ("count", "sum", "created"),
    "histogram": ("bucket", "count", "sum", "created"),
    "gaugehistogram": ("bucket", "gcount", "gsum"),
    "info": ("info",),
}
"""Of names of samples, by the type of their family (OpenMetrics 1.0, "Suffixes")."""


@final
class MidwatchCollector:
    """
    The families that Midwatch counts; also for a registry of your own: `registry.register(metrics.collector)`.

    Args:
        store: Where they are.
        due: Brings up to date what is written once a second.
    """

    def __init__(self, store: Store, due: Callable[[], object]) -> None:
        self._store = store
        self._due = due

    def collect(self) -> Iterator[Metric]:
        """All families of all workers, each also where it has no sample yet."""
        self._due()
        return self._store.collect()


def theirs(given: CollectorRegistry | None, default: CollectorRegistry) -> tuple[Collector, ...]:
    """The registry of the application; of all workers where prometheus_client's own multi-process mode is on."""
    if given is not None:
        return (given,)
    on = "PROMETHEUS_MULTIPROC_DIR" in os.environ or "prometheus_multiproc_dir" in os.environ
    # What the workers have written for it, then what this process knows besides.
    return (_Multiprocess(), default) if on else (default,)


@final
class _Multiprocess:
    """What the workers have written for prometheus_client; a damaged file of one that was killed costs it all."""

    def collect(self) -> Iterable[Metric]:
        made: Collector = MultiProcessCollector(None)  # type: ignore[no-untyped-call]
        return made.collect()


@final
class Shown:
    """
    What one page shows: several collectors, each family from the first that has it.

    A collector that raises costs what it would have shown besides, and no other anything.

    Args:
        collectors: The figures of the process, its garbage collector and its Python are added to them.
    """

    def __init__(self, *collectors: Collector) -> None:
        standard = CollectorRegistry()
        ProcessCollector(registry=standard)
        GCCollector(registry=standard)
        PlatformCollector(registry=standard)
        self._collectors = (*collectors, standard)

    def collect(self) -> Iterator[Metric]:
        """
        All families, no name twice: a page that repeats one is refused as a whole.

        Nor is a family called as a sample of one before it, which OpenMetrics does not allow either.
        """
        taken: set[str] = set()
        for collector in self._collectors:
            families: dict[str, Metric] = {}
            names: set[str] = set()
            for part in _parts(collector):
                for family, shown in _families(part):
                    if taken.isdisjoint(shown):
                        families.setdefault(family.name, family)
                        names.update(shown)
            taken.update(names)
            yield from families.values()


def _parts(collector: Collector) -> Iterator[Collector]:
    """The collectors of a registry, of which one may fail; any other as it is."""
    if type(collector) is not CollectorRegistry:
        yield collector
        return
    info = collector.get_target_info()
    if info:
        yield CollectorRegistry(target_info=info)
    with collector._lock:  # noqa: SLF001 - it has no other list of them, and no other way to ask each
        parts = list(collector._collector_to_names)  # noqa: SLF001
    yield from parts


def _families(collector: Collector) -> list[tuple[Metric, set[str]]]:
    """Those of *collector*, or as many as it made before it failed, each with all names that it takes."""
    found: list[tuple[Metric, set[str]]] = []
    try:
        found.extend((family, _names(family)) for family in collector.collect())
    except BaseException:  # One may call sys.exit(): this thread is ours, and somebody waits for the page.
        hook_failed(getattr(collector, "collect", _families))
    return found


def _names(family: Metric) -> set[str]:
    return {family.name, *(f"{family.name}_{suffix}" for suffix in SUFFIXES.get(family.type, ()))}
