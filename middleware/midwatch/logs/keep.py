"""
Which requests have a line, and at which level.

What failed always has one, and so has what was slow. Of the rest a share is kept, the same requests in every service,
since the trace id decides; such a line says of how many it is one (`request.sample.ratio`).
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, final

from ..answers import Outcome
from ..routes import Routes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..exchange import Exchange

__all__ = ["CHANGES", "Keep", "Rule", "Verdict"]

CHANGES: Final = "changes"

Rule: TypeAlias = "int | Literal['changes', False]"
"""A level for requests that went well, `changes` for a line only when they fail or recover, or False for none."""

OK: Final = Outcome.OK

ALL: Final = 1 << 56

KNOWN: Final = 1024
"""Routes of which it is remembered whether they failed."""


class Verdict(NamedTuple):
    """
    There is a line.

    Attributes:
        level: Of the line.
        name: Of the level.
        ratio: Share of such requests that have one; None for all.
    """

    level: int
    name: str
    ratio: float | None = None


@final
class Keep:
    """
    Decides for each request.

    Args:
        routes: By route, for what went well; the first that matches.
        ratio: Share of what is neither a failure nor slow.
        slower_than: Seconds from which a request is slow; None for never.
        probes: What Midwatch answers itself, health and metrics: `changes`, `all`, or `none` of what passes.
        chance: From 0 to 1, for what has no trace id.
    """

    def __init__(
        self,
        *,
        routes: Mapping[str, Rule] | None = None,
        ratio: float = 1.0,
        slower_than: float | None = None,
        probes: str = "changes",
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._routes = Routes(routes or {})
        self._ratio = ratio
        self._least = ALL - round(ratio * ALL)
        self._slow = slower_than
        rules: dict[str, Rule | None] = {CHANGES: CHANGES, "all": None, "none": False}
        self._probes = rules[probes]
        self._chance = chance
        self._failing: dict[str, bool] = {}
        self.always = not self._routes and ratio >= 1
        """Whether all but probes have a line, at the level of their outcome."""

    def verdict(self, exchange: Exchange, level: int, name: str) -> Verdict | None:
        """The line of *exchange*, whose outcome asks for *level*; None for no line."""
        rule = self._probes if exchange.probe else self._routes.of(exchange)
        if rule == CHANGES:
            return Verdict(level, name) if self._is_news(exchange) else None
        if exchange.outcome is not OK:
            return Verdict(level, name)
        if rule is not None and rule is not False:
            level, name = rule, logging.getLevelName(rule)
        if self._slow is not None and exchange.duration >= self._slow:
            return Verdict(level, name)
        if rule is False:
            return None
        if self._ratio >= 1 or exchange.probe:
            return Verdict(level, name)
        return Verdict(level, name, self._ratio) if self._is_chosen(exchange.trace_id) else None

    def _is_news(self, exchange: Exchange) -> bool:
        """It fails, or did so the last time."""
        route = exchange.route or exchange.method
        failing = exchange.outcome is not OK or (exchange.status or 0) >= 400
        if failing:
            if len(self._failing) >= KNOWN:
                self._failing.clear()
            self._failing[route] = True
            return True
        return self._failing.pop(route, False)

    def _is_chosen(self, trace_id: str | None) -> bool:
        if trace_id is None:
            return self._chance() < self._ratio
        return int(trace_id[-14:], 16) >= self._least
