"""
What a server answers, in MessagePack.

Texts stay bytes: fluent-bit sends its nonce as a text that is none. Answers are small, and so are the limits.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Final, final

__all__ = ["unpacked"]

DEPTH: Final = 4
ITEMS: Final = 64
"""Levels, and items of one container."""

_byte, _two, _four = (Struct(f">{code}") for code in "BHI")

SIZED: Final = {
    0xC4: _byte, 0xC5: _two, 0xC6: _four, 0xC7: _byte, 0xC8: _two, 0xC9: _four, 0xD9: _byte, 0xDA: _two, 0xDB: _four,
}  # fmt: skip
"""Texts, bytes and extensions, by what their length is written as."""

EXTENSIONS: Final = frozenset({0xC7, 0xC8, 0xC9})

NUMBERS: Final = {0xCA + index: Struct(f">{code}") for index, code in enumerate("fdBHIQbhiq")}

CONSTANTS: Final = {0xC0: None, 0xC2: False, 0xC3: True}

COUNTED: Final = {0xDC: _two, 0xDD: _four, 0xDE: _two, 0xDF: _four}
"""Arrays, then maps."""


def unpacked(data: bytes | bytearray) -> tuple[Any, int] | None:
    """
    The first value in *data* and the bytes that it takes; None where it is not whole yet.

    Raises:
        ValueError: it is no MessagePack, or more than any answer holds.
    """
    reader = _Reader(data)
    try:
        value = reader.value(DEPTH)
    except _ShortError:
        return None
    return value, reader.at


class _ShortError(Exception):
    """The rest has not come yet."""


@final
class _Reader:
    def __init__(self, data: bytes | bytearray) -> None:
        self._data = data
        self.at = 0

    def value(self, depth: int) -> Any:
        kind = self._number(_byte)
        if kind <= 0x7F:
            return kind
        if kind >= 0xE0:
            return kind - 0x100
        if kind in CONSTANTS:
            return CONSTANTS[kind]
        if kind in NUMBERS:
            return self._number(NUMBERS[kind])
        if 0xA0 <= kind <= 0xBF:
            return self._taken(kind & 0x1F)
        if kind in SIZED:
            return self._taken(self._number(SIZED[kind]) + (kind in EXTENSIONS))
        if 0xD4 <= kind <= 0xD8:
            return self._taken(1 + (1 << kind - 0xD4))
        if depth == 0:
            raise ValueError("nested too deeply")
        return self._container(kind, depth - 1)

    def _container(self, kind: int, depth: int) -> Any:
        if 0x80 <= kind <= 0x9F:
            count, is_map = kind & 0x0F, kind <= 0x8F
        elif kind in COUNTED:
            count, is_map = self._number(COUNTED[kind]), kind >= 0xDE
        else:
            raise ValueError(f"no value begins with {kind:#x}")
        if count > ITEMS:
            raise ValueError("too many items")
        if not is_map:
            return [self.value(depth) for _ in range(count)]
        pairs = [(self.value(depth), self.value(depth)) for _ in range(count)]
        return {key: value for key, value in pairs if isinstance(key, bytes)}

    def _number(self, form: Struct) -> Any:
        return form.unpack(self._taken(form.size))[0]

    def _taken(self, size: int) -> bytes:
        start, self.at = self.at, self.at + size
        if self.at > len(self._data):
            raise _ShortError
        return bytes(self._data[start : self.at])
