"""
A lock between processes, on a file beside the store (flock(2)).

Not on the store itself: rotation and deletion would take the lock along. And not by fcntl(2), whose locks end with the
first descriptor of the file that the process closes.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from random import SystemRandom
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final, final

from .private import open_private
from .store import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LONG", "PATIENCE", "Lock"]

PATIENCE: Final = 0.2
"""Seconds that a writer waits: less than a request waits for its event, so that there is time to put it elsewhere."""

LONG: Final = 10.0
"""Seconds that upkeep waits."""

PAUSE: Final = 0.0005
"""Seconds between two tries, on the average."""

COURTESY: Final = 0.02
"""Seconds after having had it in which it is not taken again before others have had a chance."""

_chance: Final = SystemRandom().uniform  # The state of `random` is the application's, which may have seeded it.

NONE: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})
"""What file systems say that have no such locks."""


@final
class Lock:
    """
    One lock of one process, not safe for threads. Nothing is opened before it is asked for.

    Who waits asks again and again, since flock(2) knows no time limit; and says so by a shared lock on a second file,
    so that a busy holder lets others have a turn.

    Attributes:
        working: False once the file system said that it has no locks; then it is as if always held.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue_path = path.with_name(f"{path.name}.queue")
        self._fd = self._queue = -1
        self._holds = False
        self._released = 0.0
        self.working = True

    @contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """
        Hold it for a while.

        Raises:
            StoreError: somebody else does, for longer than *patience* seconds.
        """
        if monotonic() - self._released < COURTESY and self._is_awaited():
            _pause()
        if not self.take():
            self._wait(patience)
        try:
            yield
        finally:
            self.release()
            self._released = monotonic()

    def _wait(self, patience: float) -> None:
        until = monotonic() + patience
        queue = self._queue_fd()
        try:
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(queue, fcntl.LOCK_SH | fcntl.LOCK_NB)
                _pause()
                if self.take():
                    return
                if monotonic() >= until:
                    raise StoreError(f"{self._path}: held by another process for {patience:g} s")
        finally:
            if self._queue == queue:
                fcntl.flock(queue, fcntl.LOCK_UN)

    def _is_awaited(self) -> bool:
        if not self.working:
            return False
        queue = self._queue_fd()
        try:
            fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(queue, fcntl.LOCK_UN)
        return False

    def _queue_fd(self) -> int:
        if self._queue < 0:
            self._queue = open_private(self._queue_path, os.O_RDWR)
        return self._queue

    def take(self) -> bool:
        """Hold it from now on, if nobody else does."""
        while True:
            if self._holds:
                # Whoever deleted the file made way for a second holder, on another one.
                if self._is_there():
                    return True
                self.forget()
            if self._fd < 0:
                self._fd = open_private(self._path, os.O_RDWR)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno not in NONE:
                    raise
                self.working = False
            self._holds = True

    def _is_there(self) -> bool:
        found = os.fstat(self._fd)
        try:
            return os.path.samestat(found, self._path.lstat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let go of it."""
        self._holds = False
        if self._fd >= 0 and self.working:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def forget(self) -> None:
        """Close the files; in the child of a fork this leaves the parent its lock, as `release` would not."""
        self._holds = False
        for fd in (self._fd, self._queue):
            if fd >= 0:
                os.close(fd)
        self._fd = self._queue = -1


def _pause() -> None:
    """By chance, or the same one would be late each time."""
    sleep(PAUSE * _chance(0.2, 1.8))
