"""
`Shedding`: some requests are turned away while the service is saturated, so that the others are served.

Only routes that the settings name, only above a score, and the more of them the higher it is: none at *above*, all at
100. Probes never. It is decided before the application routes, so that a request that is shed costs next to nothing.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from concurrent.futures import Future
from random import SystemRandom
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, final

from ..answers import Hold, Reply
from ..logs.safe import encode_line
from ..plugin import Plugin
from ..quiet import Quiet
from ..routes import Routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..exchange import Exchange
    from ..metrics.store import Store

__all__ = ["Shedding"]

_chance: Final = SystemRandom().random

HELD: Final = 256
"""Answers that are held back at once; each costs a task and a connection."""


@final
class Shedding(Plugin):
    """
    Turn requests for sheddable routes away with 503 while the service is saturated.

    Asked after the plugins that answer for themselves, so that it knows what a probe is.

    Args:
        match: Routes that may be shed, such as `"GET /search"` (see `midwatch.routes`).
        score: How saturated the service is, 0 to 100.
        store: Where `http_server_requests_shed_total` is kept, by the route as *match* has it.
        above: Score from which on requests are shed.
        retry_after: Seconds after which a client may come again; up to twice as many, so that not all come at once.
        slow: Seconds that an ASGI server holds a 503 back. A server that fails faster than its neighbours serve gets
            more and more of the traffic, where a load balancer counts connections.
        chance: From 0 up to 1.
        clock: Seconds; only differences count.

    Raises:
        ValueError: nothing to match, a score that is none, a time below zero.
        TypeError: *match* is one string.
    """

    def __init__(
        self,
        match: Iterable[str],
        *,
        score: Callable[[], float],
        store: Store,
        above: float = 90.0,
        retry_after: float = 5.0,
        slow: float = 0.0,
        chance: Callable[[], float] = _chance,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if isinstance(match, str):
            raise TypeError(f"metrics.shed.match: {match!r} is one string; give a list of routes")
        rules = {route: route.rpartition(" ")[2] for route in match}
        if not rules or not all(path.startswith(("/", "*")) for path in rules.values()):
            raise ValueError("metrics.shed.match: routes such as 'GET /search' are needed")
        if not 0.0 <= above < 100.0:
            raise ValueError(f"metrics.shed.above: {above} is not a score from 0 up to 100")
        if not (0.0 <= retry_after < math.inf and 0.0 <= slow < math.inf):
            raise ValueError(f"metrics.shed: {retry_after} s, {slow} s: times are neither below zero nor endless")
        self._routes = Routes(rules)
        self._score, self._above = score, above
        self._retry_after, self._slow = retry_after, slow
        self._chance, self._clock = chance, clock
        self._shed = store.counter("http_server_requests_shed", "Requests that were turned away.", ("http_route",))
        self._held: deque[float] = deque()
        self._quiet = Quiet(clock)

    def on_request(self, exchange: Exchange) -> Reply | Hold | None:
        """Turn the request away, or leave it alone."""
        score = self._score()
        if not score > self._above or exchange.probe or exchange.kind != "http":
            return None
        path = self._routes.of(exchange)
        if path is None or self._chance() >= (score - self._above) / (100.0 - self._above):
            return None
        if "*" not in path and exchange.route is None:
            exchange.route = path
        self._shed.add(1.0, path)
        self._quiet.say(logging.WARNING, f"requests are turned away: the service is {score:.0f} % saturated")
        reply = self._reply(exchange)
        if self._slow and exchange.loop is not None and self._may_hold():
            return Hold(Future(), self._slow, reply)
        return reply

    def _reply(self, exchange: Exchange) -> Reply:
        """The 503 (RFC 9110 section 15.6.4) as a problem (RFC 9457), to come again later (section 10.2.3)."""
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": "The service is saturated; try again later.",
        }
        ids = {"request_id": exchange.request_id, "trace_id": exchange.trace_id}
        members.update({name: value for name, value in ids.items() if value is not None})
        seconds = max(1, round(self._retry_after * (1.0 + self._chance())))
        headers = {"retry-after": str(seconds), "cache-control": "no-store"}
        return Reply(503, encode_line(members), media_type="application/problem+json", headers=headers)

    def _may_hold(self) -> bool:
        """Whether one more answer may be held back; the number of those that are is bounded."""
        now = self._clock()
        while self._held and self._held[0] <= now:
            self._held.popleft()
        if len(self._held) >= HELD:
            return False
        self._held.append(now + self._slow)
        return True
