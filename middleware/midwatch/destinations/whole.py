"""Whole lines to a descriptor: written by one process, or by several at once."""

from __future__ import annotations

import os
import select
import stat
from typing import Final, Protocol

__all__ = ["Line", "WholeLines", "text_of"]

STALL: Final = 1.0
"""Seconds without progress after which a write is given up for now: a pipe that nobody reads."""

PIPE: Final = 4096
"""Bytes that a pipe takes in one piece and without waiting once it is ready (PIPE_BUF on Linux, see pipe(7))."""


class Line(Protocol):
    """A line that becomes text when it is written."""

    def text(self) -> str:
        """The line, without a newline; never raises."""


class WholeLines:
    """
    Writes whole lines to a descriptor, and remembers where it was stopped within a batch.

    Processes share pipes and terminals, so there a write holds whole lines and is one that the kernel does not
    interleave; only a line longer than `PIPE` cannot be kept together.
    """

    def __init__(self) -> None:
        self._batch: list[str | Line] | None = None
        self._pieces: list[bytes] = []
        self._torn = False

    def interrupted(self, lines: list[str | Line]) -> bool:
        """Whether a part of *lines* is written already."""
        return lines is self._batch

    def start_afresh(self) -> None:
        """What follows goes to another file, where no line is torn."""
        self._torn = False

    def write(self, fd: int, lines: list[str | Line]) -> None:
        """
        Write *lines*, or what is left of them.

        Raises:
            TimeoutError: nobody reads; call again with the same list.
        """
        if lines is not self._batch:
            encoded = [(text_of(line) + "\n").encode("utf-8", "backslashreplace") for line in lines]
            self._pieces = [b"".join(encoded)] if stat.S_ISREG(os.fstat(fd).st_mode) else _pieces(encoded)
            if self._torn:
                self._pieces.insert(0, b"\n")
            self._batch = lines
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        while self._pieces:
            if not poll.poll(STALL * 1000):
                raise TimeoutError(f"nobody has read from it for {STALL:g} s")
            piece = self._pieces[0]
            done = os.write(fd, piece)
            self._torn = not piece[:done].endswith(b"\n")
            if done == len(piece):
                del self._pieces[0]
            else:
                self._pieces[0] = piece[done:]
        self._batch = None


def text_of(line: str | Line) -> str:
    """The text of what was queued."""
    return line if isinstance(line, str) else line.text()


def _pieces(lines: list[bytes]) -> list[bytes]:
    pieces = [b""]
    for line in lines:
        if len(pieces[-1]) + len(line) <= PIPE:
            pieces[-1] += line
        else:
            pieces += [line[start : start + PIPE] for start in range(0, len(line), PIPE)]
    return [piece for piece in pieces if piece]
