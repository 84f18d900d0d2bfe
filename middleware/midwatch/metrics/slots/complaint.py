"""What is said about a directory that cannot be used."""

from __future__ import annotations

import contextlib
import logging
import os
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

    Args:
        directory: What it is about.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._told: tuple[int, set[str]] = (0, set())
        self.count = 0

    def about(self, why: Exception | str) -> None:
        """Count it, and perhaps say so."""
        self.count += 1
        said = (isinstance(why, OSError) and why.strerror) or str(why)
        if self._told[0] != os.getpid():
            self._told = (os.getpid(), set())
        if said in self._told[1] or len(self._told[1]) >= MANY:
            return
        self._told[1].add(said)
        with contextlib.suppress(Exception):  # A broken log handler is not the application's failure.
            logger.error(
                "metrics: %s: %s. Figures of this worker (process %d) may be missing where others are asked for them; "
                "see setting metrics.directory",
                self._directory,
                said,
                os.getpid(),
            )
