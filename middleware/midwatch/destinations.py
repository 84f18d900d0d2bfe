"""Destinations that take lines: the standard streams and files. All writing is done by the delivery worker."""

from __future__ import annotations

import os
import select
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TextIO, final
from urllib.parse import unquote, urlsplit

from .delivery import Channel

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["lines_to"]

STALL: Final = 1.0
"""Seconds without progress after which a write is given up for now: a pipe that nobody reads."""

PIPE: Final = 4096
"""Bytes that a pipe takes in one piece and without waiting once it is ready (PIPE_BUF on Linux, see pipe(7))."""

ROUGHLY: Final = 1024
"""Bytes that a line which is not text yet counts for."""


class Line(Protocol):
    """A line that becomes text when it is written."""

    def text(self) -> str:
        """The line, without a newline; never raises."""


_open: dict[str, Channel[str | Line]] = {}


def lines_to(url: str) -> Callable[[str | Line], None]:
    """
    A function that queues one line, without its newline, for `stdout`, `stderr` or `file:///path`.

    Two callers that name the same destination share its channel, so that their lines stay whole and in order.

    Raises:
        ValueError: another URL, or a file that cannot be opened.
    """
    channel = _open.get(url)
    if channel is None:
        channel = _open[url] = Channel(url, _deliver(url), max_items=50_000)

    def put(line: str | Line) -> None:
        channel.put(line, len(line) if type(line) is str else ROUGHLY)

    return put


def _deliver(url: str) -> Callable[[list[str | Line]], None]:
    if url in {"stdout", "stderr"}:
        return _Stream(url).deliver
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise ValueError(f"{url}: not a destination for lines; known are stdout, stderr and file:///path")
    return _File(Path(unquote(parts.path))).deliver


class _Lines:
    """
    Writes whole lines to a descriptor, and remembers where it was stopped within a batch.

    Processes share pipes and terminals, so there a write holds whole lines and is one that the kernel does not
    interleave; only a line longer than `PIPE` cannot be kept together.
    """

    def __init__(self) -> None:
        self._batch: list[str | Line] | None = None
        self._pieces: list[bytes] = []
        self._torn = False

    def write(self, fd: int, lines: list[str | Line]) -> None:
        """
        Write *lines*, or what is left of them.

        Raises:
            TimeoutError: nobody reads; call again with the same list.
        """
        if lines is not self._batch:
            encoded = [(_text(line) + "\n").encode("utf-8", "backslashreplace") for line in lines]
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


def _text(line: str | Line) -> str:
    return line if isinstance(line, str) else line.text()


def _pieces(lines: list[bytes]) -> list[bytes]:
    pieces = [b""]
    for line in lines:
        if len(pieces[-1]) + len(line) <= PIPE:
            pieces[-1] += line
        else:
            pieces += [line[start : start + PIPE] for start in range(0, len(line), PIPE)]
    return [piece for piece in pieces if piece]


@final
class _Stream(_Lines):
    """A standard stream as it is when the lines are written: tests and servers replace it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def deliver(self, lines: list[str | Line]) -> None:
        stream: TextIO = getattr(sys, self._name)
        try:
            fd = stream.fileno()
        except (AttributeError, OSError, ValueError):
            stream.write("\n".join(map(_text, lines)) + "\n")
            return
        self.write(fd, lines)


@final
class _File(_Lines):
    """An append-only file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._fd = self._opened()

    def _opened(self) -> int:
        # O_NONBLOCK: a named pipe that nobody reads is an error at the start, not the end of it.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            return os.open(self._path, flags, 0o600)
        except OSError as error:
            raise ValueError(f"file://{self._path}: {error.strerror}") from error

    def deliver(self, lines: list[str | Line]) -> None:
        self.write(self._fd, lines)
