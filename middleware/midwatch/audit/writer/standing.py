"""Whether the store works."""

from __future__ import annotations

from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from ...delivery.patience import Patience
from .complaint import Complaint

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Standing"]

HANGS: Final = 10.0
"""Seconds after which a store that has not answered counts as failing."""

REOPEN: Final = 2
"""Failures in a row after which it is opened again: a lock that somebody holds for a moment is no reason."""


@final
class Standing:
    """
    What the last attempts say. Written by the thread of the store, read by others.

    Attributes:
        complaint: Counts failures.
    """

    def __init__(self) -> None:
        self._patience = Patience(float("inf"))
        self._failures = 0
        self._asked_at: float | None = None
        self._failed_at: float | None = None
        self.complaint = Complaint("the store fails")

    @contextmanager
    def asked(self) -> Iterator[None]:
        """While it is being asked for something."""
        self._asked_at = monotonic()
        try:
            yield
        finally:
            self._asked_at = None

    def worked(self) -> None:
        """It took what it was given."""
        self._patience.worked()
        self._failures, self._failed_at = 0, None

    def failed(self, error: Exception) -> bool:
        """It did not; whether to open it again before the next attempt."""
        now = monotonic()
        self._failed_at = self._failed_at or now
        self._patience.failed(now, error)
        self._failures += 1
        self.complaint.about(error)
        return self._failures >= REOPEN

    def pause(self) -> float:
        """In how many seconds it may be tried again."""
        return max(0.0, self._patience.until - monotonic())

    @property
    def failing(self) -> bool:
        """Whether it did not do it last time, or does not answer."""
        asked_at = self._asked_at
        return self._patience.failing or (asked_at is not None and monotonic() - asked_at > HANGS)

    def failing_for(self) -> float | None:
        """For how many seconds it has been; None if it is not."""
        since = self._failed_at or self._asked_at
        return monotonic() - since if self.failing and since is not None else None
