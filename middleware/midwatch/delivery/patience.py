"""How long to wait after a failure, and for how long to go on trying."""

from __future__ import annotations

from random import SystemRandom
from typing import TYPE_CHECKING, Final, final

from .terms import Later

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Patience"]

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
LONGEST_ASKED: Final = 60.0
"""Seconds of a pause after a failure: the first, the longest of our own, the longest that a destination may ask for."""


_chance: Final = SystemRandom()
"""Not the generator that the application may have seeded."""


@final
class Patience:
    """
    Pauses that grow, shortened by chance so that not everybody comes back at once. Times are of the monotonic clock.

    Args:
        give_up: Seconds since the first failure in a row after which it is over.

    Attributes:
        until: Before that, nothing is tried.
        told: Called after each failure.
    """

    def __init__(self, give_up: float) -> None:
        self.give_up = give_up
        self.told: Callable[[], object] = _nothing
        self.worked()
        self.until = 0.0

    def afresh(self) -> Patience:
        """As it was at the beginning."""
        new = Patience(self.give_up)
        new.told = self.told
        return new

    def worked(self) -> None:
        """Start small again."""
        self._since: float | None = None
        self._pause = 0.0

    @property
    def failing(self) -> bool:
        """Whether the latest attempt failed."""
        return self._since is not None

    def failed(self, now: float, error: BaseException) -> bool:
        """Pause; whether it is time to give up, which starts the time for what comes next."""
        since = now if self._since is None else self._since
        over = now - since >= self.give_up
        self._since = now if over else since
        self._pause = min(max(FIRST_PAUSE, 2 * self._pause), LONGEST_PAUSE)
        pause = self._pause * _chance.uniform(0.5, 1.0)
        if isinstance(error, Later):
            pause = max(pause, min(error.seconds, LONGEST_ASKED))
        self.until = now + pause
        self.told()
        return over


def _nothing() -> None: ...
