"""
When people are told of an error, and when they are spared.

| notice | when |
| --- | --- |
| `first` | at once |
| `count` | the error has occurred 10, 100, 1000 ... times |
| `returned` | it occurs after `quiet` seconds of silence; then it counts afresh |
| `digest` | `window` seconds after the first occurrence that nobody was told of: how often what has occurred since |
| `suppressed` | what the cap kept back, as soon as it lets a notice through, if that is before the digest |

The cap is for all but digests, which their window limits. Nothing here sends, waits, or knows the time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Literal, final

from .bucket import Bucket
from .verdicts import Line, Summary, Told

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Policy"]

KEPT: Final = 1000
"""Fingerprints that are remembered."""


@final
class _Known:
    """What is remembered of one fingerprint."""

    __slots__ = ("last", "since", "times", "title", "untold")

    def __init__(self, now: float, since: float) -> None:
        self.times = 1
        self.last = now
        self.since = since
        self.title = ""
        self.untold = 0


@final
class Policy:
    """
    Decides of each occurrence, and gathers those that it keeps.

    Times are seconds: *now* of a clock that never goes back, *wall* since the epoch.

    Args:
        quiet: Silence after which an error is news again.
        window: In which occurrences gather to one digest.
        cap: Notices in an hour.
        kept: Fingerprints that are remembered; the one that has not occurred for the longest time is forgotten first.

    Attributes:
        due: The time of the clock at which `collect` has something to say; None while there is nothing.
    """

    def __init__(self, *, quiet: float = 86_400.0, window: float = 600.0, cap: int = 20, kept: int = KEPT) -> None:
        self._quiet, self._window, self._kept = quiet, window, kept
        self._bucket = Bucket(cap)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        # Re-entrant: a signal handler may come in while it is held.
        self._lock = threading.RLock()
        self._untold_since = 0.0
        self._forgotten = self._suppressed = 0
        self._closes: float | None = None
        self.due: float | None = None

    def saw(self, fingerprint: str, now: float, wall: float) -> Told | None:
        """Count an occurrence; None where it says nothing new."""
        with self._lock:
            known, told = self._counted(fingerprint, now, wall)
            if told is not None and not self._bucket.take(now):
                told = told._replace(capped=True)
                self._suppressed += 1
            if told is None or told.capped:
                known.untold += 1
                if self._closes is None:
                    self._closes, self._untold_since = now + self._window, wall
                self._set(now)
            return told

    def _counted(self, fingerprint: str, now: float, wall: float) -> tuple[_Known, Told | None]:
        known = self._known.get(fingerprint)
        if known is None:
            known = self._known[fingerprint] = _Known(now, wall)
            self._make_room()
            return known, Told("first", 1, wall, 0.0, capped=False)
        self._known.move_to_end(fingerprint)
        silence, known.last = now - known.last, now
        if silence >= self._quiet:
            known.times, known.since = 1, wall
            return known, Told("returned", 1, wall, silence, capped=False)
        known.times += 1
        if _is_step(known.times):
            return known, Told("count", known.times, known.since, 0.0, capped=False)
        return known, None

    def _make_room(self) -> None:
        if len(self._known) > self._kept:
            self._forgotten += self._known.popitem(last=False)[1].untold

    def name(self, fingerprint: str, title: str) -> None:
        """What a fingerprint is called in summaries, if it is still remembered."""
        with self._lock:
            known = self._known.get(fingerprint)
            if known is not None:
                known.title = title

    def collect(self, now: float, *, closing: bool = False) -> Summary | None:
        """
        What is to be said now, if anything; it is then told.

        Args:
            now: Of the clock.
            closing: There will be no later.
        """
        with self._lock:
            if self._closes is None:
                return None
            kind: Literal["digest", "suppressed"] = "digest"
            if not closing and now < self._closes:
                if not self._suppressed or not self._bucket.take(now):
                    self._set(now)
                    return None
                kind = "suppressed"
            lines = sorted(self._lines(), key=lambda line: (-line.untold, line.title, line.fingerprint))
            summary = Summary(kind, lines, self._forgotten, self._suppressed, self._untold_since)
            self._start_afresh()
            return summary

    def _lines(self) -> Iterator[Line]:
        for fingerprint, known in self._known.items():
            if known.untold:
                yield Line(fingerprint, known.title, known.untold, known.times, known.since)

    def _set(self, now: float) -> None:
        if self._closes is not None:
            self.due = min(self._closes, now + self._bucket.wait(now)) if self._suppressed else self._closes

    def _start_afresh(self) -> None:
        for known in self._known.values():
            known.untold = 0
        self._forgotten = self._suppressed = 0
        self._closes = self.due = None

    def after_fork(self) -> None:
        """In the child: what is known stays known, what is to be told is the parent's to tell."""
        self._lock = threading.RLock()
        self._start_afresh()


def _is_step(count: int) -> bool:
    """Whether it is 10, 100, 1000 ..."""
    while count % 10 == 0:
        count //= 10
        if count == 1:
            return True
    return False
