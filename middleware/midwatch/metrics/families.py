"""Counters, gauges and histograms that count for all workers; never raise, whatever they are told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

from .children import Child, CounterChild, GaugeChild, HistogramChild
from .labels import OVERFLOW, label_text
from .timer import Timer

if TYPE_CHECKING:
    from .declared import Declared
    from .slots import Cells
    from .store import Store

__all__ = ["Counter", "Family", "Gauge", "Histogram"]

C = TypeVar("C", bound=Child)


class Family(Generic[C]):
    """
    What has one name.

    Attributes:
        declared: What it is.
        store: Where its figures are.
    """

    _kind: type[C]

    def __init__(self, store: Store, declared: Declared, *, bounded: bool = True) -> None:
        self.store = store
        self._bounded = bounded
        self.declared = declared
        self._key = declared.key
        self._known: dict[tuple[Any, ...], C] = {}
        self._series: dict[tuple[str, ...], C] = {}
        self._overflow: C | None = None

    def forget(self) -> None:
        """Ask for cells again: those at hand are a parent's, or of a file that is gone."""
        for child in [*self._series.values(), *(() if self._overflow is None else (self._overflow,))]:
            child.cells = None

    def move(self, store: Store) -> None:
        """Count in *store* from now on, and have what was counted there; it is no longer where it was."""
        counted = [(child, child.cells) for child in self.children() if child.cells is not None]
        nothing = math.nan if self.declared.kind == "gauge" else 0.0
        self.forget()
        self.store = store
        for child, before in counted:
            cells = child.open()
            for index, figure in enumerate(before):
                # The same slot's where both stores share one: then it is there.
                if before is not cells:
                    cells[index] += figure
                    before[index] = nothing

    def of(self, *values: object) -> C:
        """The child with these label values; the overflow where there is no room for another."""
        if len(values) != len(self.declared.labels):
            values = (*values, *[""] * len(self.declared.labels))[: len(self.declared.labels)]
        plain = all(type(value) is str for value in values)
        texts = values if plain else tuple(map(label_text, values))
        child = self._known.get(texts)
        return self._find(texts) if child is None else child

    def _find(self, texts: tuple[Any, ...]) -> C:
        labels = tuple(map(label_text, texts))
        store = self.store
        with store.lock:
            child = self._series.get(labels)
            if child is None:
                if not self._room(labels):
                    store.refuse(self.declared.name)
                    return self._overflowing()
                child = self._series[labels] = self._kind(self, labels)
            if len(self._known) < 2 * store.max_series:
                self._known[texts] = child
            return child

    def _room(self, labels: tuple[str, ...]) -> bool:
        return not labels or not self._bounded or self.store.room(self._key, labels)

    def _overflowing(self) -> C:
        if self._overflow is None:
            self._overflow = self._kind(self, (OVERFLOW,) * len(self.declared.labels))
        return self._overflow

    def cells(self, child: Child) -> Cells:
        """Those of *child*, which keeps them; those of the overflow, if the slot turns out to have no room for it."""
        store, labels = self.store, child.labels
        store.declare(self.declared)
        # Asked before, but not of this slot: it was claimed just now, or the process has forked since.
        if child is not self._overflow and not self._room(labels):
            store.refuse(self.declared.name)
            overflow = self._overflowing()
            return overflow.cells or self.cells(overflow)
        gauge = self.declared.kind == "gauge"
        child.cells = store.slot.cells(self._key, labels, self.declared.size, live=gauge)
        return child.cells

    def children(self) -> list[C]:
        """All of them."""
        with self.store.lock:
            return [*self._series.values(), *(() if self._overflow is None else (self._overflow,))]


@final
class Counter(Family[CounterChild]):
    """Something that only grows."""

    _kind = CounterChild

    def add(self, amount: float = 1.0, *values: object) -> None:
        """Count *amount* more under these label values."""
        self.of(*values).add(amount)


@final
class Gauge(Family[GaugeChild]):
    """Something that goes up and down, of workers that live."""

    _kind = GaugeChild

    def set(self, value: float, *values: object) -> None:
        """Say *value* under these label values; NaN for nothing."""
        self.of(*values).set(value)

    def add(self, amount: float = 1.0, *values: object) -> None:
        """Say *amount* more, or less."""
        self.of(*values).add(amount)


@final
class Histogram(Family[HistogramChild]):
    """How values are distributed."""

    _kind = HistogramChild

    def observe(self, value: float, *values: object) -> None:
        """Count *value* under these label values."""
        self.of(*values).observe(value)

    def time(self, *values: object) -> Timer:
        """Observe the seconds that a `with` block takes."""
        return Timer(self.of(*values))
