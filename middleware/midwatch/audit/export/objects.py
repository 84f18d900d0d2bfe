"""JSON, one object a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from ..canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .opened import Event

__all__ = ["as_line", "write_bodies", "write_objects"]


def write_bodies(events: Iterable[Event], out: BinaryIO) -> int:
    """Write *events* as they are kept; how many there were."""
    count = 0
    for count, event in enumerate(events, 1):  # noqa: B007 - counts them
        out.write(as_line(event) + b"\n")
    return count


def as_line(event: Event) -> bytes:
    """*event* as it is kept, in one line of JSON. What is no JSON stands as text under `unreadable`."""
    if not event.body:
        return canonical({"unreadable": event.raw.decode(errors="replace")})
    if event.detail and event.raw_detail is not None:
        return b'{"body":%b,"detail":%b}' % (_line(event.raw), _line(event.raw_detail))
    return b'{"body":%b}' % _line(event.raw)


def _line(data: bytes) -> bytes:
    """JSON has ends of lines between its values only, and canonical JSON none: what has some was altered."""
    return data if b"\n" not in data and b"\r" not in data else data.replace(b"\n", b" ").replace(b"\r", b" ")


def write_objects(objects: Iterable[dict[str, Any]], out: BinaryIO) -> int:
    """Write *objects*; how many there were."""
    count = 0
    for count, one in enumerate(objects, 1):  # noqa: B007 - counts them
        out.write(canonical(one) + b"\n")
    return count
