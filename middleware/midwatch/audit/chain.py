"""
The hash chain of one writer.

Every process has a stream of its own, named by 128 random bits, so that no two writers ever share a head: chains that
several writers share fork, and then cry wolf. Within a stream events are numbered from 0 without a hole.

- leaf = SHA-256(0x00 || canonical body), the body naming its stream and number
- chain value n = SHA-256(0x02 || chain value n-1 || leaf n); the one before the first is 32 zero bytes

The prefixes keep the two from being mistaken for each other (as RFC 6962 section 2.1 does; 0x01 is left for its nodes).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, final

from .event import encode

if TYPE_CHECKING:
    from .event import Body

__all__ = ["START", "Chain", "leaf", "link"]

START: Final = bytes(32)
"""The chain value before the first event."""


def leaf(body: bytes) -> bytes:
    """The hash of one canonical body."""
    return sha256(b"\x00" + body).digest()


def link(previous: bytes, leaf: bytes) -> bytes:
    """The chain value that follows *previous*."""
    return sha256(b"\x02" + previous + leaf).digest()


@final
class Chain:
    """
    One stream being written. Not safe for threads: what numbers an event must also hand it on.

    Attributes:
        stream: Its name, 32 hexadecimal digits.
        next: Number of the next event.
        head: Chain value of the last one.
    """

    __slots__ = ("head", "next", "stream")

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.next = 0
        self.head = START

    def append(self, body: Body) -> tuple[bytes, str]:
        """
        Give *body* its place.

        Returns:
            its canonical bytes and its chain value in hexadecimal.
        """
        body["seq"] = self.next
        body["stream"] = self.stream
        data = encode(body)
        self.head = link(self.head, leaf(data))
        self.next += 1
        return data, self.head.hex()
