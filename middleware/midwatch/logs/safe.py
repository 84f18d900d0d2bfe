"""JSON that never fails: whatever is logged, one record is one valid line."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

__all__ = ["encode_line", "one_line", "plain_fields", "safe_text"]

DEPTH: Final = 8
WIDTH: Final = 256
LENGTH: Final = 16_384
"""Levels, items of one container and characters of one string that a record may have; the rest is cut, visibly."""

LONG: Final = 256 << 10
"""Bytes of a line that needs no cutting."""

CUT: Final = "…"

_encode = msgspec.json.Encoder().encode

# JSON leaves these as they are; terminals and line readers do not.
_unsafe: Final = re.compile("[\x7f-\x9f\u2028\u2029]")


def encode_line(fields: Mapping[str, Any] | msgspec.Struct) -> str:
    """*fields* as one line of JSON; what JSON cannot say is said as text."""
    try:
        line = _encode(fields)
    except Exception:
        line = b""
    if not 0 < len(line) < LONG:
        line = _encode(_plain(plain_fields(fields) if isinstance(fields, msgspec.Struct) else fields, DEPTH))
    return one_line(line.decode())


def plain_fields(line: msgspec.Struct) -> dict[str, Any]:
    """*line* as a mapping."""
    fields: dict[str, Any] = msgspec.to_builtins(line, enc_hook=_unknown)
    return fields


def one_line(line: str) -> str:
    """*line* of JSON with what a terminal or a line reader would act on escaped."""
    if not line.isascii() or "\x7f" in line:
        line = _unsafe.sub(lambda match: f"\\u{ord(match[0]):04x}", line)
    return line


def safe_text(value: Any) -> str:
    """*value* as text that UTF-8 can carry, cut to `LENGTH`; never raises."""
    try:
        text = str.__str__(value if isinstance(value, str) else str(value))
        text = text if len(text) <= LENGTH else text[:LENGTH] + CUT
        return text if text.isascii() else text.encode("utf-8", "replace").decode()
    except Exception as error:
        return f"<{type(value).__name__} that raises {type(error).__name__}>"


def _unknown(value: Any) -> Any:
    return _plain(value, DEPTH)


def _plain(value: Any, depth: int) -> Any:
    try:
        return _said(value, depth)
    except Exception as error:
        return f"<{type(value).__name__} that raises {type(error).__name__}>"


def _said(value: Any, depth: int) -> Any:
    # By the methods of the built-in types: those of a class derived from them may do anything.
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        number = int.__int__(value)
        return number if -(2**63) <= number < 2**64 else safe_text(number)
    if isinstance(value, float):
        return float.__float__(value) if math.isfinite(value) else float.__repr__(value)
    if isinstance(value, str):
        return safe_text(value)
    if depth == 0:
        return safe_text(type(value))
    if isinstance(value, Mapping):
        return _plain_mapping(value, depth)
    if isinstance(value, list | tuple | AbstractSet):
        items = [_plain(item, depth - 1) for _, item in zip(range(WIDTH), value, strict=False)]
        return [*items, CUT] if len(value) > WIDTH else items
    return safe_text(value)


def _plain_mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    items = zip(range(WIDTH), value.items(), strict=False)
    plain = {safe_text(key): _plain(item, depth - 1) for _, (key, item) in items}
    if len(value) > WIDTH:
        plain[CUT] = f"{len(value) - WIDTH} more"
    return plain
