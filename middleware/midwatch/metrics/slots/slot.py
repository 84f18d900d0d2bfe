"""The figures of this process, where others can read them."""

from __future__ import annotations

import os
import threading
from array import array
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from .claim import claim
from .complaint import Complaint
from .folder import of_this_user
from .forks import watch
from .layout import Cells, Damaged, Key, PlainKey
from .moves import Moves
from .reading import Reader, Reading, in_memory

if TYPE_CHECKING:
    from pathlib import Path

    from .file import SlotFile

__all__ = ["Slot"]

AGAIN: Final = 10.0
"""Seconds after which a directory that could not be used is tried again."""

FORK: Final = 1.0
"""Seconds that a fork waits for a slot that is being claimed."""


@final
class Slot:
    """
    A numbered file of this process in a directory that several share; nothing is made before it is needed.

    What cannot be kept there is kept in memory, as figures of this process only; that is counted, and said once.

    Args:
        directory: Where; made if it is missing. None for memory only.

    Attributes:
        epoch: Another number once the cells given out are no longer those that count: ask again for all of them. So it
            is in a forked child, and when `check` found the file deleted, or room again.
        closed: Since `close`, until the next `claim`.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._complaint = Complaint(directory)
        self.epoch = 0
        self.closed = False
        self._reset()
        watch(self)

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()  # A signal handler may come in while it is held.
        self._reader = None if self._directory is None else Reader(self._directory)
        self._file: SlotFile | None = None
        self._views: dict[PlainKey, Cells] = {}
        self._memory: dict[Key, Cells] = {}
        self._unfit: set[Key] = set()
        self._counts: Counter[str] = Counter()
        self._moves = Moves()
        self._next = 0.0

    @property
    def number(self) -> int | None:
        """Of the file; None as long as there is none."""
        file = self._file
        return file.number if file else None

    @property
    def errors(self) -> int:
        """How often a file was lost, or a record found no room."""
        return self._complaint.count

    def cells(self, family: str, labels: tuple[str, ...], size: int, *, live: bool = False) -> Cells:
        """
        *size* numbers (format "d"), to be changed in place; the same ones for the same arguments.

        They go on from where a dead process left them, unless they are *live*: these say something about a process
        that runs.
        """
        return self._views.get((family, labels, size, live)) or self._find(Key(family, labels, size, live))

    def claim(self) -> None:
        """Have a file from now on, if that is possible: what dead processes left in it is known then."""
        self.closed = False
        if self._file is None and self._directory is not None:
            with self._lock:
                if self._file is None:
                    self._claimed()
            self._complaint.say()

    def _find(self, key: Key) -> Cells:
        with self._lock:
            view = self._views.get(key) or self._in_file(key)
            if view is None:
                view = self._memory[key] = memoryview(array("d", bytes(8 * key.size)))
                self._counts[key.family] += 1
            self._views[key.plain] = view
            return view

    def _in_file(self, key: Key) -> Cells | None:
        file = self._file or self._claimed()
        if file is None:
            return None
        first = file.known.get(key)
        if first is not None:
            return _begun(file.view(key, first)) if key.live else file.view(key, first)
        if monotonic() < self._next:
            return None
        try:
            view = file.append(key)
        except OSError as error:
            self._next = monotonic() + AGAIN
            self._complaint.about(error)
            return None
        if view is None:
            self._unfit.add(key)
            self._complaint.about("the file is full, or the labels of a series are too long")
        else:
            self._counts[key.family] += 1
        return view

    def _claimed(self) -> SlotFile | None:
        if self._directory is None or self.closed or monotonic() < self._next:
            return None
        directory = of_this_user(self._directory)
        if directory != self._directory:
            self._directory, self._reader = directory, Reader(directory)
        try:
            try:
                self._file, lost = claim(directory)
            except FileNotFoundError:  # Somebody removed the directory just now.
                self._file, lost = claim(directory)
        except (OSError, Damaged) as error:
            self._next = monotonic() + AGAIN
            self._complaint.about(error)
            return None
        for _ in range(lost):
            self._complaint.about("a damaged file was replaced")
        self._counts.update(name for name, *_ in self._file.known)
        return self._file

    def count(self, family: str) -> int:
        """How many records of *family* this slot has, those it took over among them."""
        return self._counts[family]

    def labels(self, family: str) -> list[tuple[str, ...]]:
        """Labels of the records of *family* that are in the file, those it took over among them."""
        with self._lock:
            known = self._file.known if self._file and self._counts[family] else {}
            return [labels for name, labels, *_ in known if name == family]

    def read(self) -> Reading:
        """All slots of the directory; in memory, this one. Raises OSError where no descriptor, or memory, is left."""
        number = self.number
        images, damaged = self._reader.images(number) if self._reader else ([], 0)
        with self._lock:
            if self._memory or self._directory is None:
                known = 0 if self._directory is None else -1 if number is None else number
                images.append(in_memory(self._memory, known))
        return Reading(images, damaged)

    def check(self) -> None:
        """
        See whether the file is still there, or is possible again; to be called each second, by one thread.

        A file that is gone is made anew, with all that was in it. What is written to the old cells until `epoch` is
        looked at is brought over by the next call.
        """
        self.forget_parent()
        with self._lock:
            self._moves.settle()
            file = self._file
            if file and not file.is_there():
                self._complaint.about("a file was deleted")
                self._to_memory(file)
            if len(self._memory) > len(self._unfit) and monotonic() >= self._next:
                self._to_file()
        self._complaint.say()

    def _to_memory(self, file: SlotFile) -> None:
        # A deleted file lives on as memory. One that was cut short does not: its cells end the process (SIGBUS).
        whole, cells = file.image()
        for plain, first in file.known.items():
            key = Key(*plain)
            if key.live and plain not in self._views:  # A dead process's.
                self._counts[key.family] -= 1
                continue
            view = file.view(key, first) if whole else cells[first : first + key.size]
            self._memory[key] = self._views[plain] = view
        self.epoch += not whole
        self._file = None
        file.close()
        self._unfit.clear()

    def _to_file(self) -> None:
        for key in [key for key in self._memory if key not in self._unfit]:
            new = self._in_file(key)
            if new is None:
                continue
            self._counts[key.family] -= 1
            self._views[key.plain] = new
            self._moves.bring(self._memory.pop(key), new)
        if self._moves:
            self.epoch += 1

    def forget(self) -> None:
        """Begin anew, in a forked child: the file is the parent's."""
        file = self._file
        self._reset()
        self.epoch += 1
        if file:
            file.close()

    def forget_parent(self) -> None:
        """`forget`, in a child that has not yet."""
        if self._pid != os.getpid():
            self.forget()

    def close(self) -> None:
        """Leave the file to others, with all that is in it; what is counted until the next `claim` is not."""
        with self._lock:
            self.closed = True
            self.forget()

    def before_fork(self) -> bool:
        """Wait until no descriptor is open that a child would not know of."""
        return self._lock.acquire(timeout=FORK)

    def after_fork(self) -> None:
        """Go on, in the parent."""
        self._lock.release()


def _begun(live: Cells) -> Cells:
    """What a dead process has left, from now on of this one."""
    live[:] = memoryview(array("d", bytes(live.nbytes)))
    return live
