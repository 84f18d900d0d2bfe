"""
The figures of many label sets, in few objects.

Ten thousand lists would set off the garbage collector, which goes through all objects of the process while every thread
waits. It passes over text and bytes, and over a dict that has nothing else.
"""

from __future__ import annotations

import struct
from itertools import compress
from operator import add
from typing import TYPE_CHECKING, Final, TypeAlias, final

from .gently import gently

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Firsts", "Part", "Sums", "labels_of", "text_of"]

Firsts: TypeAlias = "Mapping[str, int]"
"""By labels as text: the number of the first cell."""

Part: TypeAlias = "tuple[memoryview[int], Firsts]"
"""Cells of a worker as bytes, and whose they are."""


def text_of(labels: Sequence[str]) -> str:
    """Labels, which hold no NUL, as one text."""
    return "\0" + "\0".join(labels) if labels else ""


def labels_of(text: str) -> tuple[str, ...]:
    """Those of `text_of`."""
    return tuple(text.split("\0")[1:])


@final
class Sums:
    """
    Labels and cells, each label set once; as tuples that are made anew for whoever goes through them.

    Args:
        size: Cells of a label set.
    """

    def __init__(self, size: int) -> None:
        self._cells: dict[str, bytes] = {}
        self._struct = struct.Struct(f"{size}d")
        self._every: Final = range(size)

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], tuple[float, ...]]]:
        unpack = self._struct.unpack
        for text, cells in gently(self._cells.items()):
            yield labels_of(text), unpack(cells)

    def get(self, labels: Sequence[str]) -> tuple[float, ...] | None:
        """The cells of these labels."""
        cells = self._cells.get(text_of(labels))
        return None if cells is None else self._struct.unpack(cells)

    def put(self, labels: Sequence[str], cells: Sequence[float]) -> None:
        """Have these labels have those cells."""
        self._cells[text_of(labels)] = self._struct.pack(*cells)

    def add(self, labels: Sequence[str], cells: Sequence[float]) -> None:
        """Add *cells* to those of the labels."""
        text = text_of(labels)
        known = self._cells.get(text)
        pack = self._struct.pack
        self._cells[text] = pack(*cells) if known is None else pack(*map(add, self._struct.unpack(known), cells))

    def join(self, parts: Sequence[Part]) -> None:
        """Have all of *parts*, added up."""
        for number, (data, firsts) in enumerate(parts):
            rest = parts[number + 1 :]
            size, known = self._struct.size, self._cells
            for text, first in gently(firsts.items()):
                if text in known:
                    continue
                more = [(other, at) for other, those in rest if (at := those.get(text)) is not None]
                at = 8 * first
                known[text] = self._added(data, at, more) if more else bytes(data[at : at + size])

    def _added(self, data: memoryview[int], at: int, more: Sequence[tuple[memoryview[int], int]]) -> bytes:
        unpack = self._struct.unpack_from
        sums = list(unpack(data, at))
        for other, first in more:
            cells = unpack(other, 8 * first)
            # Most of them are zero.
            for cell in compress(self._every, cells):
                sums[cell] += cells[cell]
        return self._struct.pack(*sums)
