"""`wsgi.input` with an observer around it, where a plugin wants to see what the application reads (PEP 3333)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Input"]


@final
class Input:
    """
    Reads when the application reads, and only then.

    Args:
        inner: The server's stream.
        read: Told of each piece.
    """

    def __init__(self, inner: Any, read: Callable[[bytes], object]) -> None:
        self._inner = inner
        self._told = read

    def read(self, *size: int) -> bytes:
        """As of the server's stream."""
        return self._seen(self._inner.read(*size))

    def readline(self, *size: int) -> bytes:
        """As of the server's stream."""
        return self._seen(self._inner.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        """As of the server's stream."""
        return [self._seen(line) for line in self._inner.readlines(*hint)]

    def __iter__(self) -> Iterator[bytes]:
        return map(self._seen, self._inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _seen(self, piece: bytes) -> bytes:
        self._told(piece)
        return piece
