"""A log line as an entry of the forward protocol: `[EventTime, record]`."""

from __future__ import annotations

import json
from struct import pack
from time import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..cut import cut

if TYPE_CHECKING:
    from ..entry import Entry

__all__ = ["LONGEST", "packed"]

LONGEST: Final = 1 << 20
"""Bytes of a line; a longer one is cut, visibly. Of some servers, one that is too long for them ends the connection."""

DEPTH: Final = 24
"""Levels of a record; deeper ones are cut, visibly. msgpack-c, which is in fluent-bit, reads 32 in all."""

CUT: Final = "…"

EVENT_TIME: Final = 0
"""The type of this extension, of the protocol's own: seconds and nanoseconds, 32 bits each."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


def packed(entry: Entry) -> bytes:
    """*entry* as MessagePack, whatever it holds: what MessagePack cannot say is said as text. Never raises."""
    at = _event_time(entry.created)
    text = entry.text
    try:
        # As many levels would take as many brackets.
        if len(text) <= LONGEST and text.count("{") + text.count("[") <= DEPTH:
            record = _decode(text)
            if isinstance(record, dict):
                return _encode((at, record))
    except Exception:  # noqa: S110 - then the long way
        pass
    try:
        return _encode((at, _record(entry)))
    except Exception as error:
        return _encode((at, {"message": f"<line that raises {type(error).__name__}>"}))


def _event_time(created: float) -> msgspec.msgpack.Ext:
    """To the microsecond, as in the line; now, where it is no time that the protocol can say."""
    try:
        return _of(created)
    except Exception:
        return _of(time())


def _of(created: float) -> msgspec.msgpack.Ext:
    second = int(created)
    return msgspec.msgpack.Ext(EVENT_TIME, pack(">II", second, int((created - second) * 1e6) * 1000))


def _record(entry: Entry) -> dict[str, Any]:
    """The line's fields; those of what a formatter of the application made of it, if that is no object."""
    line = cut(entry.text.encode("utf-8", "replace"), LONGEST).decode()
    try:
        # More lenient: NaN, and halves of surrogate pairs, which are what json.dumps writes.
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        named = ("level", "logger", "trace_id", "span_id", "trace_flags")
        fields = {"message": line, **{name: value for name in named if (value := getattr(entry, name)) is not None}}
    said: dict[str, Any] = _said(fields, DEPTH)
    return said


def _said(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    if depth == 0:
        return CUT
    if isinstance(value, dict):
        return {str(_said(key, depth)): _said(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_said(item, depth - 1) for item in value]
    return f"<{type(value).__name__}>"
