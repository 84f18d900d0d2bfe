"""
Records in a file that may end anywhere, or be damaged anywhere, and is still never read for what it is not.

A record is its length (4 bytes), the CRC-32 of length and content (4 bytes), its content. The length is in the sum so
that the zeros which a power failure may leave at the end of a file are no records.
"""

from __future__ import annotations

from struct import Struct
from typing import Final
from zlib import crc32

__all__ = ["framed", "unframed"]

_HEAD: Final = Struct(">II")
_LENGTH: Final = Struct(">I")


def framed(content: bytes) -> bytes:
    """*content* as a record."""
    length = len(content)
    return _HEAD.pack(length, _sum(length, content)) + content


def unframed(data: bytes) -> tuple[list[bytes], bool]:
    """The contents of all records up to the first that is torn or damaged, and whether there was none such."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        if len(data) - at < _HEAD.size:
            return found, False
        length, expected = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        content = data[at : at + length]
        if len(content) != length or _sum(length, content) != expected:
            return found, False
        found.append(content)
        at += length
    return found, True


def _sum(length: int, content: bytes) -> int:
    return crc32(content, crc32(_LENGTH.pack(length)))
