"""Figures in memory, and a log that can be waited for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store


class Log(logging.Handler):
    """Keeps what Midwatch says; whoever waits for it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.spoken = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.spoken.set()

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self.records]


class Clock:
    """Time that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store() -> Store:
    return Store(Slot(None))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> Iterator[Log]:
    handler = Log()
    logger = logging.getLogger("midwatch")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def value(store: Store) -> Callable[..., float]:
    """What a sample of the store says."""

    def of(name: str, **labels: str) -> float:
        samples = [sample for metric in store.collect() for sample in metric.samples]
        found = [sample.value for sample in samples if sample.name == name and sample.labels == labels]
        assert len(found) == 1, (name, labels, [sample for sample in samples if sample.name.startswith(name[:12])])
        return found[0]

    return of
