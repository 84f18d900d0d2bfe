"""All slots of a directory, as they are now."""

from __future__ import annotations

import errno
import os
import struct
import threading
from array import array
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, final

from .file import pieces
from .folder import numbers, open_slot
from .gently import gently
from .layout import HEADER, Damaged, Entry, entries, head
from .locks import held
from .sums import Sums, labels_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from .layout import Cells, Key
    from .sums import Part

__all__ = ["Image", "Reader", "Reading", "Worker", "in_memory"]

SHORT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What is no fault of the file."""

Records: TypeAlias = dict[tuple[str, int, bool], dict[str, int]]
"""By family, size and whether they are live: labels as text, and the first cell."""


class Worker(NamedTuple):
    """
    A slot.

    Attributes:
        number: Of the slot; -1 for figures that only this process can see.
        alive: Whether a process has it.
        own: Whether that is this one.
    """

    number: int
    alive: bool
    own: bool


class Image(NamedTuple):
    """What a slot holds."""

    worker: Worker
    records: Records
    cells: memoryview[int]


@final
class Reading:
    """
    What was counted, at one moment.

    Attributes:
        workers: The slots.
        damaged: Files that are none of ours, or are no longer whole, and were left out.
    """

    def __init__(self, images: Sequence[Image], damaged: int) -> None:
        self._images = images
        self._sums: dict[tuple[str, int], Sums] = {}
        self.damaged = damaged
        # Of one number there may be two: what found no room in the file.
        self.workers = list({image.worker.number: image.worker for image in images}.values())

    def families(self) -> set[str]:
        """All that there is a record of."""
        return {family for image in self._images for family, _, _ in image.records}

    def summed(self, family: str, size: int) -> Sums:
        """Labels and sums over all slots, of dead ones without what is live. Asked again, they are the same."""
        sums = self._sums.get((family, size))
        if sums is None:
            sums = self._sums[family, size] = Sums(size)
            sums.join([part for _, part in self._parts(family, size)])
        return sums

    def total(self, family: str, size: int | None = None) -> list[tuple[tuple[str, ...], list[float]]]:
        """
        The same of a family that is small.

        Records of the same labels but of different sizes, as after a change of buckets, are not added up; with *size*
        there are only those of that size.
        """
        sizes = self._sizes(family) if size is None else (size,)
        return [(labels, list(values)) for one in sizes for labels, values in self.summed(family, one)]

    def each(self, family: str, size: int | None = None) -> list[tuple[int, tuple[str, ...], list[float]]]:
        """Number of the slot, labels and values; of dead slots without what is live."""
        return [(number, labels, list(values)) for number, labels, values in self.every(family, size)]

    def every(self, family: str, size: int | None = None) -> Iterator[tuple[int, tuple[str, ...], tuple[float, ...]]]:
        """The same of a family that is large."""
        for one in self._sizes(family) if size is None else (size,):
            unpack = struct.Struct(f"{one}d").unpack_from
            for number, (data, firsts) in self._parts(family, one):
                for text, first in gently(firsts.items()):
                    yield number, labels_of(text), unpack(data, 8 * first)

    def _sizes(self, family: str) -> Iterable[int]:
        return dict.fromkeys(size for image in self._images for name, size, _ in image.records if name == family)

    def _parts(self, family: str, size: int) -> Iterator[tuple[int, Part]]:
        for (number, alive, _), records, data in self._images:
            for live in (False, True) if alive else (False,):
                firsts = records.get((family, size, live))
                if firsts:
                    yield number, (data, firsts)


class _Known(NamedTuple):
    """What was found in a file before: up to which byte, which records."""

    used: int
    records: Records


@final
class Reader:
    """
    Reads one directory, without taking a lock.

    Keys are decoded once: of a file seen before only what was added is.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[tuple[int, int], _Known] = {}
        self._lock = threading.Lock()

    def images(self, own: int | None) -> tuple[list[Image], int]:
        """
        What each file holds, and how many are damaged. *own* is the number of the slot of this process.

        Raises:
            OSError: this process is short of something; without some of the files, counters would seem to fall.
        """
        with self._lock:
            images, damaged = [], 0
            seen: dict[tuple[int, int], _Known] = {}
            try:
                present = numbers(self._directory)
            except OSError as error:
                if error.errno in SHORT:
                    raise
                present = []
            for number in present:
                try:
                    image = self._image(number, number == own, seen)
                except (OSError, Damaged) as error:
                    if getattr(error, "errno", None) in SHORT:
                        raise
                    damaged += 1
                else:
                    images += [image] if image else []
            self._known = seen
            return images, damaged

    def _image(self, number: int, own: bool, seen: dict[tuple[int, int], _Known]) -> Image | None:
        fd = open_slot(self._directory, number)
        if fd is None:
            return None
        try:
            # First: of one claimed meanwhile, live figures are those of a dead process until they are set to zero.
            alive = held(fd)
            found = head(os.pread(fd, HEADER, 0), os.fstat(fd).st_size)
            data = pieces(fd, found.used)
            identity = (os.fstat(fd).st_ino, found.made)
        finally:
            os.close(fd)
        used, records = self._known.get(identity) or _Known(HEADER, {})
        if used > found.used:  # Somebody put an older copy there.
            used, records = HEADER, {}
        if used < found.used:
            records = _with(records, entries(data, used, found.used))
        seen[identity] = _Known(found.used, records)
        return Image(Worker(number, alive, own), records, data)


def _with(records: Records, new: Iterable[Entry]) -> Records:
    """*records* and *new* ones; a reading that uses the former goes on to."""
    together = records.copy()
    copied: set[tuple[str, int, bool]] = set()
    for family, text, size, live, first in gently(new):
        kind = family, size, live
        if kind not in copied:
            copied.add(kind)
            together[kind] = together.get(kind, {}).copy()
        together[kind][text] = first
    return together


def in_memory(cells: Mapping[Key, Cells], number: int) -> Image:
    """What is in no file, as if it were in one of this process."""
    values = array("d")
    new: list[Entry] = []
    for (family, labels, size, live), view in cells.items():
        text = text_of([label.replace("\0", "\ufffd") for label in labels])
        new.append(Entry(family, text, size, live, len(values)))
        values.frombytes(view.tobytes())
    return Image(Worker(number, alive=True, own=True), _with({}, new), memoryview(values).cast("B"))
