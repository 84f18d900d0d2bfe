"""
A request to one worker that all workers of its server follow: a file in the directory that they share.

It stands as long as one of those that follow it lives, who each hold a lock on it, and until its time is over: all may
be replaced at once by others who have to follow it too. Whoever finds it later, without a lock, removes it. Its name
holds who started the workers, since several servers may share a directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from time import time
from typing import TYPE_CHECKING, Final, final

from .checked import LONGEST
from .group import of_group, sweep

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Marker"]

WRITTEN: Final = 32
"""Bytes of a time, as it is written, at most."""


@final
class Marker:
    """
    The mark of this group of workers.

    Args:
        directory: Shared by the workers; made by whoever owns it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: int | None = None

    def make(self, until: float) -> bool:
        """Have all workers drain until *until*, seconds since the epoch; False where the directory does not take it."""
        if self.standing() is not None:
            return True
        sweep(self._directory, "drain")
        path = self._path()
        new = path.with_name(f"{path.name}.{os.getpid()}")
        file = None
        try:
            file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # Before it is seen: without a lock, others remove it.
            os.write(file, f"{until:.3f}".encode())
            new.rename(path)
        except OSError:
            if file is not None:
                os.close(file)
                with contextlib.suppress(OSError):
                    new.unlink()
            return False
        self._held = file
        return True

    def standing(self) -> float | None:
        """Until when the workers drain, in seconds since the epoch; this one too from now on. None: nobody asked."""
        try:
            if self._held is None:
                self._held = self._join()
            if self._held is None:
                return None
            if os.fstat(self._held).st_nlink:
                return _time(os.pread(self._held, WRITTEN, 0))
        except OSError:
            return None
        self.forget()
        return None

    def remove(self) -> None:
        """Have all workers go on as before."""
        with contextlib.suppress(OSError):
            self._path().unlink()
        self.forget()

    def forget(self) -> None:
        """Let go of it; in a forked child, which follows a master of its own."""
        held, self._held = self._held, None
        if held is not None:
            with contextlib.suppress(OSError):
                os.close(held)

    def _join(self) -> int | None:
        """The open file, locked, if one of those who follow it lives, or its time is not over."""
        path = self._path()
        try:
            file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not 0 < _time(os.pread(file, WRITTEN, 0)) - time() <= LONGEST:
                    path.unlink()  # Nobody is left.
                    os.close(file)
                    return None
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return None  # Somebody else looks whether it is dead: the next look will tell.
        return file

    def _path(self) -> Path:
        return of_group(self._directory, "drain")


def _time(written: bytes) -> float:
    try:
        return float(written)
    except ValueError:
        return 0.0  # Cut short: it says that, not until when.
