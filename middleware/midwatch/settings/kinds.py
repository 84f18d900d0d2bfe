"""Kinds of values: what is expected, in words for the reference and for messages, and how it is read."""

from __future__ import annotations

import inspect
import logging
import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..nearest import nearest
from .shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from .place import Place

__all__ = ["Kind", "Refused", "buckets", "count", "either", "flag", "folder", "header", "header_or_off", "kind",
           "level", "level_name", "list_of", "one_of", "path", "path_or_off", "plain_function", "positive", "seconds",
           "seconds_of_a_week", "share", "text", "whole", "whole_path"]  # fmt: skip

F = TypeVar("F", bound="Callable[..., object]")

LONGEST: Final = 3600.0
"""Seconds that a timeout may have: beyond it, somebody meant milliseconds."""

WEEK: Final = 604_800.0


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind of value.

    Attributes:
        expected: A noun phrase, as in "expected ..., got 5".
        read: Makes the typed value of what stands at a place; notes there what is wrong with it.
        section: The section whose settings such a value holds, if it is a dict of settings.
        named: `NAME` if the value is a dict of such sections by names that the user chooses, `ITEM` if a list of them.
    """

    expected: str
    read: Callable[[object, Place], Any]
    section: type[Any] | None = None
    named: str = ""


class Refused(Exception):  # noqa: N818 - never leaves this package
    """A value is not of the kind; *reason* where there is more to say than what was expected."""

    def __init__(self, hint: str = "", reason: str = "") -> None:
        super().__init__(hint, reason)
        self.hint = hint
        self.reason = reason


def kind(expected: str, accept: Callable[[Any], Any]) -> Kind:
    """The kind of which *accept* returns the typed value, or raises `Refused`."""

    def read(value: object, place: Place) -> Any:
        try:
            return accept(value)
        except Refused as refused:
            place.wrong(refused.reason or f"expected {expected}, got {shown(value)}", refused.hint)
            return None

    return Kind(expected, read)


def plain_function(value: F) -> F:
    """*value*, which can be called; refused if what it returns would have to be awaited."""
    if inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(type(value).__call__):
        raise Refused("make it a plain function", "expected a plain function, got a coroutine function")
    return value


def list_of(item: Kind, expected: str) -> Kind:
    """A list of *item*, none of them twice; typed as a tuple."""

    def read(value: object, place: Place) -> Any:
        if not isinstance(value, list | tuple):
            hint = f"write [{shown(value)}]" if isinstance(value, str) or callable(value) else ""
            place.wrong(f"expected a list of {expected}, got {shown(value)}", hint)
            return None
        items: list[Any] = []
        for index, given in enumerate(value):
            read_item = item.read(given, here := place.item(index, given))
            if read_item is not None and any(_same(read_item, earlier) for earlier in items):
                here.wrong(f"{shown(given)} is in the list twice", "remove one")
            items.append(read_item)
        return tuple(items)

    return Kind(f"a list of {expected}", read)


def _same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, str) and one == other)


def one_of(*names: str) -> Kind:
    """One of some words."""

    def accept(value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        guess = nearest(value, names)
        raise Refused(f'did you mean "{guess}"?' if guess else "")

    return kind(either(*(f'"{name}"' for name in names)), accept)


def either(*phrases: str) -> str:
    """*phrases* as in "a, b or c"."""
    return " or ".join(phrases) if len(phrases) < 3 else f"{', '.join(phrases[:-1])} or {phrases[-1]}"


def _or_off(expected: str, accept: Callable[[Any], Any]) -> Kind:
    """The kind, or False; typed as None for that."""
    return kind(f"{expected} or False", lambda value: None if value is False else accept(value))


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip() and value.isprintable() and len(value) <= 255:
        return value
    raise Refused


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise Refused


def level_name(value: object) -> str:
    """The name of a logging level; refused if it is none."""
    names = logging.getLevelNamesMapping()
    if isinstance(value, str):
        for name in (value, value.upper()):
            if name in names:
                return name
    guess = nearest(value, names)
    if isinstance(value, int) and not isinstance(value, bool) and value in names.values():
        guess = logging.getLevelName(value)
    raise Refused(f'did you mean "{guess}"?' if guess else "")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused
    try:
        number = float(value)
    except OverflowError:
        raise Refused from None
    if number > 0 and math.isfinite(number):
        return number
    raise Refused


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        percent = not isinstance(value, bool) and isinstance(value, int | float) and 1 < value <= 100
        raise Refused(f"did you mean {value / 100:g}?" if percent else "")  # type: ignore[operator]
    return float(value)


def _seconds_up_to(most: float) -> Kind:
    def accept(value: object) -> float:
        number = _number(value)
        if number > most:
            raise Refused("it is in seconds, not milliseconds")
        return number

    return kind(f"a number of seconds above 0, up to {most:g}", accept)


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise Refused


def whole_path(value: object) -> str:
    """A path from the root; refused if it is none."""
    if isinstance(value, str) and value.startswith("/") and value.isprintable() and len(value) <= 1024:
        return value
    if isinstance(value, str) and value.startswith("file://"):
        raise Refused(f"did you mean {shown(value.removeprefix('file://'))}?")
    raise Refused


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise Refused


def _buckets(value: object) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise Refused
    bounds = tuple(_number(bound) for bound in value)
    for lower, upper in pairwise(bounds):
        if lower >= upper:
            raise Refused(f"{upper:g} follows {lower:g}", "expected bounds that increase")
    return bounds


_is_path = re.compile(r"/[^\s?#%\x00-\x1f\x7f]+").fullmatch


def _path(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 255:
        raise Refused
    if value == "/":
        raise Refused("it would take the root from the application")
    if _is_path(value) and value.endswith("/"):
        right = value.rstrip("/")
        raise Refused(f"did you mean {shown(right)}?" if right else "")
    if not _is_path(value):
        right = f"/{value}"
        raise Refused(f"did you mean {shown(right)}?" if _is_path(right) else "")
    return value


_is_token = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]{1,128}").fullmatch


def _header(value: object) -> str:
    if isinstance(value, str) and _is_token(value):
        return value.lower()
    raise Refused


text: Final = kind("text of one line, up to 255 characters", _text)
flag: Final = kind("True or False", _flag)
level: Final = kind('the name of a logging level, such as "INFO"', level_name)
seconds: Final = _seconds_up_to(LONGEST)
count: Final = kind("a whole number above 0", _count)
whole: Final = kind("a whole number, 0 or more", _whole)
seconds_of_a_week: Final = _seconds_up_to(WEEK)
folder: Final = kind('the whole path of a directory, such as "/var/spool/orders"', whole_path)
buckets: Final = kind("a list of increasing numbers above 0", _buckets)
path: Final = kind('a path that starts with "/"', _path)
path_or_off: Final = _or_off(path.expected, _path)
share: Final = kind("a share from 0 to 1", _share)
positive: Final = kind("a number above 0", _number)
header: Final = kind("the name of a header (RFC 9110 section 5.1)", _header)
header_or_off: Final = _or_off("the name of a header (RFC 9110 section 5.1)", _header)
