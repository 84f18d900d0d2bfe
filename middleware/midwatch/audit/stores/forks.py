"""
No connection is inherited.

A child that has a copy of an SQLite connection, in use or not, believes in locks that only its parent has; once the
parent ends, others delete the log into which the child writes (sqlite.org/howtocorrupt.html, section 2.7). So it is
closed before a fork, and opened again when it is needed. A connection to a server is left alone, and forgotten by the
child: to close it there would end the session of the parent.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from abc import ABC, abstractmethod
from typing import Final

from ...plugin import hook_failed

__all__ = ["ForkSafe", "keep_for_ever"]

PATIENCE: Final = 10.0
"""Seconds that a fork waits for what a store is doing."""


class ForkSafe(ABC):
    """What has something that must not be shared, and one lock for all that it does."""

    def __init__(self) -> None:
        self._mutex = threading.RLock()
        _watched.add(self)

    @abstractmethod
    def _before_fork(self) -> None:
        """Close what the child must not have."""

    @abstractmethod
    def _in_child(self) -> None:
        """Forget what is the parent's."""

    def before_fork(self) -> bool:
        """Let what is going on come to its end; whether it did."""
        if not self._mutex.acquire(timeout=PATIENCE):
            return False
        try:
            self._before_fork()
        except Exception:
            hook_failed(self.before_fork)
        return True

    def after_fork_in_parent(self) -> None:
        """Go on, where it came to its end."""
        self._mutex.release()

    def after_fork_in_child(self) -> None:
        """Begin anew; the thread that held the lock is not here."""
        self._mutex = threading.RLock()
        self._in_child()


_watched: Final[weakref.WeakSet[ForkSafe]] = weakref.WeakSet()
_stopped: Final[dict[int, list[tuple[ForkSafe, bool]]]] = {}
"""By thread: several may fork at once."""


def _before() -> None:
    _stopped[threading.get_ident()] = [(store, store.before_fork()) for store in list(_watched)]


def _in_parent() -> None:
    for store, ended in _stopped.pop(threading.get_ident(), ()):
        if ended:
            store.after_fork_in_parent()


def _in_child() -> None:
    stopped = _stopped.get(threading.get_ident(), ())
    _stopped.clear()
    for store, _ in stopped:
        store.after_fork_in_child()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


def keep_for_ever(connection: object) -> None:
    """Never close *connection*, not even at the end of the process, when all objects go."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
