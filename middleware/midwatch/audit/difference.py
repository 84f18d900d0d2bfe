"""
What changed between two states of a thing: the fields that differ, with what they were and what they are.

Mappings, dataclasses, attrs, pydantic and msgspec classes, named tuples, rows and instances of SQLAlchemy, and plain
objects are read by their fields. Nothing is loaded for it: of an instance of SQLAlchemy only what is there counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final
from uuid import UUID

from ..redaction import DEFAULT
from ..redaction.mask import MASK
from ..redaction.said import said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..redaction import Redactor

__all__ = ["CHANGES", "Changes", "difference"]

Changes: TypeAlias = dict[str, tuple[Any, Any]]

CHANGES: Final = 65
"""One more than an event keeps, so that it says that there were more."""

FIELDS: Final = 512
"""Fields of one thing, and of all that is in it, that are compared."""

DEPTH: Final = 4
"""Levels of things within things; those below are compared as a whole."""

WHOLE: Final = "value"
"""Stands for the field where a thing has none, such as a number."""

LOADED: Final = "_sa_instance_state"
"""What marks an instance of SQLAlchemy, whose other attributes come and go as they are loaded and expire."""

_absent: Final = object()


def difference(before: object, after: object, redactor: Redactor = DEFAULT) -> Changes:
    """
    The fields that differ: name to old and new value, at most `CHANGES`; never raises.

    Args:
        before: As it was; None for what did not exist.
        after: As it is; None for what does not exist any more. The same object shows no change: keep a copy, such as
            `dict(row)`, `dataclasses.replace(order)` or `model.model_copy()`.
        redactor: What hides secrets, by name and by form.

    Returns:
        values that JSON can say; None where a field did not exist. Fields of things within things are called
        `address.city`.
    """
    found = _Found(redactor)
    try:
        found.compare("", WHOLE, before, after, DEPTH)
    except Exception as error:
        found.changes.setdefault(WHOLE, (None, f"<{type(error).__name__} while it was compared>"))
    return found.changes


@final
class _Found:
    """One comparison."""

    def __init__(self, redactor: Redactor) -> None:
        self.changes: Changes = {}
        self._redactor = redactor
        self._left = FIELDS

    def compare(self, path: str, name: str, old: object, new: object, depth: int) -> None:
        """Note what differs of one field, which its own name and that of what it is in hide."""
        self._left -= 1
        if old is new or len(self.changes) >= CHANGES or self._left < 0:
            return
        whole = path or self._redactor.name(name)
        if path and self._redactor.hides(name):
            if not _equal(old, new):
                self.changes[whole] = (_masked(old), _masked(new))
            return
        pair = _pair(old, new, depth) if depth > 0 else None
        if pair is not None:
            self._fields(path, *pair, depth - 1)
        elif not _equal(old, new):
            self.changes[whole] = (self._shown(name, old), self._shown(name, new))

    def _fields(self, path: str, old: Mapping[Any, Any], new: Mapping[Any, Any], depth: int) -> None:
        for key in _names(old, new):
            name = said(key)
            told = self._redactor.name(name)
            told = f"{path}.{told}" if path else told
            try:
                self.compare(told, name, old.get(key, _absent), new.get(key, _absent), depth)
            except Exception as error:
                self.changes[told] = (None, f"<{type(error).__name__} while it was compared>")

    def _shown(self, name: str, value: object) -> Any:
        return None if value is _absent else self._redactor.field(name, value)


def _pair(old: object, new: object, depth: int) -> tuple[Mapping[Any, Any], Mapping[Any, Any]] | None:
    """The fields of both, if both have some; what does not exist has them as the other does, at the top."""
    was, now = _members(old), _members(new)
    if depth == DEPTH:
        was = {} if was is None and old is None else was
        now = {} if now is None and new is None else now
    if was is None or now is None:
        return None
    if _is_loaded(was) and _is_loaded(now):
        both = [name for name in was if name in now]
        was, now = ({name: part[name] for name in both} for part in (was, now))
    return _without_state(was), _without_state(now)


def _is_loaded(members: Mapping[Any, Any]) -> bool:
    return type(members) is dict and LOADED in members


def _without_state(members: Mapping[Any, Any]) -> Mapping[Any, Any]:
    return {name: value for name, value in members.items() if name != LOADED} if _is_loaded(members) else members


def _names(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[Any]:
    yield from islice(old, FIELDS)
    for name in islice(new, FIELDS):
        if name not in old:
            yield name


def _members(thing: object) -> Mapping[Any, Any] | None:
    """The fields of *thing* by name; None for what is one value."""
    if isinstance(thing, Mapping):
        return thing
    kind: Any = type(thing)
    if isinstance(thing, type | Enum | UUID) or thing is None or kind.__module__ == "builtins":
        return None
    if hasattr(kind, "_mapping") and isinstance(row := thing._mapping, Mapping):  # type: ignore[attr-defined]  # noqa: SLF001 - SQLAlchemy
        return row
    held = getattr(thing, "__dict__", {})
    names = _declared(kind)
    if names is None:
        names = [name for name in (*held, *_slots(kind)) if name[:1] != "_" or name == LOADED]
    if not names:
        return None
    return {name: held[name] if name in held else _got(thing, name) for name in islice(names, FIELDS)}


def _got(thing: object, name: str) -> Any:
    try:
        return getattr(thing, name, _absent)
    except Exception as error:
        return f"<raises {type(error).__name__}>"


def _declared(kind: Any) -> list[str] | None:
    """Fields that a class declares."""
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    for attribute in ("model_fields", "__struct_fields__", "_fields"):
        names = getattr(kind, attribute, None)
        if isinstance(names, Mapping | tuple):
            return [str(name) for name in names]
    attrs = getattr(kind, "__attrs_attrs__", None)
    return None if attrs is None else [attribute.name for attribute in attrs]


def _slots(kind: type) -> Iterator[str]:
    for parent in kind.__mro__:
        slots = parent.__dict__.get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots


def _equal(old: object, new: object) -> bool:
    """Whether nobody could tell them apart; what cannot be compared differs."""
    try:
        return bool(old == new)
    except Exception:
        return False


def _masked(value: object) -> str | None:
    return None if value is _absent or value is None else MASK
