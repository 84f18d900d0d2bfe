"""All of them together, for whoever has a store and a pulse."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Final, final

from ..one import OneOf
from .container import ContainerFigures
from .garbage import GarbageFigures
from .overhead import OverheadFigures
from .process import ProcessFigures, Spent
from .scrapes import ScrapeFigures
from .tasks import TaskFigures

if TYPE_CHECKING:
    from pathlib import Path

    from ...plugin import Plugin
    from ..pulse import Pulse
    from ..store import Store

__all__ = ["Live"]

_known: Final[weakref.WeakValueDictionary[Path, _Once]] = weakref.WeakValueDictionary()
_told: Final[dict[Path, tuple[Spent, list[dict[str, int]]]]] = {}
"""What stays counted in a directory, whichever application of this process has gone."""

_every: Final[weakref.WeakSet[_Once]] = weakref.WeakSet()


@final
class Live:
    """
    Fills a store with every pulse.

    What this process has only one of is counted once for each directory, which adds up what it is told.

    Args:
        store: Where the figures go.
        pulse: What calls for them.
        owner: The plugin whose doors are measured.
        directory: Where the store has its figures; None for nowhere else.

    Attributes:
        scrapes: Told of each page that was made.
        tasks: Told of event loops.
    """

    def __init__(self, store: Store, pulse: Pulse, owner: Plugin, directory: Path | None = None) -> None:
        self.scrapes = ScrapeFigures(store)
        self.tasks = TaskFigures(store)
        container = ContainerFigures()
        store.show(lambda _: container.collect())
        told = (Spent(), []) if directory is None else _told.setdefault(directory, (Spent(), []))
        self._once = OneOf(_known, directory, store, lambda: _Once(store, *told))
        for turn in (self._once.turn, self.tasks.turn, OverheadFigures(store, owner).turn, self.scrapes.turn):
            pulse.each(turn)

    def stop(self) -> None:
        """Leave the garbage collector alone again, until the next pulse."""
        self._once.now.garbage.stop()


@final
class _Once:
    """
    What there is one of in a process.

    Args:
        store: Where its figures go.
        spent, collected: What has gone there.

    Attributes:
        store: As given.
        garbage: The collector's.
    """

    def __init__(self, store: Store, spent: Spent, collected: list[dict[str, int]]) -> None:
        self.store = store
        self.garbage = GarbageFigures(store, collected)
        self._process = ProcessFigures(store, spent=spent)
        self.forget()
        _every.add(self)

    def forget(self) -> None:
        """In a forked child: who held the lock is not there."""
        self._lock = threading.Lock()

    def turn(self) -> None:
        """Write what is new, unless another pulse does so now."""
        if self._lock.acquire(blocking=False):
            try:
                self._process.turn()
                self.garbage.turn()
            finally:
                self._lock.release()


def _after_fork() -> None:
    for once in list(_every):
        once.forget()


os.register_at_fork(after_in_child=_after_fork)
