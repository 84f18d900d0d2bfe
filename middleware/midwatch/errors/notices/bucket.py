"""How many things may happen in an hour, without counting them one by one."""

from __future__ import annotations

from typing import Final, final

__all__ = ["Bucket"]

HOUR: Final = 3600.0

ROUNDING: Final = 1e-6
"""Seconds that sums of floats may be wrong by."""


@final
class Bucket:
    """
    A token bucket: full at first, it lets *cap* through at once, and refills with *cap* per hour.

    All that it keeps is the time at which it will be full again (the generic cell rate algorithm).

    Args:
        cap: Tokens, 1 or more.
    """

    def __init__(self, cap: int) -> None:
        self._step = HOUR / cap
        self._reach = HOUR - self._step
        self._full_at = float("-inf")

    def take(self, now: float) -> bool:
        """Take a token, if there is one."""
        if self.wait(now) > ROUNDING:
            return False
        self._full_at = max(self._full_at, now) + self._step
        return True

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0 if there is one."""
        return max(0.0, self._full_at - now - self._reach)
