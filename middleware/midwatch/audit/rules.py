"""
Which requests are audited, and how.

The first rule that fits counts. What fits none is audited if it may change something, was refused, or is a websocket.
"""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, Final, NamedTuple, final

from ..routes import Routes
from .event import REFUSED, SAFE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..exchange import Actor, Exchange
    from .pending import Pending

__all__ = ["DEFAULT", "Rule", "Rules"]


class Rule(NamedTuple):
    """
    What happens with the requests that it matches. Whatever is empty fits everything.

    Attributes:
        match: Routes such as `POST /orders/{id}` (see `midwatch.routes`), of which one has to fit.
        status: First and last status of ranges.
        actor: `type`, or `type:id` in which `*` is any text; `anonymous` is who has not said.
        mode: `strict`, `durable` or `async`; None for `durable`, and `async` for what changes nothing.
        level: `minimal`: who, what, outcome; `metadata`: and where from; `detail`: and what can be erased.
        skip: Whether there is no event.
    """

    match: tuple[str, ...] = ()
    status: tuple[tuple[int, int], ...] = ()
    actor: tuple[str, ...] = ()
    mode: str | None = None
    level: str = "detail"
    skip: bool = False


DEFAULT: Final = Rule(mode="durable")
"""For what no rule fits, if it is audited."""


@final
class Rules:
    """
    Rules, ready to be asked.

    Args:
        rules: In their order.
    """

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._rules = [_Ready(rule) for rule in rules]
        self._strict = any(rule.mode == "strict" for rule in rules)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def before(self, exchange: Exchange) -> Rule | None:
        """
        The strict rule of a request that is still to be handled, if there is one.

        Frameworks have not routed it yet: its path stands for its route, and rules that ask for more cannot fit yet.
        A rule for routes that do skip it comes first, so that both looks agree.
        """
        if not self._strict:
            return None
        for ready in self._rules:
            if not ready.late and ready.matches(exchange):
                return ready.rule if ready.rule.mode == "strict" and not ready.rule.skip else None
        return None

    def intended(self, exchange: Exchange) -> str | None:
        """What stands for the route of a request that is still to be handled: the template of its rule."""
        found = (ready for ready in self._rules if not ready.late and ready.matches(exchange))
        return next((ready.template(exchange) for ready in found), None)

    def of(self, exchange: Exchange, pending: Pending | None) -> Rule | None:
        """The rule of a request whose status is known; None if it is not audited."""
        for ready in self._rules:
            if ready.fits(exchange):
                if ready.rule.skip:
                    return None
                return ready.changes if exchange.method not in SAFE or exchange.status in REFUSED else ready.reads
        if exchange.method not in SAFE or exchange.status in REFUSED or exchange.kind == "websocket":
            return DEFAULT
        return DEFAULT if pending is not None and (pending.denied or pending.dropped) else None


@final
class _Ready:
    """A rule with nothing left to work out: what it means for reads, and for changes and refusals."""

    __slots__ = ("_actors", "_routes", "changes", "late", "reads", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.changes = rule._replace(mode=rule.mode or "durable")
        self.reads = rule._replace(mode=rule.mode or "async")
        self.late = bool(rule.status or rule.actor)
        self._routes = Routes({route: route for route in rule.match})
        self._actors = [_matcher(actor) for actor in rule.actor]

    def matches(self, exchange: Exchange) -> bool:
        """Whether its routes fit."""
        return not self._routes or self._routes.of(exchange) is not None

    def template(self, exchange: Exchange) -> str | None:
        """The template of a request that has no route yet."""
        return (self._routes.of(exchange) or "").rpartition(" ")[2] or None

    def fits(self, exchange: Exchange) -> bool:
        """Whether all of it does."""
        rule = self.rule
        if not self.matches(exchange):
            return False
        if rule.status:
            status = exchange.status
            if status is None or not any(first <= status <= last for first, last in rule.status):
                return False
        return not self._actors or self._fits_actor(exchange.actor)

    def _fits_actor(self, actor: Actor | None) -> bool:
        try:
            text = "anonymous:" if actor is None else f"{actor.type}:{actor.id}"
        except Exception:
            # Plugins may set any object; one that has no text fits no rule.
            return False
        return any(matches(text) for matches in self._actors)


def _matcher(actor: str) -> Callable[[str], object]:
    kind, colon, identity = actor.partition(":")
    # Without classes of characters: an id may hold brackets.
    pattern = f"{kind}:{identity if colon else '*'}".replace("[", "[[]")
    return re.compile(translate(pattern)).match
