"""
One label set of a family: what hot paths keep, to be spared the look-up of its labels.

`add`, `set` and `observe` never raise: what is no number is lost, and counted. A child outlives forks.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, final

from ..delivery import lost
from .timer import Timer

if TYPE_CHECKING:
    from .families import Family
    from .slots import Cells

__all__ = ["Child", "CounterChild", "GaugeChild", "HistogramChild"]


class Child:
    """
    One label set of a family.

    Attributes:
        cells: Its figures; None until they are needed, again after a fork, and as long as there is no room for them.
    """

    __slots__ = ("_family", "cells", "labels")

    def __init__(self, family: Family[Any], labels: tuple[str, ...]) -> None:
        self._family = family
        self.labels = labels
        self.cells: Cells | None = None

    def open(self) -> Cells:
        """Where to count while there are no `cells`."""
        return self._family.cells(self)


@final
class CounterChild(Child):
    """A count."""

    __slots__ = ()

    def add(self, amount: float = 1.0) -> None:
        """Count *amount* more; less than nothing is nothing."""
        number = _number(amount)
        if 0 <= number < math.inf:
            with self._family.store.lock:
                (self.cells or self.open())[0] += number
        else:
            _refuse()


@final
class GaugeChild(Child):
    """A value that goes up and down."""

    __slots__ = ()

    def set(self, value: float) -> None:
        """Say *value*; NaN for nothing."""
        with self._family.store.lock:
            (self.cells or self.open())[0] = _number(value)

    def add(self, amount: float = 1.0) -> None:
        """Say *amount* more, or less."""
        number = _number(amount)
        if math.isfinite(number):
            with self._family.store.lock:
                (self.cells or self.open())[0] += number
        else:
            _refuse()


@final
class HistogramChild(Child):
    """A distribution."""

    __slots__ = ("_bounds",)

    def __init__(self, family: Family[Any], labels: tuple[str, ...]) -> None:
        super().__init__(family, labels)
        self._bounds = family.declared.bounds

    def observe(self, value: float) -> None:
        """Count *value*."""
        number = _number(value)
        if math.isfinite(number):
            with self._family.store.lock:
                cells = self.cells or self.open()
                cells[bisect_left(self._bounds, number)] += 1
                cells[-1] += number
        else:
            _refuse()

    def time(self) -> Timer:
        """Observe the seconds that a `with` block, or each call of a decorated function, takes."""
        return Timer(self)


def _number(value: object) -> float:
    """NaN for what is none."""
    if type(value) is float:
        return value
    try:
        return float(value)  # type: ignore[arg-type]
    except Exception:
        return math.nan


def _refuse() -> None:
    lost("figures that are no numbers")
