"""How far a command is, on a terminal, once it has taken a second."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final, final

from ..picture.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TextIO

__all__ = ["Progress"]

PATIENCE: Final = 1.0
"""Seconds before anything is said."""

OFTEN: Final = 0.2
"""Seconds between two words."""


@final
class Progress:
    """
    Counts what goes through it, and says so in one line that is gone in the end.

    Args:
        stream: Where to; nothing is said on what is no terminal.
        clock: Seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._said = ""

    def through(self, documents: Iterable[bytes]) -> Iterator[bytes]:
        """*documents*, unchanged."""
        if not self._stream.isatty():
            yield from documents
            return
        due = self._clock() + PATIENCE
        size = 0
        try:
            for count, document in enumerate(documents, 1):
                size += len(document)
                now = self._clock()
                if now >= due:
                    self._say(f"{counted(count, 'line')}, {size >> 20} MiB")
                    due = now + OFTEN
                yield document
        finally:
            self._say("")

    def _say(self, text: str) -> None:
        if text or self._said:
            self._stream.write("\r" + text.ljust(len(self._said)) + ("" if text else "\r"))
            self._stream.flush()
            self._said = text
