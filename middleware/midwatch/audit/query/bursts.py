"""Failed authentications that belong together: bursts, spraying, stuffing, and a success after failures."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final, final

from .attempts import attempts
from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..stores.store import Filter
    from .asking import Source
    from .finding import Severity, Thresholds

__all__ = ["bursts"]

KEYS: Final = 20_000
"""Actors, and addresses, that are watched at once; the quietest is given up first."""

REMEMBERED: Final = 1_000
"""Failures of one of them that a window holds at most."""

SECOND: Final = 1_000_000_000

MEDIUM: Final = "medium"
HIGH: Final = "high"


@final
class Watched:
    """
    One actor or one address.

    Attributes:
        recent: Its failures within the window: when, whom or where from, which event.
        count, others, ids, begin: Of the run that goes on; 0 and nothing where there is none.
    """

    __slots__ = ("begin", "count", "ids", "last", "most_others", "recent")

    def __init__(self) -> None:
        self.recent: deque[tuple[int, str, str]] = deque(maxlen=REMEMBERED)
        self.count = self.most_others = self.begin = self.last = 0
        self.ids: list[str] = []

    def failed(self, time: int, other: str, event: str, window: int, least: int, most_ids: int) -> None:
        """Take up a failure; a run begins when the window holds *least*."""
        self.forget(time - window)
        self.recent.append((time, other, event))
        self.last = time
        if self.count:
            self.count += 1
            self.ids.append(event)
        elif len(self.recent) >= least:
            self.count, self.begin = len(self.recent), self.recent[0][0]
            self.ids = [one for _, _, one in self.recent]
        if self.count:
            del self.ids[most_ids:]
            # Its window is short unless somebody is at it, and then once per failure is often enough.
            if self.count <= REMEMBERED or not self.count % 100:
                self.most_others = max(self.most_others, len({name for _, name, _ in self.recent if name}))

    def forget(self, before: int) -> None:
        """Let go of what is older."""
        while self.recent and self.recent[0][0] < before:
            self.recent.popleft()


@final
class Side:
    """All actors, or all addresses."""

    def __init__(self, noun: str, thresholds: Thresholds) -> None:
        self._noun = noun
        self._thresholds = thresholds
        self._window = int(thresholds.window * SECOND)
        self._many = thresholds.stuffing if noun == "actor" else thresholds.spray
        self._least = min(thresholds.burst, self._many)
        self._watched: OrderedDict[str, Watched] = OrderedDict()

    def failed(self, key: str, time: int, other: str, event: str) -> Iterator[Finding]:
        """A failure of *key*; the runs that are over by now."""
        one = self._watched.get(key)
        if one is None:
            one = self._watched[key] = Watched()
        elif one.count and time - one.last > self._window:
            yield from self._told(key, one)
            one = self._watched[key] = Watched()
        self._watched.move_to_end(key)
        one.failed(time, other, event, self._window, self._least, self._thresholds.ids)
        if len(self._watched) > KEYS:
            yield from self._told(*self._watched.popitem(last=False))

    def guessed(self, key: str, time: int) -> list[tuple[int, str, str]]:
        """The failures of *key* right before its success at *time*; they do not count for another one."""
        one = self._watched.get(key)
        if one is None:
            return []
        one.forget(time - self._window)
        found = list(one.recent)
        one.recent.clear()
        return found

    def rest(self) -> Iterator[Finding]:
        """Those that were going on at the end."""
        for key, one in self._watched.items():
            yield from self._told(key, one)

    def _told(self, key: str, one: Watched) -> Iterator[Finding]:
        severity: Severity
        numbers: dict[str, int | float | str] = {
            "failures": one.count,
            "seconds": round((one.last - one.begin) / SECOND),
            "actors" if self._noun == "address" else "addresses": one.most_others,
        }
        said = f"{one.count} failed authentications within {numbers['seconds']} s"
        kind, severity = "", MEDIUM
        if one.count and one.most_others >= self._many:
            kind, severity = ("spraying" if self._noun == "address" else "stuffing"), HIGH
            said += f", {'as' if self._noun == 'address' else 'from'} {one.most_others} different "
            said += "actors" if self._noun == "address" else "addresses"
        elif one.count >= self._thresholds.burst:
            kind = "auth-burst"
        if kind:
            by = f"from {key}" if self._noun == "address" else f"of {key}"
            sentence = f"{said} ({by})."
            yield Finding(kind, severity, key, sentence, one.begin, one.last, numbers, tuple(one.ids))


def bursts(source: Source, wanted: Filter, thresholds: Thresholds) -> Iterator[Finding]:
    """What the authentications of *wanted* show, read once in the order of time."""
    actors, addresses = Side("actor", thresholds), Side("address", thresholds)
    for time, actor, ip, outcome, event in attempts(source, wanted):
        if outcome in {"failure", "denied"}:
            if actor:
                yield from actors.failed(actor, time, ip or "", event or "")
            if ip:
                yield from addresses.failed(ip, time, actor or "", event or "")
        elif outcome == "success" and actor:
            before = actors.guessed(actor, time)
            if len(before) >= thresholds.guesses:
                yield _guess(actor, time, event or "", before, thresholds)
    yield from actors.rest()
    yield from addresses.rest()


def _guess(actor: str, time: int, event: str, before: list[tuple[int, str, str]], thresholds: Thresholds) -> Finding:
    places = {place for _, place, _ in before if place}
    seconds = round((time - before[0][0]) / SECOND)
    said = f"{actor} was authenticated after {len(before)} failures within {seconds} s"
    said += " from 1 address." if len(places) == 1 else f" from {len(places)} addresses."
    numbers: dict[str, int | float | str] = {"failures": len(before), "seconds": seconds, "addresses": len(places)}
    ids = (*(one for _, _, one in before[-(thresholds.ids - 1) :]), event)
    return Finding("failures-then-success", "high", actor, said, before[0][0], time, numbers, ids)
