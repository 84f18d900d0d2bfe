"""A store that only this process sees, and what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def store() -> Store:
    return Store(Slot(None))


@pytest.fixture(scope="session")
def shown() -> Callable[..., dict[tuple[str, ...], float]]:
    """Values of all samples by name and label values."""

    def _shown(collector: Any) -> dict[tuple[str, ...], float]:
        samples = [sample for family in collector.collect() for sample in family.samples]
        return {(sample.name, *sample.labels.values()): sample.value for sample in samples}

    return _shown
