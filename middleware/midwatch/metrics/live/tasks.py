"""How many asyncio tasks there are: a number that grows is a leak."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from ..store import Store

__all__ = ["TaskFigures"]

MANY: Final = 1000
"""Tasks that are counted every second; of more, each thousand adds a second between two counts."""


@final
class TaskFigures:
    """
    Writes the number of tasks of the loops that it was told of.

    Args:
        store: Where it is written.
    """

    def __init__(self, store: Store) -> None:
        self._loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        self._skip, self._watched = 0, False
        self._tasks = store.gauge("python_asyncio_tasks", "Tasks of the event loops that are not done.").of()

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Count those of *loop* from now on, until it is closed."""
        with contextlib.suppress(TypeError):  # A loop of somebody's own to which there can be no weak reference.
            self._loops.add(loop)
            self._watched = True

    def turn(self) -> None:
        """Write how many there are; once a second."""
        if self._skip:
            self._skip -= 1
            return
        if not self._watched:
            return
        try:
            number = sum(len(asyncio.all_tasks(loop)) for loop in list(self._loops) if not loop.is_closed())
        except RuntimeError:
            return  # Tasks came and went faster than they could be listed.
        self._skip = number // MANY
        self._tasks.set(number)
