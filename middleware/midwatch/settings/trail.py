"""Kinds of values of the audit trail: stores, keys, anchors, and what its rules match."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from ..nearest import nearest
from .addresses import destination
from .kinds import Refused, kind, one_of
from .patterns import route
from .shown import shown

__all__ = ["actor", "anchor", "key", "level", "mode", "route", "status", "store"]

_is_key = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|/[^\x00-\x1f\x7f]{1,1023}").fullmatch
_is_actor = re.compile(r"[\w*?.-]{1,64}(?::[^\x00-\x1f\x7f]{1,255})?").fullmatch
_is_class = re.compile(r"[1-5]xx").fullmatch
_is_range = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?").fullmatch

_file: Final = destination(call=False)


def _store(value: object) -> str:
    # Only where a store is asked for: most services have none.
    from ..audit.stores import check_store  # noqa: PLC0415

    if not isinstance(value, str):
        raise Refused
    try:
        check_store(value)
    except ValueError as error:
        hint = f"did you mean {shown(f'sqlite:///{value}')}?" if value.startswith("/") else ""
        raise Refused(hint, str(error)) from None
    return value


store: Final = kind(
    '"sqlite:////path/audit.db", "postgresql://user:password@host/database" or "file:///path/audit.jsonl"', _store
)


def _key(value: object) -> str:
    if isinstance(value, str) and _is_key(value):
        return value
    raise Refused("a key does not belong in the settings: name the file or the variable that holds it")


key: Final = kind('the whole path of a file, or "env:NAME"', _key)


def _anchor(value: object) -> str:
    if not isinstance(value, str):
        raise Refused
    guess = nearest(value, ("log",))
    if value == "log" or value.startswith("file:"):
        return value
    if guess:
        raise Refused(f'did you mean "{guess}"?')
    if value.startswith(("http://", "https://")):
        try:
            if urlsplit(value).hostname and value.isprintable() and " " not in value:
                return value
        except ValueError:
            pass
        raise Refused
    return _store(value)


anchor: Final = kind('"log", "file:///path", "https://host/path" or the URL of another database', _anchor)


def _status(value: object) -> tuple[int, int]:
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
        return value, value
    if isinstance(value, str):
        text = value.lower().strip()
        if _is_class(text):
            return int(text[0]) * 100, int(text[0]) * 100 + 99
        match = _is_range(text)
        if match:
            first, last = int(match[1]), int(match[2] or match[1])
            if first <= last:
                return first, last
    raise Refused


status: Final = kind('a status such as 403, "4xx" or "400-451"', _status)


def _actor(value: object) -> str:
    if isinstance(value, str) and _is_actor(value):
        return value
    raise Refused


actor: Final = kind('a type of actor, or "type:id", in which * is any text', _actor)

mode: Final[Any] = one_of("strict", "durable", "async")
level: Final[Any] = one_of("minimal", "metadata", "detail")
