"""Whole lines at the end of a file, or none."""

from __future__ import annotations

import os

from .lines import parsed

__all__ = ["append", "mend"]


def append(fd: int, lines: bytes) -> int:
    """
    Write *lines* and have them survive a crash; nobody else writes meanwhile.

    Returns:
        where they begin.

    Raises:
        OSError: not all of them could be written, and what was is taken back.
    """
    begin = os.fstat(fd).st_size
    data = memoryview(lines)
    try:
        while data:
            data = data[os.write(fd, data) :]
        os.fdatasync(fd)
    except OSError:
        os.ftruncate(fd, begin)
        raise
    return begin


def mend(fd: int, size: int) -> None:
    """
    End the last line, or take it away if it is not whole: nobody was told that it is there.

    Whoever wrote it is dead, or its lock would be held.
    """
    begin, tail = size, b""
    while begin > 0 and b"\n" not in tail:
        begin = max(0, begin - 65_536)
        tail = os.pread(fd, size - begin, begin)
    tail = tail[tail.rfind(b"\n") + 1 :]
    if parsed(tail) is None:
        os.ftruncate(fd, size - len(tail))
    else:
        os.write(fd, b"\n")
