"""
Metrics of the application itself: `midwatch.metrics.counter("orders_placed", "Orders that were placed.")`.

They may be made when a module is imported, before anything is installed. They count in memory until a `LatencyMetrics`
shares its figures with other workers; then what was counted moves to where those are, and counting goes on there. Every
page shows them.
"""

from __future__ import annotations

import logging
import os
import weakref
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

from ..logs.safe import safe_text
from .labels import MAX_TEXT
from .slots import Slot
from .store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.core import Metric

    from .declared import Merge
    from .families import Counter, Family, Gauge, Histogram

__all__ = ["BUCKETS", "applications", "counter", "gauge", "histogram"]

logger = logging.getLogger("midwatch")

F = TypeVar("F", bound="Family[Any]")

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of durations in seconds (semantic conventions, `http.server.request.duration`)."""

MAX_BUCKETS: Final = 200

OURS: Final = (
    "http_server_",
    "midwatch_",
    "process_",
    "python_",
    "event_loop_",
    "thread_pool_",
    "cgroup_",
    "health_check_",
    "target_info",
)
"""Beginnings of names that Midwatch shows itself."""


@final
class Applications:
    """
    Where the application's own metrics are.

    Attributes:
        store: Of this moment.
        names: What has been made.
    """

    def __init__(self) -> None:
        self.store = Store(Slot(None))
        self.names: set[str] = set()
        self._owner: weakref.ref[object] | None = None
        self._taken: weakref.WeakKeyDictionary[object, frozenset[str]] = weakref.WeakKeyDictionary()
        self.forget()

    def forget(self) -> None:
        """In a forked child: who held the lock is not there."""
        self._lock = RLock()

    def make(self, family: Callable[[Store], F]) -> F:
        """Have a family made in the store of this moment, which stays so meanwhile."""
        with self._lock:
            made = family(self.store)
            self.names.add(made.declared.name)
            return made

    def take(self, names: frozenset[str], owner: object) -> None:
        """
        Keep *names* for figures of *owner* as long as it lives.

        Raises:
            ValueError: the application has one of them.
        """
        with self._lock:
            found = min(names & self.names, default=None)
            if found is not None:
                raise ValueError(
                    f'names: "classic" has a family {found!r}, and so has the application; rename it there'
                )
            self._taken[owner] = names

    def free(self, name: str) -> str:
        """
        *name*, if it is nobody else's.

        Raises:
            ValueError: it is Midwatch's.
        """
        if isinstance(name, str):
            if name.startswith(OURS):
                raise ValueError(f"name: {name!r} begins as names of Midwatch's own do; choose another")
            if any(name in names for names in self._taken.values()):
                raise ValueError(f'name: {name!r} is what `metrics.names` "classic" calls figures of Midwatch\'s own')
        return name

    def move(self, store: Store, owner: object) -> None:
        """Count in *store* from now on, unless the owner of another one, which workers share, still lives."""
        known = self._owner
        if known is not None and known() is not None:
            return
        stay: list[str] = []
        with self._lock:
            if self._owner is None or self._owner() is None:
                self._owner = weakref.ref(owner)
                if store is not self.store:
                    before, self.store = self.store, store
                    stay = before.move(store, self.names)
        for name in stay:
            logger.error("metrics: %r is a name of Midwatch's own; it is not counted for all workers", name)

    def leave(self, owner: object) -> None:
        """*owner* is being let go: whoever shares figures next has these too, though somebody may still hold it."""
        known = self._owner  # No lock: the garbage collector calls. Nobody changes it while *owner* lives.
        if known is not None and known() is owner:
            self._owner = None

    def beside(self, store: Store) -> Beside:
        """What a page that shows *store* has to show besides."""
        return Beside(self, store)


@final
class Beside:
    """
    The application's own metrics, for pages that do not have them already.

    Args:
        applications: Where they are.
        store: What the page shows.
    """

    def __init__(self, applications: Applications, store: Store) -> None:
        self._applications = applications
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """All families, of all workers; none if they are in the store that is shown."""
        theirs = self._applications.store
        if theirs is not self._store:
            # What else is counted there is another application's.
            yield from (family for family in theirs.collect() if family.name in self._applications.names)


applications: Final = Applications()


def counter(name: str, said: str, labels: Iterable[str] = ()) -> Counter:
    """
    A counter of the application's own: `placed.add(1, "card")`.

    Args:
        name: Without `_total`.
        said: What it counts, for people.
        labels: Names of labels; few different values each, since every combination is another series.

    Raises:
        ValueError: a name that is none, or is Midwatch's, or was declared otherwise before; what is *said* is no text.
    """
    return applications.make(lambda store: store.counter(applications.free(name), _text(said), labels))


def gauge(name: str, said: str, labels: Iterable[str] = (), *, merge: Merge = "sum") -> Gauge:
    """
    A gauge: `waiting.set(7)`. Of several workers the values are added up, unless *merge* says otherwise.

    Raises:
        ValueError: as above, or a *merge* that is none.
    """
    return applications.make(lambda store: store.gauge(applications.free(name), _text(said), labels, merge=merge))


def histogram(name: str, said: str, labels: Iterable[str] = (), *, buckets: Iterable[float] = BUCKETS) -> Histogram:
    """
    A histogram: `amounts.observe(12.5)`, `with seconds.time(): ...`, or `@seconds.time()`.

    Args:
        buckets: Upper bounds, ascending.

    Raises:
        ValueError: as above, or *buckets* that do not ascend, or are more than `MAX_BUCKETS`.
    """
    bounds = tuple(islice(buckets, MAX_BUCKETS + 1))
    if len(bounds) > MAX_BUCKETS:
        raise ValueError(f"buckets: more than {MAX_BUCKETS}, of which each is a series")
    return applications.make(lambda store: store.histogram(applications.free(name), _text(said), bounds, labels))


def _text(said: str) -> str:
    if not isinstance(said, str):
        raise ValueError(f"said: {said!r} is no text")  # noqa: TRY004 - see Raises
    return safe_text(said)[:MAX_TEXT]


def _after_fork() -> None:
    applications.forget()


os.register_at_fork(after_in_child=_after_fork)
