"""The Merkle tree hash of RFC 6962 section 2.1, over leaves that come one after the other."""

from __future__ import annotations

from hashlib import sha256
from typing import final

__all__ = ["Merkle"]


@final
class Merkle:
    """Takes leaves, and keeps one hash for each level of the tree."""

    def __init__(self) -> None:
        self.count = 0
        self._whole: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        """Take the hash of the next leaf."""
        self.count += 1
        level, node = 0, leaf
        while self._whole and self._whole[-1][0] == level:
            node = _node(self._whole.pop()[1], node)
            level += 1
        self._whole.append((level, node))

    def root(self) -> bytes:
        """Of all leaves until now; SHA-256 of nothing for none."""
        if not self._whole:
            return sha256(b"").digest()
        node = self._whole[-1][1]
        for _, left in reversed(self._whole[:-1]):
            node = _node(left, node)
        return node


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
