"""
A store in a file of chained JSON lines (see `lines`), which needs no database.

Each append is one group of whole lines, on disk when it returns, or taken back. Several processes may append to one
file: a lock on a file beside it is held meanwhile. A file that was moved away, as `logrotate` does, is followed by a
new one; what is asked is then answered from that one only. To empty a file in place (`copytruncate`) loses what is
written while it is copied: do not.

Questions read the whole file. Nothing is ever removed from it: whoever has to prune or erase needs a database.
"""

from __future__ import annotations

import heapq
import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn, final

from ..row import Row
from .forks import ForkSafe
from .index import Index, things
from .lines import checkpoint_line, event_line, stream_line
from .lock import LONG, PATIENCE, Lock
from .missing import missing_of
from .private import identity, open_private
from .scan import columns_of_row, found, place_of
from .store import Checkpoint, Page, StoreError, StreamRow
from .whole import append, mend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from .store import Filter

__all__ = ["FileStore"]

HEARTBEAT: Final = 60 * 1_000_000_000
"""Nanoseconds for which a sign of life makes no new line."""

FLAGS: Final = os.O_RDWR | os.O_APPEND

logger = logging.getLogger("midwatch")


@final
class FileStore(ForkSafe):
    """
    A store in the file *path*, made with mode 0600 if there is none. See `Store` for what its methods promise.

    Args:
        path: Where it is.
        read_only: Whether it is only looked at: then it has to be there.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        super().__init__()
        self.name = f"file://{path}"
        self._path = path
        self._read_only = read_only
        self._lock = Lock(path.with_name(f"{path.name}.lock"))
        self._leader = Lock(path.with_name(f"{path.name}.leader"))
        self._fd = -1
        self._index = Index()
        self._next_page = ("", -1, 0)

    def open(self) -> None:
        with self._mutex, self._errors():
            self._let_go()
            if self._read_only:
                self._opened()
                return
            with self._lock.held(LONG):
                self._ready()

    def close(self) -> None:
        with self._mutex, self._errors():
            self._let_go()
            self._lock.forget()
            self._leader.forget()

    def append(self, rows: Sequence[Row]) -> None:
        with self._writing() as fd:
            missing = missing_of(fd, self._index.heads, rows, self.name)
            self._write(fd, [event_line(row) for row in missing], missing)

    def register(self, stream: StreamRow) -> None:
        with self._writing() as fd:
            known = self._index.registered.get(stream.stream)
            if known is not None:
                alive = stream.last_seen - known.last_seen
                if known._replace(last_seen=stream.last_seen) == stream and 0 <= alive < HEARTBEAT:
                    return
            self._write(fd, [stream_line(stream)], [stream])

    def add_checkpoint(self, checkpoint: Checkpoint) -> bool:
        with self._writing() as fd:
            if checkpoint.n in self._index.checkpoints:
                return False
            self._write(fd, [checkpoint_line(checkpoint)], [checkpoint])
        return True

    def leading(self) -> bool:
        with self._mutex, self._errors():
            return not self._read_only and self._leader.take()

    def streams(self) -> list[StreamRow]:
        with self._reading():
            return sorted(self._index.registered.values(), key=lambda row: (row.opened, row.stream))

    def checkpoints(self, after: int, limit: int) -> list[Checkpoint]:
        with self._reading() as fd:
            numbers = sorted(n for n in self._index.checkpoints if n > after)[:limit]
            found = (next(things(fd, self._index.checkpoints[n]))[2] for n in numbers)
            return [one for one in found if isinstance(one, Checkpoint)]

    def chain_of(self, stream: str, after: int, limit: int) -> list[Row]:
        with self._reading() as fd:
            head = self._index.heads.get(stream)
            if head is None or after >= head.last:
                return []
            offset = self._next_page[2] if self._next_page[:2] == (stream, after) else head.first
            rows: list[Row] = []
            for _, end, thing in things(fd, offset):
                if isinstance(thing, Row) and thing.stream == stream and thing.seq > after and len(rows) < limit:
                    rows.append(thing)
                    self._next_page = (stream, thing.seq, end)
                    if len(rows) == limit or thing.seq == head.last:
                        break
            return rows

    def kept(self, stream: str, after: int, limit: int) -> list[tuple[Any, ...]]:
        rows = self.chain_of(stream, after, limit)
        if rows:
            with self._reading() as fd:
                head = self._index.heads.get(stream)
                if head is not None and rows[-1].seq >= head.last:
                    odd = (next(things(fd, begin))[2] for begin in head.odd)
                    rows += [row for row in odd if isinstance(row, Row)]
        return [tuple(row) for row in rows]

    def names(self) -> Iterator[str]:
        with self._reading():
            return iter(sorted(self._index.heads))

    def head(self, stream: str) -> tuple[int, bytes] | None:
        with self._reading():
            head = self._index.heads.get(stream)
            return None if head is None else (head.last, head.chain)

    def find(self, wanted: Filter, limit: int, after: tuple[int, str, int] | None = None) -> Page:
        rows = heapq.nsmallest(limit + 1, self.scan(wanted, after), key=place_of)
        if len(rows) <= limit:
            return Page(rows, None)
        del rows[limit:]
        return Page(rows, place_of(rows[-1]) if rows else after)

    def scan(self, wanted: Filter, after: tuple[int, str, int] | None = None) -> Iterator[dict[str, Any]]:
        """The same, all of them, in the order of the file."""
        with self._reading() as fd:
            yield from found(fd, wanted, after)

    def columns_of(self, stream: str, after: int, limit: int) -> Iterator[dict[str, Any]]:
        """Derived anew: a file keeps none."""
        for row in self.chain_of(stream, after, limit):
            yield columns_of_row(row)

    def prune(self, stream: str, upto: int, chain: bytes) -> int:
        self._refuse()

    def erase(self, ids: Iterable[str]) -> int:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise StoreError(f"{self.name}: nothing is removed from a file; keep the trail in a database for that")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{self.name}: {error.strerror}") from None

    @contextmanager
    def _writing(self) -> Iterator[int]:
        with self._mutex, self._errors():
            if self._read_only:
                raise StoreError(f"{self.name}: opened for reading only")
            with self._lock.held(PATIENCE):
                fd = self._ready()
                self._index.follow(fd)
                yield fd

    @contextmanager
    def _reading(self) -> Iterator[int]:
        with self._mutex, self._errors():
            fd = self._opened()
            self._index.follow(fd)
            yield fd

    def _opened(self) -> int:
        """The file that the path names by now."""
        now = identity(self._path)
        if self._fd >= 0:
            found = os.fstat(self._fd)
            if now == (found.st_dev, found.st_ino):
                return self._fd
            if found.st_nlink == 0:
                logger.warning("audit trail: %s was deleted, and the events that were in it", self.name)
            self._let_go()
        if self._read_only:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        else:
            self._fd = open_private(self._path, FLAGS)
        return self._fd

    def _ready(self) -> int:
        """The file, ending with a whole line; the lock is held."""
        fd = self._opened()
        size = os.fstat(fd).st_size
        if size > self._index.end and os.pread(fd, 1, size - 1) != b"\n":
            mend(fd, size)
        return fd

    def _let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._index = Index()
        self._next_page = ("", -1, 0)

    def _write(self, fd: int, lines: list[bytes], written: Sequence[Row | Checkpoint | StreamRow]) -> None:
        """All of it, or none: nobody else writes meanwhile."""
        begin = append(fd, b"".join(lines))
        for line, thing in zip(lines, written, strict=True):
            self._index.note(begin, thing)
            begin += len(line)
        self._index.end = begin

    def _before_fork(self) -> None:
        """Nothing: both may append."""

    def _in_child(self) -> None:
        self._lock.forget()
        self._leader.forget()
