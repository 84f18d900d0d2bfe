"""
The families of one application, counted by all its workers.

Each worker writes into a slot of its own (`midwatch.metrics.slots`); whoever is asked reads all of them.
"""

from __future__ import annotations

import os
import threading
import weakref
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

from prometheus_client.core import GaugeMetricFamily

from .declared import DECLARED, Declared, told
from .families import Counter, Family, Gauge, Histogram
from .labels import OVERFLOW, checked_labels, checked_name

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from prometheus_client.core import Metric

    from .declared import Merge
    from .slots import Reading, Slot

__all__ = ["Store"]

MERGES: Final = ("sum", "max", "min", "mean", "worker")

F = TypeVar("F", bound="Family[Any]")

_stores: weakref.WeakSet[Store] = weakref.WeakSet()


@final
class Store:
    """
    Where figures are kept, and shown from.

    Args:
        slot: Of this worker.
        max_series: Label sets of one family that this worker, and those before it in its slot, may make; of one whose
            label values strangers choose. Others are not *bounded*: settings and code say how many they have.

    Attributes:
        lock: Held while a figure is changed. Reentrant: the garbage collector may end a dropped response, and with it
            an exchange, in the midst of that.
        epoch: Changes when cells that were asked for before must be asked for again.
    """

    def __init__(self, slot: Slot, *, max_series: int = 2000) -> None:
        self.slot = slot
        self.max_series = max_series
        self.lock = threading.RLock()
        self.epoch = 0
        self._slot_epoch = slot.epoch
        self._families: dict[str, Family[Any]] = {}
        self._declared: set[str] = set()
        self._held: dict[str, set[tuple[str, ...]]] = {}
        self._looked: set[str] = set()
        self._sources: list[Callable[[Reading], Iterable[Metric]]] = []
        self._records: dict[str, tuple[str, int]] = {}
        self._beside: dict[str, Declared] = {}
        self._refused = self.counter(
            "midwatch_series_refused",
            "Observations that went into an overflow, for want of room.",
            ("family",),
            bounded=False,
        )
        _stores.add(self)

    def forget(self) -> None:
        """Count into a slot of its own, in a forked child."""
        self.lock = threading.RLock()
        self.slot.forget()
        self._again()

    def turn(self) -> None:
        """Notice that the slot has moved; once a second."""
        self.slot.check()
        if self.slot.epoch != self._slot_epoch:
            with self.lock:
                self._again()

    def _again(self) -> None:
        self._slot_epoch = self.slot.epoch
        self.epoch += 1
        self._declared.clear()
        self._held.clear()
        self._looked.clear()
        for family in self._families.copy().values():
            family.forget()

    def counter(self, name: str, said: str, labels: Iterable[str] = (), *, bounded: bool = True) -> Counter:
        """
        The counter called *name*, without `_total`.

        Raises:
            ValueError: a name or a label that is none, or one that was declared otherwise.
        """
        return self._family(Counter, Declared(checked_name(name), "counter", said, checked_labels(labels)), bounded)

    def gauge(
        self, name: str, said: str, labels: Iterable[str] = (), *, merge: Merge = "sum", bounded: bool = True
    ) -> Gauge:
        """
        The gauge called *name*; only what living workers say is shown, merged or, with `"worker"`, by worker.

        Raises:
            ValueError: as above, or a *merge* that is none.
        """
        if merge not in MERGES:
            raise ValueError(f"merge: {merge!r} is none of {', '.join(MERGES)}")
        declared = Declared(checked_name(name), "gauge", said, checked_labels(labels), merge)
        return self._family(Gauge, declared, bounded)

    def histogram(
        self, name: str, said: str, buckets: Iterable[float], labels: Iterable[str] = (), *, bounded: bool = True
    ) -> Histogram:
        """
        The histogram called *name*, with these upper bounds.

        Raises:
            ValueError: as above, or *buckets* that do not ascend.
        """
        bounds = tuple(float(bound) for bound in buckets)
        bounds = bounds[:-1] if bounds[-1:] == (float("inf"),) else bounds
        if not bounds or not all(low < high for low, high in zip((float("-inf"), *bounds), bounds, strict=False)):
            raise ValueError(f"buckets: {bounds} do not ascend")
        declared = Declared(checked_name(name), "histogram", said, checked_labels(labels), bounds=bounds)
        return self._family(Histogram, declared, bounded)

    def _family(self, kind: type[F], declared: Declared, bounded: bool) -> F:
        with self.lock:
            family = self._families.get(declared.name)
            if family is None:
                family = self._families[declared.name] = kind(self, declared, bounded=bounded)
            elif family.declared._replace(help="") != declared._replace(help=""):
                raise ValueError(f"name: {declared.name!r} was declared otherwise: {family.declared}")
            assert isinstance(family, kind)
            return family

    def known_gauge(self, name: str) -> Gauge | None:
        """The gauge of that name, if there is one."""
        family = self._families.get(name)
        return family if isinstance(family, Gauge) else None

    def move(self, to: Store, names: Container[str]) -> list[str]:
        """
        Have the families of these *names* count in *to*, what they have counted included.

        Returns:
            names that are others' there already; those stay.
        """
        stay: list[str] = []
        with self.lock, to.lock:
            for name, family in list(self._families.items()):
                if name not in names:
                    continue
                if name in to._families:
                    stay.append(name)
                    continue
                del self._families[name]
                to._families[name] = family
                family.move(to)
        return stay

    def show(self, source: Callable[[Reading], Iterable[Metric]], records: tuple[str, str, int] | None = None) -> None:
        """
        Have *source* show more of each reading.

        Args:
            records: Where these are records of its own: a family, and the key and size of those that count as its
                label sets.
        """
        self._sources.append(source)
        if records is not None:
            self._records[records[0]] = records[1:]

    def beside(self, other: Store) -> None:
        """Show the families of *other*, which counts for this process in the same place, also without any sample."""
        self._beside = self._beside | {name: family.declared for name, family in other._families.copy().items()}

    def collect(self) -> Iterator[Metric]:
        """All families of all workers; nothing is locked."""
        reading = self.slot.read()
        series = GaugeMetricFamily("midwatch_series", "Label sets of a family, of all workers.", labels=("family",))
        known = {name: family.declared for name, family in self._families.copy().items()}
        for declared in (*sorted(told(reading)), *self._beside.values()):
            known.setdefault(declared.name, declared)
        for declared in known.values():
            metric = declared.metric(reading)
            if declared.labels and metric.samples:
                series.add_metric((declared.name,), len(reading.summed(declared.key, declared.size)))
            yield metric
        for source in self._sources:
            yield from source(reading)
        for name, (key, size) in self._records.items():
            series.add_metric((name,), len(reading.summed(key, size)))
        yield series

    def declare(self, declared: Declared) -> None:
        """Tell the other workers of *declared*; for families."""
        if declared.key not in self._declared:
            self.slot.cells(DECLARED, declared.texts(), 1)
            self._declared.add(declared.key)

    def room(self, key: str, labels: tuple[str, ...]) -> bool:
        """Whether *labels* of a family may be counted apart: they are already, or there is room for them."""
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = set()
        # Nothing is claimed for the question: a master that loads the application for its workers may ask it.
        if key not in self._looked and self.slot.number is not None:
            self._looked.add(key)
            asked = held.copy()
            held.clear()
            held.update(labels for labels in self.slot.labels(key) if set(labels) != {OVERFLOW})
            # What was asked for before has the room that is left.
            held.update(islice(asked - held, max(0, self.max_series - len(held))))
        if labels in held:
            return True
        if len(held) >= self.max_series:
            return False
        held.add(labels)
        return True

    def refuse(self, name: str) -> None:
        """Count that there was none."""
        if name != self._refused.declared.name:
            self._refused.add(1.0, name)


def _after_fork() -> None:
    for store in list(_stores):
        store.forget()


os.register_at_fork(after_in_child=_after_fork)
