"""Events that wait on disk for the store: this process's own, and what dead ones left."""

from __future__ import annotations

import contextlib
import errno
from collections import deque
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from ...delivery.owner import Owner
from .ballast import Ballast
from .intake import SHARES
from .part import Part, as_frame, portions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..row import Row
    from .item import Rank

__all__ = ["Spool"]

FIRST: Final = 5_000_000_000
"""Number of the first file: there is room for as many before it as after it."""

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at what other processes have there."""

BALLAST_EVERY: Final = 60.0
"""Seconds between two attempts to have the ballast again."""

FULL: Final = {errno.ENOSPC, errno.EDQUOT}


@final
class Spool:
    """
    Written by one thread and emptied by another.

    Each event is on the disk itself when it is acknowledged (see fsync(2)). A process owns its files by a lock that
    ends with it (see `Owner`); the next one hands on what a dead one left. Own events come before newer own events;
    those of other streams come after them, since their order does not matter to ours.

    Args:
        folder: Where the files are, also those of other processes.
        store: Name of the store that they wait for.
        max_bytes: Most bytes that all processes together keep, but for one batch each.

    Attributes:
        bytes: In files of this process, also in those of dead ones that it took over.
        vanished: Events in files that somebody deleted meanwhile.
    """

    def __init__(self, folder: Path, store: str, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._owner = Owner(folder, store)
        self._ballast = Ballast(folder)
        self._lock = Lock()
        self._own: deque[Part] = deque()
        self._left: deque[Part] = deque()
        self._tail: Part | None = None
        self._next = self._first = FIRST
        self._others, self._looked_at = 0, -LOOK_EVERY
        self._ballasted_at = -BALLAST_EVERY
        self.bytes = self.vanished = 0

    def forget(self) -> None:
        """Let go of all files, in a forked child: they are the parent's. It needs a spool of its own."""
        for part in self._own:
            part.close()
        self._owner.forget()

    def keep_ballast(self) -> None:
        """
        Have some room kept for a disk that is full.

        Raises:
            OSError: there can be no such directory.
        """
        if monotonic() - self._ballasted_at >= BALLAST_EVERY:
            self._ballasted_at = monotonic()
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._ballast.keep()

    @property
    def own(self) -> int:
        """Bytes of own events that wait."""
        return sum(part.size for part in self._own.copy())

    @property
    def busy(self) -> bool:
        """Whether own events wait: newer ones have to come behind them."""
        return bool(self._own)

    def admits(self, rank: Rank, size: int) -> bool:
        """Whether there is room for an event of *rank* that has not been numbered yet."""
        now = monotonic()
        if now - self._looked_at >= LOOK_EVERY:
            self._looked_at = now
            with contextlib.suppress(OSError):
                self._others = self._owner.others_bytes()
        return self.bytes + self._others + size <= self._max_bytes * SHARES[rank]

    def append(self, rows: Sequence[Row], before: int) -> int:
        """
        Write *rows*, the first of which follows position *before*; how many are on the disk itself: from the front.

        Raises:
            OSError: not even one is.
        """
        done = 0
        with self._lock:
            for frames in portions([as_frame(row) for row in rows]):
                try:
                    self._write(frames, before + done + len(frames))
                except OSError:
                    if not done:
                        raise
                    break
                done += len(frames)
        return done

    def _write(self, frames: list[bytes], last: int) -> None:
        try:
            self._try(frames, last)
        except OSError as error:
            if error.errno not in FULL or not self._ballast.release():
                raise
            self._try(frames, last)

    def _try(self, frames: list[bytes], last: int) -> None:
        size = sum(map(len, frames))
        part = self._tail
        if part is not None and part.fits(size) and self._wrote(part, frames, last):
            return
        if not self._wrote(self._begun(last), frames, last):
            raise OSError(errno.ENOENT, "somebody deletes the files of the spill")

    def _wrote(self, part: Part, frames: list[bytes], last: int) -> bool:
        """Whether *frames* are in *part*, and it is still there."""
        before, count = part.size, part.count
        try:
            part.write(frames, last)
        except OSError:
            self.bytes += part.size - before
            self._tail = None
            if not part.size:
                self._drop(part)
            raise
        self.bytes += part.size - before
        if not part.vanished():
            return True
        self.vanished += count
        self._tail = None
        part.close()
        self._drop(part)
        return False

    def _drop(self, part: Part) -> None:
        self._own.remove(part)
        self.bytes -= part.size
        part.delete()

    def _begun(self, last: int) -> Part:
        self._owner.hold()
        part = Part(self._owner.path(self._next), last)
        part.make()
        self._next += 1
        if self._tail is not None:
            self._tail.close()
        self._tail = part
        self._own.append(part)
        return part

    def first(self) -> Part | None:
        """The file that is to be handed on next; nothing more is written to it."""
        with self._lock:
            waiting = self._own or self._left
            if not waiting:
                return None
            if waiting[0] is self._tail:
                self._tail = None
            return waiting[0]

    def done(self, part: Part) -> None:
        """Delete *part*: the store has all of it."""
        with self._lock:
            part.delete()
            (self._own if part.own else self._left).remove(part)
            self.bytes -= part.size
            if not self._own and not self._left:
                self._owner.release()

    def adopt(self) -> bool:
        """
        Take over what dead processes left; whether there was anything.

        Raises:
            OSError: they cannot be made ours; what is ours by then is kept.
        """
        before = self._first
        with self._lock:
            for path in self._owner.inherit(self._first):
                self._first -= 1
                part = Part(path, None)
                with contextlib.suppress(OSError):  # It says so when it is read.
                    part.adopt()
                self._left.appendleft(part)
                self.bytes += part.size
        return self._first != before
