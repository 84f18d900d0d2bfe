"""What would be said for every request, and is said once a minute."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Quiet"]

logger = logging.getLogger("midwatch")

QUIET: Final = 60.0
"""Seconds between two log lines that say the same."""


@final
class Quiet:
    """
    Says one thing in the log, at most once in `QUIET` seconds; a log that fails changes no answer.

    Args:
        clock: Seconds; only differences count.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._said = -QUIET

    def say(self, level: int, message: str, error: BaseException | None = None) -> None:
        """Log *message*, unless that was done just now."""
        now = self._clock()
        if now - self._said >= QUIET:
            self._said = now
            with contextlib.suppress(Exception):
                logger.log(level, "%s (told once a minute)", message, exc_info=error)
