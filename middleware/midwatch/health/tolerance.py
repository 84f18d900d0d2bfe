"""How often a check may fail before it counts, and how often it has to pass before it counts again."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias, final

from .result import Status

__all__ = ["Limit", "Patience", "Tolerance", "limit"]

Limit: TypeAlias = int | str
"""So many runs in a row, or so many seconds, as in `"30s"`."""

_seconds = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?s")


class Patience(NamedTuple):
    """
    What has to come together before a status changes.

    Attributes:
        runs: So many in a row.
        seconds: From the first of them to the last.
    """

    runs: int = 1
    seconds: float = 0.0

    def over(self, runs: int, seconds: float) -> bool:
        """Whether so many *runs* within so many *seconds* are enough."""
        return runs >= self.runs and seconds >= self.seconds


def limit(place: str, given: Limit) -> Patience:
    """
    Read *given*, a number of runs or text such as `"30s"`.

    Raises:
        ValueError: anything else.
    """
    if isinstance(given, str):
        found = _seconds.fullmatch(given.strip())
        if found:
            return Patience(1, float(found[1]))
    elif isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= 1000:
        return Patience(given)
    raise ValueError(f"{place}: {given!r} is neither a number of runs from 1 to 1000 nor seconds such as '30s'")


@final
class Tolerance:
    """
    The status that counts, from what the runs of a check say.

    A failure that is still tolerated is a concern: it shows as `warn`. The first run of all is believed at once.

    Args:
        fail: What makes a failure count.
        recover: What ends it.
    """

    def __init__(self, fail: Patience, recover: Patience) -> None:
        self._fail, self._recover = fail, recover
        self._failing = False
        self._other = 0
        self._since = 0.0
        self._first = True

    def weigh(self, said: Status, now: float) -> tuple[Status, str | None]:
        """What counts after a run that *said* so, and why that is not what it said."""
        failed = said in (Status.FAIL, Status.UNKNOWN)
        if self._first:
            self._first, self._failing = False, failed
        if failed is self._failing:
            self._other = 0
            return said, None
        if self._other == 0:
            self._since = now
        self._other += 1
        needed = self._fail if failed else self._recover
        if needed.over(self._other, now - self._since):
            self._failing, self._other = failed, 0
            return said, None
        word = "tolerated" if failed else "recovering"
        so_far = f"{self._other} of {needed.runs}" if needed.runs > 1 else f"for {needed.seconds:g} s"
        return (Status.WARN if failed else Status.FAIL), f"{word}, {so_far}"
