"""What a process has one of, however many of its applications share a directory."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from pathlib import Path

    from .store import Store

__all__ = ["OneOf"]


class Kept(Protocol):
    """Figures that are written with every pulse."""

    store: Store

    def turn(self) -> None:
        """Write what is new."""


K = TypeVar("K", bound=Kept)

_taking = threading.Lock()


@final
class OneOf(Generic[K]):
    """
    Figures that are in the store of one application; in another's once that has left its slot, where all would be lost.

    Args:
        known: Those of the process, by directory; weak.
        directory: Where *store* has its figures; None for nowhere else, and then nobody shares them.
        store: Of this application.
        make: Makes them in it, and goes on where those before have ended.
    """

    def __init__(
        self, known: MutableMapping[Path, K], directory: Path | None, store: Store, make: Callable[[], K]
    ) -> None:
        self._known, self._directory, self._store, self._make = known, directory, store, make
        self.now = self._found()

    def _found(self) -> K:
        with _taking:
            found = None if self._directory is None else self._known.get(self._directory)
            if found is None or found.store.slot.closed:
                found = self._make()
                if self._directory is not None:
                    self._known[self._directory] = found
            return found

    def turn(self) -> None:
        """Write them, by whichever pulse there is."""
        if self.now.store.slot.closed:
            if self._store.slot.closed:
                return
            self.now = self._found()
        self.now.turn()
        if self.now.store is not self._store:
            self._store.beside(self.now.store)


def _after_fork() -> None:
    global _taking  # noqa: PLW0603 - who held it is not there
    _taking = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
