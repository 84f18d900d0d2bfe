"""
Checkpoints that were published, found again.

Logs also hold what strangers send. So a checkpoint counts where it is a whole line, or the line of our logger, with
what collectors of logs put around those: never one that stands in some field of somebody else's line.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..destinations import LOGGER
from ..stores import open_store
from .published import KIND, Published, published

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read"]

LONGEST: Final = 16 << 20
"""Bytes of a line, beyond which it is passed over."""

DEPTH: Final = 4
"""How many wrappers a line may have."""

PAGE: Final = 500

LOGGERS: Final = ("logger", "log.logger", "logger.name")
LABELS: Final = ("logging.googleapis.com/labels", "labels")
"""Where a line says which logger it is of, in the one or the other flavour; Google Cloud takes labels out of it."""

LINES: Final = frozenset({*LOGGERS, "level", "severity", "levelname", "log.level", "status"})
"""One of these has a line of a program; what is in its fields may be anybody's words."""

WRAPPERS: Final = ("_source", "_raw", "jsonPayload", "textPayload", "MESSAGE", "@message")
"""Where collectors alone put a line: Elasticsearch, Splunk, Google Cloud, journald, CloudWatch."""

PLAIN: Final = ("log", "message", "line", "event")
"""Where others do (Docker, Fluentd, Loki), and programs too."""

_mark: Final = KIND.encode()
_decode: Final = msgspec.json.Decoder().decode


def read(place: Path | str) -> Iterator[Published]:
    """
    Checkpoints in a file of lines, in whatever else is there, or in a database that is named by its URL.

    Who can write lines of the logger can make some up: where there is a key, look at the signature.

    Raises:
        ValueError: a URL of no store.
        OSError: the file cannot be read.
        StoreError: the database cannot be.
    """
    if isinstance(place, str) and "://" in place and not place.startswith("file://"):
        yield from _in_store(place)
        return
    path = Path(str(place).removeprefix("file://"))
    with path.open("rb") as file:
        while line := file.readline(LONGEST):
            # The rest of one that is longer is a line of its own here, and no JSON.
            if _mark in line:
                yield from _in_line(line)


def _in_line(line: bytes, depth: int = DEPTH) -> Iterator[Published]:
    """Also behind a word or two, as syslog and `docker compose logs` have them."""
    begin = line.find(b"{")
    for start in (0, begin) if begin > 0 else (0,):
        try:
            thing = _decode(line[start:].strip())
        except (ValueError, RecursionError):
            continue
        yield from _in_thing(thing, depth)
        return


def _in_thing(thing: Any, depth: int) -> Iterator[Published]:
    if not depth:
        return
    if isinstance(thing, str):
        if KIND in thing:
            yield from _in_line(thing.encode(), depth - 1)
    elif isinstance(thing, list):
        for inner in thing:
            yield from _in_thing(inner, depth - 1)
    elif isinstance(thing, dict):
        found = published(thing)
        if found is None and _is_ours(thing):
            inner = thing.get("jsonPayload", thing)
            found = published(inner.get("audit")) if isinstance(inner, dict) else None
        if found is not None:
            yield found
            return
        for name in WRAPPERS if LINES & thing.keys() else (*WRAPPERS, *PLAIN):
            yield from _in_thing(thing.get(name), depth - 1)


def _is_ours(line: dict[str, Any]) -> bool:
    if any(line.get(name) == LOGGER for name in LOGGERS):
        return True
    labels = (line.get(name) for name in LABELS)
    return any(isinstance(found, dict) and found.get("logger") == LOGGER for found in labels)


def _in_store(url: str) -> Iterator[Published]:
    store = open_store(url, read_only=True)
    store.open()
    try:
        after = -1
        while found := store.checkpoints(after, PAGE):
            yield from (Published.of(checkpoint, "") for checkpoint in found)
            after = found[-1].n
    finally:
        store.close()
