"""
How long a tracker wants to be left alone.

https://develop.sentry.dev/sdk/expected-features/rate-limiting/. Any answer may say so: `X-Sentry-Rate-Limits` holds
limits with commas between them, each of seconds, categories with semicolons between them (none: all), and more that is
of no interest, with colons between these. One that refuses with 429 and does not say is left alone for a minute.
"""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from ....posting.answer import DAY, pause_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Limits", "asked"]

CATEGORY: Final = "error"
"""What our events count as."""

UNTOLD: Final = 60.0

MOST: Final = 8192
"""Characters of the header that are read."""

_seconds: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,9})?").fullmatch


def asked(told: str) -> float:
    """Seconds without errors that `X-Sentry-Rate-Limits` asks for, the longest and at most a day; 0 for none."""
    longest = 0.0
    for limit in told[:MOST].split(","):
        seconds, _, rest = limit.strip().partition(":")
        categories = [category.strip().lower() for category in rest.partition(":")[0].split(";")]
        if _seconds(seconds) and (CATEGORY in categories or not any(categories)):
            longest = max(longest, min(float(seconds), DAY))
    return longest


@final
class Limits:
    """
    What one tracker has asked for.

    Args:
        clock: Seconds, of any start.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._until = 0.0

    def active(self) -> bool:
        """Whether nothing is to be sent now."""
        return self._clock() < self._until

    def heed(self, status: int, headers: Mapping[str, str]) -> None:
        """Note what an answer asks for; the longest holds."""
        pause = asked(headers.get("X-Sentry-Rate-Limits", ""))
        if status == 429 and not pause:
            pause = pause_of(headers.get("Retry-After", "")) or UNTOLD
        if pause:
            self._until = max(self._until, self._clock() + pause)
