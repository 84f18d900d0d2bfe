"""Standard output and standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO, final

from .whole import WholeLines, text_of

if TYPE_CHECKING:
    from .whole import Line

__all__ = ["Stream"]


@final
class Stream(WholeLines):
    """A standard stream as it is when the lines are written: tests and servers replace it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def deliver(self, lines: list[str | Line]) -> None:
        """Write *lines*, or what is left of them."""
        stream: TextIO = getattr(sys, self._name)
        try:
            fd = stream.fileno()
        except (AttributeError, OSError, ValueError):
            stream.write("\n".join(map(text_of, lines)) + "\n")
            return
        self.write(fd, lines)
