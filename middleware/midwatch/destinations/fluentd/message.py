"""
Log lines as chunks: messages of the forward protocol, PackedForward and CompressedPackedForward.

Source: Fluentd Forward Protocol Specification v1, "Message Modes" and "Option".
"""

from __future__ import annotations

import gzip
import os
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Final, NamedTuple, final

import msgspec

from .record import packed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..entry import Shipped

__all__ = ["TAG", "Chunk", "Chunks", "legal_tag", "random_id"]

"""Of records, by their loggers: the end of the tag. Whatever else logs has `log`."""

MOST: Final = 1 << 20
"""Bytes of entries in a chunk, before they are compressed; one entry may be more."""

WORTH: Final = 4 << 10
"""Bytes below which compressing is not worth it."""

TAG: Final = 128
"""Characters of a tag's prefix."""

_illegal: Final = re.compile(r"[^A-Za-z0-9_.\-]")
_dots: Final = re.compile(r"\.{2,}")

_encode: Final = msgspec.msgpack.Encoder().encode


def legal_tag(text: str) -> str:
    """*text* as parts of a tag, which dots divide and which hold letters, digits, `_` and `-`; slashes become dots."""
    return _dots.sub(".", _illegal.sub("_", text.replace("/", ".")[:TAG])).strip(".") or "midwatch"


def random_id() -> str:
    """The name of a chunk: 128 random bits in base64."""
    return b64encode(os.urandom(16)).decode()


class Chunk(NamedTuple):
    """
    What is sent as one, acknowledged as one, and sent again as one.

    Attributes:
        id: What the server acknowledges; None where it is not to.
        data: The message.
    """

    id: str | None
    data: bytes


@final
class Chunks:
    """
    Makes chunks of log lines.

    Args:
        prefix: What every tag begins with.
        compress: Whether with gzip, where it is worth it.
        ack: Whether the server is to acknowledge them.
        ids: Names chunks.
    """

    def __init__(
        self, prefix: str, *, compress: bool = True, ack: bool = True, ids: Callable[[], str] = random_id
    ) -> None:
        self._prefix = prefix
        self._compress = compress
        self._ack = ack
        self._ids = ids

    def of(self, batch: Iterable[Shipped]) -> Iterator[Chunk]:
        """*batch* in chunks, the lines of one tag in order. What it is handed is sent; nothing raises."""
        by_kind: dict[str, list[bytes]] = {}
        for item in batch:
            entry = item.entry()
            by_kind.setdefault(entry.kind, []).append(packed(entry))
        for kind, entries in by_kind.items():
            for several in _bounded(entries):
                yield self._chunk(f"{self._prefix}.{kind}", several)

    def _chunk(self, tag: str, entries: Sequence[bytes]) -> Chunk:
        body = b"".join(entries)
        options: dict[str, int | str] = {"size": len(entries)}
        if self._compress and len(body) >= WORTH:
            body = gzip.compress(body, 1, mtime=0)
            options["compressed"] = "gzip"
        name = self._ids() if self._ack else None
        if name is not None:
            options["chunk"] = name
        return Chunk(name, _encode((tag, body, options)))


def _bounded(entries: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """*entries*, of which there are some, in parts."""
    several: list[bytes] = []
    size = 0
    for entry in entries:
        if several and size + len(entry) > MOST:
            yield several
            several, size = [], 0
        several.append(entry)
        size += len(entry)
    yield several
