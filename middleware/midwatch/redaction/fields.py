"""Fields of events and bodies, of any depth, without secrets: plain values that JSON can say."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, final
from uuid import UUID

from .cards import is_card
from .mask import CUT, MASK
from .said import said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .redactor import Redactor

__all__ = ["Fields"]

DEPTH: Final = 8
WIDTH: Final = 256
ITEMS: Final = 4096
"""Levels, items of one container, and items in all; the rest is cut, visibly."""

LENGTH: Final = 16_384
ROOM: Final = 65_536
"""Characters of a text, and of all texts together."""

PLAIN: Final = frozenset({float, bool, type(None), datetime, date, time, timedelta, Decimal, UUID})
"""Types whose values tell no secret and can be encoded; classes derived from them may say anything."""


@final
class Fields:
    """
    One walk over a value.

    Args:
        redactor: Judges names and texts.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._left = ITEMS
        self._room = ROOM
        self._around: set[int] = set()

    def field(self, name: str, value: Any, depth: int = DEPTH) -> Any:
        """*value* as it may be shown under *name*; never raises."""
        kind = type(value)
        if kind in PLAIN and (value is None or kind is bool):
            return value
        if type(name) is not str or self._redactor.hides(name):
            return MASK
        if kind in PLAIN:
            return value
        try:
            return self._value(name, value, depth)
        except Exception:
            return said(_Broken(kind))

    def _value(self, name: str, value: Any, depth: int) -> Any:
        if isinstance(value, int):
            number = int.__int__(value)
            return MASK if 10**12 <= number < 10**19 and is_card(str(number)) else number
        if isinstance(value, float):
            return float.__float__(value) if math.isfinite(value) else float.__repr__(value)
        if isinstance(value, str | bytes | bytearray):
            return self._text(name, value)
        members = _members(value)
        if members is None:
            return self._text(name, value)
        if depth == 0 or id(value) in self._around:
            return CUT
        self._around.add(id(value))
        try:
            return self._mapping(members, depth) if isinstance(members, Mapping) else self._list(name, members, depth)
        finally:
            self._around.discard(id(value))

    def _text(self, name: str, value: Any) -> str:
        if self._room <= 0:
            return CUT
        text = self._redactor.value(name, value, min(LENGTH, self._room))
        self._room -= len(text)
        return text

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for key, item in self._bounded(iter(value.items())):
            name = said(key)
            # The name is judged as it is; it may hold a secret itself.
            told = self._redactor.name(name)
            while told in shown:
                told += "'"
            shown[told] = self.field(name, item, depth - 1)
        if len(value) > len(shown):
            shown[CUT] = f"{len(value) - len(shown)} more"
        return shown

    def _list(self, name: str, value: list[Any] | tuple[Any, ...] | AbstractSet[Any], depth: int) -> list[Any]:
        shown = [self._item(name, item, depth - 1) for item in self._bounded(iter(value))]
        return [*shown, CUT] if len(value) > len(shown) else shown

    def _item(self, name: str, item: Any, depth: int) -> Any:
        """An item of a list; a pair may be a name and its value, as in headers and `dict.items()`."""
        if type(item) in {tuple, list} and len(item) == 2 and isinstance(item[0], str | bytes):
            return [self.field(name, item[0], depth - 1), self.field(said(item[0]), item[1], depth - 1)]
        return self.field(name, item, depth)

    def _bounded(self, items: Iterator[Any]) -> Iterator[Any]:
        for _, item in zip(range(WIDTH), items, strict=False):
            if self._left <= 0:
                return
            self._left -= 1
            yield item


def _members(value: Any) -> Any:
    """What *value* is made of: a mapping or a collection; None where it is one thing, known by its text."""
    kind = type(value)
    if isinstance(value, tuple) and (named := getattr(kind, "_fields", None)) is not None:
        return dict(zip(named, value, strict=False))
    if isinstance(value, Mapping | list | tuple | AbstractSet):
        return value
    names = getattr(kind, "__struct_fields__", None)
    if names is None and dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
    return None if names is None else {name: getattr(value, name) for name in names}


class _Broken:
    """Says which class failed when it was looked at."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def __str__(self) -> str:
        return f"<{type.__dict__['__qualname__'].__get__(self._kind)} that raises when it is looked at>"
