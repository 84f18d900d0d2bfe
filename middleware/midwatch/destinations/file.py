"""An append-only file, which others may move away."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, final

from .whole import WholeLines

if TYPE_CHECKING:
    from pathlib import Path

    from .whole import Line

__all__ = ["File"]

# O_NONBLOCK: a named pipe that nobody reads is an error at the start, not the end of it.
FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@final
class File(WholeLines):
    """
    A file that is made with mode 0600, appended to, and opened again once it was renamed or deleted.

    That is what `logrotate` does to it, without a word to the process. Where it cannot be opened again, lines wait as
    they do for any destination that fails.

    Raises:
        ValueError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        try:
            self._fd = os.open(path, FLAGS, 0o600)
        except OSError as error:
            raise ValueError(f"file://{path}: {error.strerror}") from error
        self._identity = _identity(os.fstat(self._fd))

    def deliver(self, lines: list[str | Line]) -> None:
        """Write *lines*, or what is left of them."""
        if not self.interrupted(lines):
            self._follow()
        self.write(self._fd, lines)

    def _follow(self) -> None:
        """Open the path again, if it names another file by now, or none."""
        try:
            current = _identity(self._path.lstat())
        except FileNotFoundError:
            current = None
        if current != self._identity:
            fd = os.open(self._path, FLAGS, 0o600)
            os.close(self._fd)
            self._fd, self._identity = fd, _identity(os.fstat(fd))
            self.start_afresh()


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
