"""
Figures that other parts keep for this process alone, so that they count for all workers and survive this one.

Counters go into the store as what was added since the last turn, gauges as they are. Of the gauges of several workers
ages are the greatest and states the worst; the rest is added up.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from .. import delivery, plugin
from ..audit import figures
from ..health import figures as health
from .one import OneOf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from prometheus_client.core import Metric

    from .declared import Merge
    from .families import Gauge
    from .pulse import Pulse
    from .store import Store

__all__ = ["OwnFigures", "mirror", "own_families"]

Told: TypeAlias = dict[tuple[str, tuple[str, ...]], float]

WORST: Final = ("_status", "_state", "_timestamp_seconds")
OLDEST: Final = ("_seconds",)

_mirrored: weakref.WeakSet[OwnFigures] = weakref.WeakSet()


@final
class OwnFigures:
    """
    Copies families into a store.

    Args:
        store: Where they go.
        sources: Each makes the families of this process anew.
        told: Counts that went there before, of which only the rest goes; kept up to date.

    Attributes:
        store: As given.
    """

    def __init__(
        self, store: Store, sources: Sequence[Callable[[], Iterable[Metric]]], told: Told | None = None
    ) -> None:
        self.store = store
        self._sources = sources
        self._told: Told = {} if told is None else told
        self._set: set[tuple[str, tuple[str, ...]]] = set()
        self._lock = threading.Lock()
        _mirrored.add(self)

    def forget(self) -> None:
        """In a forked child: what the parent told is in its slot, and stays told; who held the lock is not there."""
        self._set.clear()
        self._lock = threading.Lock()

    def _families(self) -> Iterator[Metric]:
        for source in self._sources:
            try:
                yield from source()
            except Exception:
                plugin.hook_failed(source)

    def turn(self) -> None:
        """Copy what is new, unless another pulse does so now; once a second, and before the page is shown."""
        if self._lock.acquire(blocking=False):
            try:
                self._copy()
            finally:
                self._lock.release()

    def _copy(self) -> None:
        seen: set[tuple[str, tuple[str, ...]]] = set()
        for family in self._families():
            if family.type == "counter":
                self._count(family)
            elif family.type == "gauge":
                seen.update(self._gauge(family))
        for name, labels in self._set - seen:
            self._gauge_of(name, "", None).set(math.nan, *labels)
        self._set = seen

    def _count(self, family: Metric) -> None:
        names = _names(family)
        counter = self.store.counter(family.name, family.documentation, names, bounded=False)
        if not names and not family.samples:
            return
        for key, value in _counted(family):
            told = self._told.get(key)
            if told is None or value != told:
                # Less than before: counted anew, from zero. Nothing: a counter is best seen before it counts.
                counter.add(value - told if told is not None and value > told else value, *key[1])
                self._told[key] = value

    def _gauge(self, family: Metric) -> Iterator[tuple[str, tuple[str, ...]]]:
        gauge = self._gauge_of(family.name, family.documentation, _names(family))
        for sample in family.samples:
            labels = tuple(sample.labels.values())
            gauge.set(sample.value, *labels)
            yield family.name, labels

    def _gauge_of(self, name: str, said: str, labels: Sequence[str] | None) -> Gauge:
        known = self.store.known_gauge(name)
        if known is not None:
            return known
        merge: Merge = "min" if name.endswith(WORST) else "max" if name.endswith(OLDEST) else "sum"
        return self.store.gauge(name, said, labels or (), merge=merge, bounded=False)


_mirrors: Final[weakref.WeakValueDictionary[Path, OwnFigures]] = weakref.WeakValueDictionary()
_told: Final[dict[Path, Told]] = {}
"""What stays counted in a directory, whichever application of this process has gone."""


def mirror(store: Store, pulse: Pulse, directory: Path | None) -> None:
    """Have *pulse* copy what this process counts; once for each *directory*, which adds up what it is told."""
    told: Told = {} if directory is None else _told.setdefault(directory, {})
    pulse.each(OneOf(_mirrors, directory, store, lambda: OwnFigures(store, (own_families,), told)).turn)


def _names(family: Metric) -> tuple[str, ...]:
    """Labels of a family; those of its constructor, where it has no sample to tell."""
    names: Any = getattr(family, "_labelnames", None)
    return tuple(names) if names is not None else tuple(family.samples[0].labels) if family.samples else ()


def _counted(family: Metric) -> Iterator[tuple[tuple[str, tuple[str, ...]], float]]:
    if family.type == "counter":
        for sample in family.samples:
            if sample.name.endswith("_total"):
                yield (family.name, tuple(sample.labels.values())), sample.value


def own_families() -> Iterator[Metric]:
    """Failures of plugins, deliveries and losses, the audit trail, and health."""
    yield _plugin_errors()
    yield from _deliveries()
    yield from figures.families()
    yield from health.families()


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


def _after_fork() -> None:
    for own in list(_mirrored):
        own.forget()


os.register_at_fork(after_in_child=_after_fork)
