"""What went wrong, said once a minute however often it does."""

from __future__ import annotations

import contextlib
import logging
from time import monotonic
from typing import Final, final

from ..stores.store import Collision, StoreError

__all__ = ["Complaint"]

TELL_EVERY: Final = 60.0
"""Seconds between two lines about the same thing."""

logger = logging.getLogger("midwatch")


@final
class Complaint:
    """
    One thing that may go wrong.

    Args:
        what: The beginning of the line.

    Attributes:
        count: How often it did.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._told, self._told_at = 0, -TELL_EVERY
        self.count = 0

    def about(self, error: Exception) -> None:
        """Count *error*, and perhaps say so."""
        self.count += 1
        if monotonic() - self._told_at < TELL_EVERY:
            return
        self._told_at = monotonic()
        new, self._told = self.count - self._told, self.count
        with contextlib.suppress(Exception):  # A broken log handler does not end the thread.
            logger.error("audit trail: %s (%d times since last told): %s", self._what, new, _said(error))


def _said(error: Exception) -> str:
    """Nothing with a statement, its values or an address in it: only the stores see to that."""
    if isinstance(error, StoreError | Collision):
        return " ".join(str(error).split())
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__
