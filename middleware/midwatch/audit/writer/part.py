"""One file of events that wait on disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, final

import msgspec

from ...delivery.frames import framed
from ...delivery.segment import Segment
from ..row import Row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["PART", "Part", "as_frame", "portions"]

PART: Final = 256 << 10
"""Bytes that a file has at most, unless a single event is larger."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Row).decode


def as_frame(row: Row) -> bytes:
    """*row* as it is on disk."""
    return framed(_encode(row))


@final
class Part:
    """
    A file, written and read once.

    Args:
        last: Position of its last event; None if another process wrote it.
    """

    def __init__(self, path: Path, last: int | None) -> None:
        self._segment = Segment(path)
        self.last = last

    @property
    def own(self) -> bool:
        """Whether this process wrote it."""
        return self.last is not None

    @property
    def size(self) -> int:
        """Bytes in it."""
        return self._segment.size

    @property
    def count(self) -> int:
        """Events that this process wrote to it."""
        return self._segment.count

    def make(self) -> None:
        """
        Make it, empty.

        Raises:
            OSError: it cannot be, or something is there.
        """
        self._segment.make()
        # Its name has to survive as well.
        folder = os.open(self._segment.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def adopt(self) -> None:
        """
        Learn how large it is.

        Raises:
            OSError: that cannot be told.
        """
        self._segment.size = self._segment.path.stat().st_size

    def fits(self, size: int) -> bool:
        """Whether *size* bytes more belong into it."""
        return not self.size or self.size + size <= PART

    def write(self, frames: list[bytes], last: int) -> None:
        """
        Have *frames* in it, on the disk itself.

        Raises:
            OSError: they may not be there. It is closed, and holds what it had before, or twice what comes next.
        """
        self._segment.write(frames)
        self.last = last
        try:
            self._segment.sync()
        except OSError:
            self.close()
            raise

    def vanished(self) -> bool:
        """Whether somebody deleted or cut it: what is written to such a file is on no disk."""
        try:
            return self._segment.path.stat().st_size < self.size
        except OSError:
            return True

    def close(self) -> None:
        """End writing."""
        self._segment.close()

    def rows(self) -> tuple[list[Row], int]:
        """
        Its events, and how many are torn or damaged: at least so many.

        Raises:
            OSError: it cannot be read for now.
        """
        contents, damaged = self._segment.read()
        rows: list[Row] = []
        for content in contents:
            try:
                rows.append(_decode(content))
            except msgspec.DecodeError:
                damaged += 1
        return rows, damaged

    def delete(self) -> None:
        """Delete it; where that is not possible, its events are handed to the store once more, which knows them."""
        self._segment.delete()


def portions(frames: Sequence[bytes]) -> list[list[bytes]]:
    """What goes into one file each."""
    found: list[list[bytes]] = []
    size = PART
    for frame in frames:
        if size + len(frame) > PART:
            found.append([])
            size = 0
        found[-1].append(frame)
        size += len(frame)
    return found
