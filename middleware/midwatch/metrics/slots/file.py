"""The file of a slot that this process has: mapped, and only ever longer."""

from __future__ import annotations

import mmap
import os
import weakref
from array import array
from math import nan
from typing import TYPE_CHECKING, Final, final

from .layout import (
    FIRST,
    GROUP_AT,
    HEADER,
    LARGEST,
    USED_AT,
    Cells,
    Key,
    PlainKey,
    entries,
    filler,
    head,
    record,
    segment_end,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SlotFile", "pieces"]

PIECE: Final = 1 << 20
"""Bytes read in one call."""


@final
class SlotFile:
    """
    One file, from when it is claimed.

    Args:
        path: Of the file.
        number: Of the slot.
        lock: The descriptor that has the lock, which is closed with this; open for reading and writing.
        group: The group of this process: pid and start.

    Attributes:
        known: The records there are, as keys that are plain tuples, with the number of their first cell.

    Raises:
        Damaged: the file is none of ours.
        OSError: it cannot be mapped, or there is no room for it.
    """

    def __init__(self, path: Path, number: int, lock: int, group: tuple[int, int]) -> None:
        self.path, self.number = path, number
        self.known: dict[PlainKey, int] = {}
        self._lock = lock
        self._maps: list[Cells] = []
        self._mapped = 0
        self._inherit(group)
        self._release = weakref.finalize(self, os.close, lock)
        self._release.atexit = False

    def _inherit(self, group: tuple[int, int]) -> None:
        size = os.fstat(self._lock).st_size
        used = head(os.pread(self._lock, HEADER, 0), size).used
        data = pieces(self._lock, used)
        found = [*entries(data, HEADER, used)]
        while self._mapped < used:
            self._map()
        self._used = used
        words = self._maps[0].cast("B").cast("Q")
        words[GROUP_AT // 8], words[GROUP_AT // 8 + 1], words[GROUP_AT // 8 + 2] = *group, os.getpid()
        for entry in found:
            key, first = entry.key, entry.first
            self.known[key.plain] = first
            if key.live:
                # Of nothing, until somebody asks for it: this process may never say what the dead one did.
                self.view(key, first)[:] = memoryview(array("d", [nan] * key.size))

    def _map(self) -> None:
        start, end = self._mapped, segment_end(self._mapped)
        # From the descriptor that has the lock, mmap would make copies that a forked child cannot close.
        fd = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not os.path.samestat(os.fstat(fd), os.fstat(self._lock)):
                raise FileNotFoundError(f"{self.path}: somebody put another file there")
            # A page that cannot be had when it is written to would end the process (SIGBUS).
            os.posix_fallocate(fd, start, end - start)
            segment = mmap.mmap(fd, end - start, offset=start)
        finally:
            os.close(fd)
        self._maps.append(memoryview(segment).cast("d"))
        self._mapped = end

    def append(self, key: Key) -> Cells | None:
        """
        A new record and its cells; None if it is too large, or the file would be.

        Raises:
            OSError: no room on the disk.
        """
        data = record(key)
        if data is None:
            return None
        at = self._used
        # Always: the next segment begins where the one before it ends.
        if at < self._mapped < at + len(data):
            self._put(at, filler(self._mapped - at), self._mapped)
            at = self._used
        if at == self._mapped:
            if at >= LARGEST:
                return None
            self._map()
        self._put(at, data, at + len(data))
        first = (at + len(data)) // 8 - key.size
        self.known[key.plain] = first
        return self.view(key, first)

    def _put(self, at: int, data: bytes, end: int) -> None:
        number, offset = self._segment(at)
        self._maps[number].cast("B")[offset : offset + len(data)] = data
        self._maps[0].cast("B").cast("Q")[USED_AT // 8] = end
        self._used = end

    def _segment(self, at: int) -> tuple[int, int]:
        """Which segment has the byte *at*, and where in it."""
        end = segment_end(at)
        return (end // FIRST).bit_length() - 1, at - (end // 2 if end > FIRST else 0)

    def view(self, key: Key, first: int) -> Cells:
        """The cells of a record."""
        number, offset = self._segment(first * 8)
        return self._maps[number][offset // 8 : offset // 8 + key.size]

    def is_there(self) -> bool:
        """Whether the path still leads here, and the file is as long as what is mapped."""
        try:
            found = self.path.lstat()
            ours = os.fstat(self._lock)
        except OSError:
            return False
        return os.path.samestat(found, ours) and ours.st_size >= self._mapped

    def image(self) -> tuple[bool, Cells]:
        """Whether all of it is still there; and its cells, those that are not as zeros."""
        whole = os.fstat(self._lock).st_size >= self._mapped
        return whole, pieces(self._lock, self._used).cast("d")

    def close(self) -> None:
        """Let go of the lock; in the child of a fork this leaves the parent its own."""
        self._release()


def pieces(fd: int, size: int) -> memoryview:
    """
    The first *size* bytes of a file, those that are not there as zeros.

    Read, not mapped: of a file that is cut meanwhile, a mapping ends the process. And no call is long, nor is the
    memory made zero by Python, since nobody else runs meanwhile.
    """
    data = memoryview(mmap.mmap(-1, size))
    at = 0
    while at < size:
        read = os.preadv(fd, [data[at : at + PIECE]], at)
        if not read:
            break
        at += read
    return data
