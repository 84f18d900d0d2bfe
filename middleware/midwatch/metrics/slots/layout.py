"""
The bytes of a slot's file.

A header of 128 bytes, then records, each aligned to 8 bytes, none across the border of two segments; all numbers as
this machine writes them:

- header: magic, version, checksum of what never changes, bytes used, boot id, a number drawn when it was made, the
  group of the process that has it (pid and start), the pid of that process
- record: bytes of all of it, bytes of the key, cells, flags, checksum of these and the key; the key; the cells
- filler: bytes of all of it, and the complement of that number

Records are only ever appended. The number of bytes used is stored last: what a killed process had half written is
behind it, and is no part of the file.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from zlib import crc32

from .sums import labels_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FIRST",
    "GROUP_AT",
    "HEADER",
    "LARGEST",
    "LONGEST",
    "MOST_CELLS",
    "USED_AT",
    "Cells",
    "Damaged",
    "Entry",
    "Head",
    "Key",
    "PlainKey",
    "entries",
    "filler",
    "head",
    "new_header",
    "record",
    "segment_end",
]

HEADER: Final = 128
FIRST: Final = 64 << 10
"""Bytes of the first segment; each further one is as long as all before it."""

LARGEST: Final = 64 << 20
"""Bytes of a file."""

LONGEST: Final = 4 << 10
"""Bytes of a key."""

MOST_CELLS: Final = 4096
"""Cells of a record; with the longest key it fits into the first segment."""

USED_AT: Final = 16
GROUP_AT: Final = 48
"""Where the header has the bytes used (one word), and group and owner (three)."""

MAGIC: Final = b"MWSLOT\r\n"
VERSION: Final = 1
LIVE: Final = 1

_HEAD: Final = struct.Struct("8sIIQ16sQQQQ")
_RECORD: Final = struct.Struct("IIIII4x")
_FILLER: Final = struct.Struct("II")
_CHECKED: Final = struct.Struct("IIII")
_ALL: Final = 0xFFFFFFFF


Cells: TypeAlias = "memoryview[float]"
"""Numbers that are shared, format "d"."""


class Damaged(Exception):  # noqa: N818 - what it is
    """A file that is none of ours, or no longer."""


class Head(NamedTuple):
    """The header: bytes used, whose boot, which file, whose group (pid and start)."""

    used: int
    boot: bytes
    made: int
    group: tuple[int, int]


PlainKey: TypeAlias = tuple[str, tuple[str, ...], int, bool]
"""What is kept of a `Key`: there are thousands, and of plain tuples of text the garbage collector soon lets go."""


class Key(NamedTuple):
    """What a record is about; one of another size is another."""

    family: str
    labels: tuple[str, ...]
    size: int
    live: bool

    @property
    def plain(self) -> PlainKey:
        """Equal to it."""
        return self.family, self.labels, self.size, self.live


class Entry(NamedTuple):
    """A record: what it is about, its labels as one text; and its first cell, counted from the file's beginning."""

    family: str
    text: str
    size: int
    live: bool
    first: int

    @property
    def key(self) -> Key:
        """What it is about."""
        return Key(self.family, labels_of(self.text), self.size, self.live)


def new_header(boot: bytes, made: int) -> bytes:
    """The header of an empty file that nobody has yet."""
    return _HEAD.pack(MAGIC, VERSION, _sum(boot, made), HEADER, boot, made, 0, 0, 0).ljust(HEADER, b"\0")


def head(data: bytes | memoryview, size: int) -> Head:
    """
    The header at the beginning of *data*, of a file of *size* bytes.

    Raises:
        Damaged: it is none.
    """
    if len(data) < HEADER:
        raise Damaged("too short")
    magic, version, checksum, used, boot, made, pid, start, _ = _HEAD.unpack_from(data)
    if magic != MAGIC or version != VERSION or checksum != _sum(boot, made):
        raise Damaged("another format")
    if not HEADER <= used <= min(size, LARGEST) or used % 8:
        raise Damaged("cut")
    return Head(used, boot, made, (pid, start))


def record(key: Key) -> bytes | None:
    """A record whose cells are zero; None for one too large, or with a NUL in a label."""
    text = (key.family + text_of(key.labels)).encode("utf-8", "surrogatepass")
    if len(text) > LONGEST or not 0 < key.size <= MOST_CELLS or text.count(b"\0") != len(key.labels):
        return None
    cells_at = _RECORD.size + _aligned(len(text))
    sizes = (cells_at + 8 * key.size, len(text), key.size, LIVE if key.live else 0)
    start = _RECORD.pack(*sizes, crc32(text, crc32(_CHECKED.pack(*sizes))))
    return (start + text).ljust(sizes[0], b"\0")


def filler(size: int) -> bytes:
    """The beginning of *size* bytes that are no record."""
    return _FILLER.pack(size, size ^ _ALL)


def entries(data: bytes | memoryview, at: int, end: int) -> Iterator[Entry]:
    """
    The records of *data* from *at* to *end*.

    Raises:
        Damaged: something else is there.
    """
    border = segment_end(at)
    while at < end:
        size, length = _FILLER.unpack_from(data, at)
        if size < 8 or size % 8 or at + size > min(end, border):
            raise Damaged("a record that has no end")
        if length != size ^ _ALL:
            yield _entry(data, at, size)
        at += size
        if at == border:
            border *= 2


def _entry(data: bytes | memoryview, at: int, size: int) -> Entry:
    if size < _RECORD.size:
        raise Damaged("a record too short")
    *sizes, checksum = _RECORD.unpack_from(data, at)
    _, length, cells, flags = sizes
    if length > LONGEST or not 0 < cells <= MOST_CELLS or size != _RECORD.size + _aligned(length) + 8 * cells:
        raise Damaged("a record whose sizes do not agree")
    text = bytes(data[at + _RECORD.size : at + _RECORD.size + length])
    if crc32(text, crc32(_CHECKED.pack(*sizes))) != checksum:
        raise Damaged("a record whose checksum is wrong")
    family, nul, labels = text.decode("utf-8", "surrogatepass").partition("\0")
    return Entry(family, nul + labels, cells, bool(flags & LIVE), (at + size) // 8 - cells)


def segment_end(at: int) -> int:
    """The end of the segment that has the byte *at*."""
    end = FIRST
    while end <= at:
        end *= 2
    return end


def _aligned(length: int) -> int:
    return -(-length // 8) * 8


def _sum(boot: bytes, made: int) -> int:
    return crc32(struct.pack("8sI16sQ", MAGIC, VERSION, boot, made))
