"""Where a message ends within a stream (RFC 6587)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["FRAMINGS", "counted", "line", "pieces"]

PIECE: Final = 64 << 10
"""Bytes that are sent in one call, and therefore within one timeout."""


def counted(message: bytes) -> bytes:
    """Octet counting (section 3.4.1), the only way within TLS (RFC 5425 section 4.3)."""
    return b"%d %b" % (len(message), message)


def line(message: bytes) -> bytes:
    """Non-transparent framing (section 3.4.2): messages hold no newline of their own."""
    return message + b"\n"


FRAMINGS: Final = {"octets": counted, "lf": line}


def pieces(frames: Iterable[bytes]) -> Iterator[bytes]:
    """*frames* joined for sending; a piece holds at least one."""
    piece: list[bytes] = []
    size = 0
    for frame in frames:
        if piece and size + len(frame) > PIECE:
            yield b"".join(piece)
            piece, size = [], 0
        piece.append(frame)
        size += len(frame)
    if piece:
        yield b"".join(piece)
