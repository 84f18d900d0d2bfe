"""One chained event as it is kept: the hashed bytes, their chain value, and detail that can be erased."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Row"]


class Row(NamedTuple):
    """
    One event.

    Attributes:
        stream: Name of its chain, 32 hexadecimal digits.
        seq: Its place there, from 0.
        body: Canonical JSON: what is hashed, byte for byte.
        chain: Chain value, 32 bytes (see `midwatch.audit.chain`).
        detail: Canonical JSON of what may be erased one day; None without any, or once it was erased.
        salt: 16 bytes that its digest in the body was made with; None without detail.
    """

    stream: str
    seq: int
    body: bytes
    chain: bytes
    detail: bytes | None = None
    salt: bytes | None = None
