"""One file of a spill."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Final, final

from .frames import unframed

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FLAGS", "Segment"]

# O_NONBLOCK: a named pipe that somebody put there is an error, and not the end of the worker.
FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

PASSING: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""Failures that say nothing about the file."""


@final
class Segment:
    """
    A file of records, written once and read once.

    Args:
        path: Where it is.

    Attributes:
        count: Whole records that it should have.
        size: Its bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = self.size = 0
        self._fd: int | None = None

    def make(self) -> None:
        """
        Make the file, with mode 0600.

        Raises:
            OSError: it cannot be, or something is there.
        """
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | FLAGS, 0o600)

    def write(self, frames: list[bytes]) -> None:
        """
        Append *frames*, all of them or none.

        Raises:
            OSError: none; the file is closed.
        """
        if self._fd is None:
            raise ValueError("it is closed")
        data = b"".join(frames)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            with contextlib.suppress(OSError):  # Else the rest is found to be torn when it is read.
                os.ftruncate(self._fd, self.size)
            self.close()
            raise
        self.count += len(frames)
        self.size += len(data)

    def sync(self) -> None:
        """
        Have on the disk itself what was written.

        Raises:
            OSError: it may not be there.
        """
        if self._fd is not None:
            os.fsync(self._fd)

    def close(self) -> None:
        """End writing."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def measure(self) -> None:
        """Learn what is in a file that another process has written."""
        with contextlib.suppress(OSError):  # It says so when it is read.
            data = self._content()
            self.count, self.size = len(unframed(data)[0]), len(data)

    def read(self) -> tuple[list[bytes], int]:
        """
        The contents of its records, and how many are missing or damaged: at least so many.

        Raises:
            OSError: it cannot be read for now.
        """
        self.close()
        try:
            data = self._content()
        except OSError as error:
            if error.errno in PASSING:
                raise
            return [], max(1, self.count)
        contents, whole = unframed(data)
        return contents, max(self.count - len(contents), 0 if whole else 1)

    def _content(self) -> bytes:
        with open(os.open(self.path, os.O_RDONLY | FLAGS), "rb") as file:  # noqa: PTH123 - a descriptor
            return file.read()

    def delete(self) -> None:
        """Delete the file; where that is not possible, its lines are sent once more by whoever inherits it."""
        self.close()
        with contextlib.suppress(OSError):
            self.path.unlink()
