"""What is said about a directory that cannot be used."""

from __future__ import annotations

import contextlib
import logging
import os
from collections import deque
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Complaint"]

MANY: Final = 8
"""Lines of one process about one directory."""

logger = logging.getLogger("midwatch")


@final
class Complaint:
    """
    Each thing said once per process, counted each time.

    It is not said where it is noticed, for that is below locks: a log handler may count what it handles, and would wait
    for them while we wait for it.

    Args:
        directory: What it is about.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._of = os.getpid()
        self._told: set[str] = set()
        self._unsaid: deque[str] = deque()
        self.count = 0

    def about(self, why: Exception | str) -> None:
        """Count it, and perhaps have it said."""
        self.count += 1
        text = (isinstance(why, OSError) and why.strerror) or str(why)
        if self._of != os.getpid():
            self._of = os.getpid()
            self._told.clear()
            self._unsaid.clear()
        if text not in self._told and len(self._told) < MANY:
            self._told.add(text)
            self._unsaid.append(text)

    def say(self) -> None:
        """Say what has not been said yet; with no lock held."""
        while self._unsaid and self._of == os.getpid():
            with contextlib.suppress(Exception):  # A broken log handler is not the application's failure.
                logger.error(
                    "metrics: %s: %s. Figures of this worker (process %d) may be missing where others are asked for "
                    "them; see setting metrics.directory",
                    self._directory,
                    self._unsaid.popleft(),
                    self._of,
                )
