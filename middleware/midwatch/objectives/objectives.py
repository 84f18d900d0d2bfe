"""All objectives of a service, watched over six hours, and what `/health` says of them."""

from __future__ import annotations

import os
import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, final

from ..health.result import Status
from ..routes import route_pattern
from . import figures
from .history import STEP, History
from .increase import Increases
from .objective import NEITHER, burn_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .objective import Counted, Objective

__all__ = ["WINDOWS", "Objectives"]

WINDOWS: Final = {"5m": 300.0, "30m": 1800.0, "1h": 3600.0, "6h": 21600.0}
"""Seconds; the names are PromQL's."""

SHOWN: Final = ("5m", "1h", "6h")

BURNS: Final = ((14.4, "5m", "1h"), (6.0, "30m", "6h"))
"""
Burn rates that are too much in both windows: 2 % of a month's budget in an hour, 5 % in six (The Site Reliability
Workbook, "Alerting on SLOs", 6). The short window ends the warning soon after the trouble.
"""

LEAST: Final = 10
"""Requests of the short window below which nothing is said: one unlucky request of three is no outage."""

MOST_ROUTES: Final = 4096

_all: weakref.WeakSet[Objectives] = weakref.WeakSet()


@final
class Objectives:
    """
    Watches the objectives: `turn` about every second, `block` whenever `/health` is read.

    Args:
        objectives: Which ones; names are unique.
        counted: All that was counted, of all workers (`LatencyMetrics.counted`).
        bounds: Upper bounds of its buckets, seconds.
        besides: Routes of probes and of the page of metrics, which are no requests of users: left out by objectives
            that are about all routes. As `Objective.match`.
        clock: Seconds; never goes back.

    Raises:
        ValueError: a name is given twice, or `within` of one is no bound.
    """

    def __init__(
        self,
        objectives: Iterable[Objective],
        counted: Callable[[], Iterable[Counted]],
        bounds: Sequence[float],
        clock: Callable[[], float] = monotonic,
        *,
        besides: Iterable[str] = (),
    ) -> None:
        self._objectives = list(objectives)
        names = [objective.name for objective in self._objectives]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"objective {name!r}: the name is given twice")
        self._bounds = tuple(bounds)
        for objective in self._objectives:
            objective.place(self._bounds)
        self._counted = counted
        self._clock = clock
        self._besides = [route_pattern(route).fullmatch for route in besides]
        self.forget()
        _all.add(self)

    def forget(self) -> None:
        """Start afresh, as a forked child must: a thread of the parent may have been in the midst of a turn."""
        now = self._clock()
        self._lock = threading.Lock()
        self._increases = Increases()
        self._histories = [History(2 * len(self._bounds) + 2, now) for _ in self._objectives]
        self._routes: dict[tuple[str, str], tuple[int, ...]] = {}
        self._due = now
        self._block: tuple[Status, dict[str, Any]] = self._judged(now)

    def turn(self) -> None:
        """Look at what was counted, if it is time; a turn that another thread is in is not waited for."""
        if not self._objectives or self._clock() < self._due or not self._lock.acquire(blocking=False):
            return
        try:
            now = self._clock()
            self._due = now + STEP
            self._take()
            for history in self._histories:
                history.note(now)
            self._block = self._judged(now)
        finally:
            self._lock.release()

    def block(self) -> tuple[Status, dict[str, Any]]:
        """What the last turn found, up to ten seconds old: pass or warn, never fail, and the figures by objective."""
        return self._block

    def _take(self) -> None:
        width = len(self._bounds) + 1
        for series, increase in self._increases.of(self._counted()):
            if series.error_type in NEITHER or len(increase) != width:
                continue
            place = width if _has_failed(series) else 0
            for index in self._about(series.method, series.route or ""):
                self._histories[index].add(place, increase)

    def _about(self, method: str, route: str) -> tuple[int, ...]:
        """Which objectives a request belongs to."""
        key = method, route
        found = self._routes.get(key)
        if found is None:
            if len(self._routes) >= MOST_ROUTES:
                self._routes.clear()
            beside = any(matches(f"{method} {route}") is not None for matches in self._besides)
            found = self._routes[key] = tuple(
                index
                for index, objective in enumerate(self._objectives)
                if objective.about(method, route) and (objective.match or not beside)
            )
        return found

    def _judged(self, now: float) -> tuple[Status, dict[str, Any]]:
        found = [
            self._shown(objective, history, now)
            for objective, history in zip(self._objectives, self._histories, strict=True)
        ]
        block = {objective.name: shown for objective, shown in zip(self._objectives, found, strict=True)}
        warns = any(shown["status"] == Status.WARN for shown in found)
        return (Status.WARN if warns else Status.PASS), block

    def _shown(self, objective: Objective, history: History, now: float) -> dict[str, Any]:
        width = len(self._bounds) + 1
        windows: dict[str, dict[str, Any]] = {}
        for name, seconds in WINDOWS.items():
            row, watched = history.window(seconds, now)
            windows[name] = figures.window(objective, self._bounds, row[:width], row[width:])
            if watched < seconds:
                windows[name]["watched_seconds"] = round(watched)
        burns = any(
            windows[short]["total"] >= LEAST
            and min(windows[short]["burn_rate"], windows[long]["burn_rate"]) > burn_limit(factor, objective.target)
            for factor, short, long in BURNS
        )
        shown: dict[str, Any] = {"status": str(Status.WARN if burns else Status.PASS), "target": objective.target}
        if objective.within is not None:
            shown["within_seconds"] = objective.within
        return shown | {"windows": {name: windows[name] for name in SHOWN}}


def _has_failed(series: Counted) -> bool:
    """By status, or by an exception: what is no error has no `error_type`."""
    status = str(series.status or "")
    return bool(series.error_type) or (status.isdecimal() and int(status) >= 500)


def _after_fork() -> None:
    for objectives in list(_all):
        objectives.forget()


os.register_at_fork(after_in_child=_after_fork)
