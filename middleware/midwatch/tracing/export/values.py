"""
Attributes as OTLP JSON, put together from text: objects that an encoder would walk through cost three times as much.

Keys are kept as they are written. Values are not: looking one up costs what writing it does. All text is escaped to
ASCII, so that one document is one line.
"""

from __future__ import annotations

import contextlib
from base64 import b64encode
from json.encoder import encode_basestring_ascii as quote
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any, Final

from ...logs.safe import safe_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["attributes_of", "quoted"]

ITEMS: Final = 128
DEPTH: Final = 4
"""Items and levels of an attribute that is a list or a mapping; the rest is cut."""

BYTES: Final = 16_384
"""Of an attribute that is bytes; the rest is cut."""

WIDE: Final = 256 << 10
"""Characters of a list or mapping after which the rest is cut: a small object may refer to itself many times over."""

SHORT: Final = 64
KEPT: Final = 4096
"""Characters of a key that is kept, and how many are; then all are forgotten."""


SURROGATE: Final = "\\ud"
"""How JSON writes half of a character; the other half may be missing."""


class _Keys(dict[Any, str]):
    """What comes before the value, by key."""

    def __missing__(self, key: Any) -> str:
        piece = f'{{"key":{quoted(key)},"value":{{'
        if type(key) is str and len(key) <= SHORT:
            if len(self) >= KEPT:
                self.clear()
            self[key] = piece
        return piece


_keys: Final = _Keys()


def quoted(value: Any) -> str:
    """*value* as a JSON string that any reader takes; never raises."""
    if type(value) is not str:
        return quote(safe_text(value))
    return quote(value if value.isascii() else value.encode("utf-8", "replace").decode())


def attributes_of(attributes: Mapping[str, Any]) -> str:
    """The items of a list of `KeyValue`; never raises."""
    pieces = []
    try:
        for key, value in attributes.items():
            kind = type(value)
            if kind is str:
                pieces.append(f'{_keys[key]}"stringValue":{quote(value)}}}}}')
            elif kind is int and -(2**63) <= value < 2**63:
                pieces.append(f'{_keys[key]}"intValue":"{value}"}}}}')
            elif kind is float and isfinite(value):
                pieces.append(f'{_keys[key]}"doubleValue":{value!r}}}}}')
            else:
                pieces.append(f"{_keys[key]}{_value(value, DEPTH)}}}}}")
    except Exception:
        return _carefully(attributes)
    said = ",".join(pieces)
    # To look for surrogates in what was made of all is cheaper than to look at each text; so is one character.
    return _carefully(attributes) if "\\" in said and SURROGATE in said else said


def _carefully(attributes: Mapping[str, Any]) -> str:
    """As far as they can be looked at: keys may have no hash, and the mapping may end in the middle."""
    pieces = []
    with contextlib.suppress(Exception):
        for key, value in attributes.items():
            pieces.append(f'{{"key":{quoted(key)},"value":{{{_value(value, DEPTH)}}}}}')
    return ",".join(pieces)


def _value(value: Any, depth: int) -> str:
    """*value* without its braces, as the protocol says it, else as text; by the methods of the built-in types."""
    kind = type(value)
    if kind is str:
        return f'"stringValue":{quoted(value if depth == DEPTH else safe_text(value))}'
    if kind is bool:
        return '"boolValue":true' if value else '"boolValue":false'
    if value is None:
        return ""
    if issubclass(kind, int):
        # 64 bits at most; JSON carries them as text.
        whole = int.__int__(value)
        return f'"{"intValue" if -(2**63) <= whole < 2**63 else "stringValue"}":{quote(safe_text(whole))}'
    if issubclass(kind, float):
        return f'"doubleValue":{_double(float.__float__(value))}'
    if kind is bytes:
        return f'"bytesValue":"{b64encode(value[:BYTES]).decode()}"'
    if kind is list or kind is tuple:
        items = value[: ITEMS if depth else 0]
        return f'"arrayValue":{{"values":[{_joined(f"{{{_value(item, depth - 1)}}}" for item in items)}]}}'
    if kind is dict:
        pairs = zip(range(ITEMS if depth else 0), value.items(), strict=False)
        said = (f'{{"key":{quoted(key)},"value":{{{_value(item, depth - 1)}}}}}' for _, (key, item) in pairs)
        return f'"kvlistValue":{{"values":[{_joined(said)}]}}'
    return f'"stringValue":{quote(safe_text(value))}'


def _joined(said: Iterable[str]) -> str:
    pieces, width = [], 0
    for piece in said:
        pieces.append(piece)
        width += len(piece)
        if width > WIDE:
            break
    return ",".join(pieces)


def _double(number: float) -> str:
    """As protobuf's JSON has it: what JSON has no number for is a word."""
    if isfinite(number):
        return float.__repr__(number)
    return '"NaN"' if isnan(number) else '"Infinity"' if number > 0 else '"-Infinity"'
