"""
Whose files are whose, in a directory that several processes spill to.

A file is called `<destination>-<start>-<process>-<number>.spill`, and belongs to the process that holds the lock
(see flock(2)) on the file that is called the same, but for the number, with `.lock`. The lock ends with the process
however that ends; whoever comes later and gets it has inherited the files.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from fcntl import LOCK_EX, LOCK_NB, flock
from hashlib import sha256
from time import time_ns
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

__all__ = ["FLAGS", "Owner"]

# O_NONBLOCK: a named pipe that somebody put there is an error, and not the end of the worker.
FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@final
class Owner:
    """
    What this process owns in *folder* of what waits for one destination.

    Args:
        folder: Made with mode 0700 where it is missing.
        destination: Whose name must not be readable from file names.
    """

    def __init__(self, folder: Path, destination: str) -> None:
        self._folder = folder
        digest = sha256(destination.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._prefix = f"{digest}-"
        self._known = re.compile(rf"({digest}-[0-9a-f]{{16}}-\d{{1,10}})(-\d{{10}}\.spill|\.lock)")
        self._name = ""
        self._lock: int | None = None

    def path(self, number: int) -> Path:
        """Our file of that number. They sort as their numbers do."""
        return self._folder / f"{self._name}-{number:010d}.spill"

    def hold(self) -> None:
        """
        Hold a lock, so that what is written next is ours.

        Raises:
            OSError: the directory cannot be written to.
        """
        if self._lock is not None and os.fstat(self._lock).st_nlink:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._lock is not None:
            # Who cleans directories has deleted it. Unless an heir was quicker, our files get another of that name.
            os.close(self._lock)
            self._lock = None
            self._lock = self._claimed(self._name)
        while self._lock is None:
            self._name = f"{self._prefix}{time_ns():016x}-{os.getpid()}"
            self._lock = self._claimed(self._name)

    def release(self) -> None:
        """Leave nothing behind; for who has no files."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._lock_of(self._name).unlink()
            self.forget()

    def forget(self) -> None:
        """Let go without unlocking: in a forked child, the lock is the parent's."""
        if self._lock is not None:
            os.close(self._lock)
        self._lock, self._name = None, ""

    def others(self) -> list[str]:
        """Names of all other owners for this destination, dead or alive, oldest first."""
        return sorted({owner for owner, _ in self._files() if owner != self._name})

    def others_bytes(self) -> int:
        """Bytes that they hold."""
        total = 0
        for owner, entry in self._files():
            if owner != self._name and entry.name.endswith(".spill"):
                with contextlib.suppress(OSError):  # It was sent meanwhile.
                    total += entry.stat(follow_symlinks=False).st_size
        return total

    def inherit(self, before: int) -> Generator[Path]:
        """
        Make the files of the dead ours, newest first, with the numbers just before *before*, descending.

        In that order, should this process die as well meanwhile, that of names is still that of lines.

        Raises:
            OSError: the directory cannot be written to.
        """
        for owner in reversed(self.others()):
            try:
                lock = self._claimed(owner)
            except OSError:
                continue  # Another user's.
            if lock is None:
                continue
            try:
                for path in sorted(self._files_of(owner), reverse=True):
                    self.hold()
                    before -= 1
                    yield path.rename(self.path(before))
                self._lock_of(owner).unlink(missing_ok=True)
            finally:
                os.close(lock)

    def _files(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.startswith(self._prefix) and (known := self._known.fullmatch(entry.name)):
                        yield known[1], entry
        except FileNotFoundError:
            return

    def _files_of(self, owner: str) -> list[Path]:
        """Nothing that another user has put there: a line of his would be sent in our name."""
        found = []
        for name, entry in self._files():
            if name == owner and entry.name.endswith(".spill"):
                about = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid():
                    found.append(self._folder / entry.name)
        return found

    def _lock_of(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"

    def _claimed(self, owner: str) -> int | None:
        """The lock of *owner*, if it is free: a descriptor."""
        lock = os.open(self._lock_of(owner), os.O_RDWR | os.O_CREAT | FLAGS, 0o600)
        try:
            flock(lock, LOCK_EX | LOCK_NB)
            # An heir may have deleted it between the two: then it keeps nobody out.
            if os.fstat(lock).st_nlink:
                return lock
        except BlockingIOError:
            pass
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
        return None
