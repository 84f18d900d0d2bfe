"""Records that wait on disk, in order: appended at one end, taken and then deleted at the other."""

from __future__ import annotations

import os
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from .frames import framed
from .owner import Owner
from .segment import Segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["SEGMENT", "Spill"]

SEGMENT: Final = 256 << 10
"""Bytes that a file has at most, unless a single record is longer."""

FIRST: Final = 5_000_000_000
"""Number of the first file: there is room for as many before it as after it."""

MEASURE_EVERY: Final = 1.0
"""Seconds between two looks at what other processes have in the directory."""


@final
class Spill:
    """
    The records of one destination; used by one thread at a time, but for its attributes.

    Args:
        folder: Where the files are, also those of other processes.
        destination: Its name.
        max_bytes: Most bytes that all processes together keep for it, but for what each adds within a second.

    Attributes:
        count: Records that wait.
        bytes: In all files of this process, also in those that were taken and are not deleted yet.
    """

    def __init__(self, folder: Path, destination: str, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._owner = Owner(folder, destination)
        self._tail: Segment | None = None
        self.forget()

    def forget(self) -> None:
        """Start empty, in a forked child: all files are the parent's."""
        if self._tail is not None:
            self._tail.close()
        self._tail = None
        self._owner.forget()
        self._waiting: deque[Segment] = deque()
        self._taken: deque[Segment] = deque()
        self._first = self._next = FIRST
        self._others, self._measured_at = 0, -MEASURE_EVERY
        self.count = self.bytes = 0

    @property
    def waiting(self) -> int:
        """Files that wait; they may be so damaged that they have no records."""
        return len(self._waiting)

    @property
    def taken(self) -> int:
        """Files that were taken and are not deleted yet."""
        return len(self._taken)

    def append(self, contents: Sequence[bytes]) -> int:
        """
        Write *contents* behind all others; how many of them: none where the limit is reached.

        Raises:
            OSError: not even one could be written. Nothing is left of those that could not.
        """
        done = 0
        try:
            for portion in _portions(_fitting(contents, self._free())):
                self._add(portion)
                done += len(portion)
        except OSError:
            if not done:
                raise
        return done

    def _add(self, frames: list[bytes]) -> None:
        tail, size = self._tail, sum(map(len, frames))
        if tail is None or tail.size + size > SEGMENT:
            tail = self._begun()
        try:
            tail.write(frames)
        except OSError:
            self._tail = None
            if not tail.size:
                self._waiting.remove(tail)
                tail.delete()
            raise
        self.count += len(frames)
        self.bytes += size

    def _begun(self) -> Segment:
        """Another file, behind all others."""
        self._owner.hold()
        segment = Segment(self._owner.path(self._next))
        segment.make()
        self._next += 1
        if self._tail is not None:
            self._tail.close()
        self._tail = segment
        self._waiting.append(segment)
        return segment

    def take(self) -> tuple[list[bytes], int]:
        """
        What is in the file that waits for longest, and how many of its records are damaged: at least so many.

        Raises:
            OSError: it cannot be read for now.
        """
        segment = self._waiting[0]
        if segment is self._tail:
            self._tail = None
        contents, damaged = segment.read()
        self._taken.append(self._waiting.popleft())
        self.count -= segment.count
        return contents, damaged

    def discard(self) -> None:
        """Delete the file that was taken first."""
        segment = self._taken[0]
        segment.delete()
        self.bytes -= segment.size
        if len(self._waiting) + len(self._taken) == 1:
            self._owner.release()
        self._taken.popleft()

    def put_back(self, contents: Sequence[bytes]) -> int:
        """
        Have *contents* before all that waits, in place of all that was taken; how many of them: as many as may be.

        Raises:
            OSError: they could not be written; nothing has changed.
        """
        portions = [*_portions(_fitting(contents, self._free() + sum(segment.size for segment in self._taken)))]
        # Oldest first: should this process die here, order and names agree, and some is there twice.
        made: list[Segment] = []
        try:
            for number, frames in enumerate(portions, self._first - len(portions)):
                self._owner.hold()
                made.append(Segment(self._owner.path(number)))
                made[-1].make()
                made[-1].write(frames)
                made[-1].sync()
        except OSError:
            for segment in made:
                segment.delete()
            raise
        self._first -= len(portions)
        for segment in reversed(made):
            segment.close()
            self._had_before(segment)
        while self._taken:
            self.discard()
        return sum(map(len, portions))

    def _had_before(self, segment: Segment) -> None:
        self._waiting.appendleft(segment)
        self.count += segment.count
        self.bytes += segment.size

    def sync(self) -> None:
        """
        Have on the disk itself what waits in this process's files.

        Raises:
            OSError: it may not be there.
        """
        if self._tail is not None:
            self._tail.sync()
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def others(self) -> bool:
        """Whether other processes have something here, or had when they died."""
        return bool(self._owner.others())

    def inherit(self) -> bool:
        """
        Have before all that waits what dead processes left; whether there was anything.

        Raises:
            OSError: they cannot be made ours; what is ours by then is kept.
        """
        before = self._first
        for path in self._owner.inherit(self._first):
            self._first -= 1
            segment = Segment(path)
            segment.measure()
            self._had_before(segment)
        return self._first != before

    def _free(self) -> int:
        now = monotonic()
        if now - self._measured_at >= MEASURE_EVERY:
            self._measured_at = now
            self._others = self._owner.others_bytes()
        return self._max_bytes - self._others - self.bytes


def _fitting(contents: Sequence[bytes], free: int) -> Iterator[bytes]:
    """Records of *contents*, as long as they have room in *free* bytes."""
    for content in contents:
        frame = framed(content)
        free -= len(frame)
        if free < 0:
            return
        yield frame


def _portions(frames: Iterator[bytes]) -> Iterator[list[bytes]]:
    """What goes into one file, or behind what is in it."""
    portion: list[bytes] = []
    size = 0
    for frame in frames:
        if portion and size + len(frame) > SEGMENT:
            yield portion
            portion, size = [], 0
        portion.append(frame)
        size += len(frame)
    if portion:
        yield portion
