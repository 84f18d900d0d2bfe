"""
A line cut to a size, so that it shows.

A line that ended in the middle would be no JSON any more, and whoever searches it by its fields would not find it. So
the long texts in it are cut, as little as needs be, each with an ellipsis at its end; where that is not enough, fields
are left out from the end, and a field named by an ellipsis says how many.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ..logs.safe import encode_line

__all__ = ["cut"]

SHORT: Final = 32
"""Characters below which cutting a text helps nobody."""

LEAST: Final = 6
"""Bytes of a field with its comma."""

DEPTH: Final = 16
"""Levels of a line that are looked into."""

CUT: Final = "…"


def cut(line: bytes, most: int) -> bytes:
    """*line*, of UTF-8, in at most so many bytes (64 or more)."""
    if len(line) <= most:
        return line
    try:
        fields = msgspec.json.decode(line)
        if isinstance(fields, dict):
            return _shortest_cut(fields, most) or _fewer(fields, most)
    except Exception:  # noqa: S110 - a text like any other, then
        pass
    return line[: most - len(CUT.encode())].decode("utf-8", "ignore").encode() + CUT.encode()


def _shortest_cut(fields: dict[str, Any], most: int) -> bytes | None:
    """*fields* with texts as long as they may be for all of them to fit; None where no length is short enough."""
    found = None
    low, high, length = SHORT, most, SHORT
    while low <= high:
        line = _encoded({key: _shorter(value, length, DEPTH) for key, value in fields.items()})
        if len(line) <= most:
            found, low = line, length + 1
        elif length == SHORT:
            return None
        else:
            high = length - 1
        length = (low + high) // 2
    return found


def _fewer(fields: dict[str, Any], most: int) -> bytes:
    """*fields* without those that do not fit."""
    left = most - len(_encoded({CUT: f"{len(fields)} more"})) - 1
    kept: dict[str, Any] = {}
    for key, value in fields.items():
        if left < LEAST:
            break
        short = _shorter(value, SHORT, DEPTH)
        size = len(_encoded({key: short})) - 1
        if size <= left:
            kept[key] = short
            left -= size
    kept[CUT] = f"{len(fields) - len(kept)} more"
    return _encoded(kept)


def _shorter(value: Any, length: int, depth: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= length else value[:length] + CUT
    if isinstance(value, dict):
        return {key: _shorter(item, length, depth - 1) for key, item in value.items()} if depth else CUT
    if isinstance(value, list):
        return [_shorter(item, length, depth - 1) for item in value] if depth else CUT
    return value


def _encoded(fields: dict[str, Any]) -> bytes:
    return encode_line(fields).encode()
