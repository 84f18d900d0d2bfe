"""
Canonical JSON, and the plain values that it is made of.

Text, booleans, None, integers that every JSON reader keeps exact, lists, and objects with ASCII keys: for these the
output below is RFC 8785, so whoever has an event gets at the hashed bytes with any implementation of it. There are no
floats: readers disagree about them. What an application or a stranger hands in is first copied into such values, and
cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, Final, final

import msgspec

__all__ = ["Copy", "canonical", "plain_text"]

TEXT: Final = 1024
"""Bytes of one string, as UTF-8."""

DEPTH: Final = 4
WIDTH: Final = 32
NODES: Final = 512
"""Levels, items of one container and values altogether that one event copies; cycles end here too."""

EXACT: Final = 2**53 - 1
"""The largest integer that a JSON reader with IEEE 754 numbers keeps (RFC 8785 section 3.2.2.3)."""

CUT: Final = "…"

# No JSON string holds a surrogate; the rest moves terminals and ends lines, even where JSON lets it stand.
_unsafe: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

canonical: Final = msgspec.json.Encoder(order="deterministic").encode
"""The bytes of a plain value (see `Copy`): keys sorted, no spaces, UTF-8, shortest escapes (RFC 8785 section 3.2)."""


def plain_text(value: object) -> str:
    """*value* as text, whatever its class does about it."""
    try:
        text = value if isinstance(value, str) else str(value)
        return str.__str__(text)
    except Exception as error:
        return f"<{type(value).__name__} that raises {type(error).__name__}>"


@final
class Copy:
    """
    Copies values for one event, within bounds.

    Attributes:
        truncated: Fields that lost something, in the order in which they did.
    """

    __slots__ = ("_left", "truncated")

    def __init__(self) -> None:
        self.truncated: list[str] = []
        self._left = NODES

    def text(self, field: str, value: object, limit: int = TEXT) -> str:
        """*value* as clean text of at most *limit* bytes."""
        text = value if type(value) is str else plain_text(value)
        if len(text) <= limit and text.isascii() and text.isprintable():
            return text
        if len(text) > limit:
            text = text[:limit]
            self.note(field)
        text = _unsafe.sub("\ufffd", text)
        encoded = text.encode()
        if len(encoded) > limit:
            text = encoded[:limit].decode(errors="ignore")
            self.note(field)
        return text

    def value(self, field: str, value: object, depth: int = DEPTH) -> Any:
        """*value* as a plain value: numbers that are not exact and objects of other classes become text."""
        if value is None or value is True or value is False:
            return value
        self._left -= 1
        if self._left < 0:
            self.note(field)
            return CUT
        kind = type(value)
        if kind is int and -EXACT <= value <= EXACT:  # type: ignore[operator]
            return value
        if kind is not str:
            try:
                return self._container(field, value, depth)
            except Exception as error:
                return f"<{kind.__name__} that raises {type(error).__name__}>"
        return self.text(field, value)

    def _container(self, field: str, value: object, depth: int) -> Any:
        if isinstance(value, bytes | bytearray):
            return self.text(field, value[: TEXT + 1].decode(errors="replace"))
        if not isinstance(value, Mapping | list | tuple | AbstractSet):
            return self.text(field, value)
        if depth == 0:
            self.note(field)
            return CUT
        if len(value) > WIDTH:
            self.note(field)
        if isinstance(value, Mapping):
            items = islice(value.items(), WIDTH)
            return {self._key(field, key): self.value(field, item, depth - 1) for key, item in items}
        return [self.value(field, item, depth - 1) for item in islice(value, WIDTH)]

    def _key(self, field: str, key: object) -> str:
        text = self.text(field, key, 128)
        return text if text.isascii() else text.encode("ascii", "backslashreplace").decode()

    def note(self, field: str) -> None:
        """Say that *field* was cut."""
        if field not in self.truncated:
            self.truncated.append(field)
