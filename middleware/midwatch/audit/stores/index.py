"""Where in a file which stream is: read once, then only what came to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, final

from ..row import Row
from .lines import parsed
from .store import Checkpoint, StreamRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .lines import Parsed

__all__ = ["Head", "Index", "things"]

BLOCK: Final = 1 << 20
LONGEST: Final = 8 << 20
"""Bytes that are read at once; and of a line, beyond which it is none of ours."""


def things(fd: int, offset: int = 0) -> Iterator[tuple[int, int, Parsed]]:
    """What the whole lines of *fd* hold, from *offset* on: where each begins, where it ends, and what it is."""
    for begin, end, line in _lines(fd, offset):
        thing = parsed(line)
        if thing is not None:
            yield begin, end, thing


def _lines(fd: int, offset: int) -> Iterator[tuple[int, int, bytes]]:
    rest, place = b"", offset
    while block := os.pread(fd, BLOCK, place + len(rest)):
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            end = place + len(line) + 1
            yield place, end, line
            place = end
        if len(rest) > LONGEST:
            place, rest = _end_of_line(fd, place + len(rest)), b""


def _end_of_line(fd: int, place: int) -> int:
    """Where the line after *place* begins; the end of the file if there is none."""
    while block := os.pread(fd, BLOCK, place):
        found = block.find(b"\n")
        if found >= 0:
            return place + found + 1
        place += len(block)
    return place


ODD: Final = 5
"""Lines of one stream that are remembered though they should not be there."""


@final
class Head:
    """
    One stream of a file.

    Attributes:
        first: Where its first line begins.
        last, chain: The highest number that it has, and the chain value there.
        odd: Where some lines begin whose turn was over when they came: nobody who is honest writes them.
    """

    __slots__ = ("chain", "first", "last", "odd")

    def __init__(self, first: int, last: int, chain: bytes) -> None:
        self.first = first
        self.last = last
        self.chain = chain
        self.odd: list[int] = []


@final
class Index:
    """
    What is in a file, up to `end`.

    Attributes:
        end: Where the last line that was read ends.
        heads: Streams of events by name.
        checkpoints: Where their lines begin, by number.
        registered: What was last said of each stream.
    """

    __slots__ = ("checkpoints", "end", "heads", "registered")

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.end = 0
        self.heads: dict[str, Head] = {}
        self.checkpoints: dict[int, int] = {}
        self.registered: dict[str, StreamRow] = {}

    def follow(self, fd: int) -> None:
        """Read what others have written meanwhile; all of it, if the file has become shorter."""
        size = os.fstat(fd).st_size
        if size < self.end:
            self._clear()
        if size == self.end:
            return
        for begin, end, line in _lines(fd, self.end):
            thing = parsed(line)
            if thing is not None:
                self.note(begin, thing)
            self.end = end

    def note(self, begin: int, thing: Parsed) -> None:
        """Take up one line."""
        if isinstance(thing, Row):
            head = self.heads.get(thing.stream)
            if head is None:
                self.heads[thing.stream] = Head(begin, thing.seq, thing.chain)
            elif thing.seq > head.last:
                head.last, head.chain = thing.seq, thing.chain
            elif len(head.odd) < ODD:
                head.odd.append(begin)
        elif isinstance(thing, Checkpoint):
            self.checkpoints.setdefault(thing.n, begin)
        else:
            self.registered[thing.stream] = thing
