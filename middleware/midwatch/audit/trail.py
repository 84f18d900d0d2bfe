"""
`AuditTrail`: who did what, chained so that a change shows.

An event for every request that may change something and for every one that was refused, and for what the application
records itself; rules say more. As lines, events are written at the end of their request. With a store they are written
when its status is known, and the response waits for them: see `midwatch.audit.rules` for how long. What becomes of the
request after that is a second event, only if it is not what the first one said.
"""

from __future__ import annotations

import atexit
import os
import weakref
from time import time_ns
from typing import TYPE_CHECKING, Final, final

from ..answers import Hold
from ..delivery import flush
from ..plugin import Plugin
from .emitter import LAST_WORDS, Emitter
from .event import SAFE
from .ids import random_bits
from .pending import pending_of, wanted
from .refusal import REFUSAL
from .rules import DEFAULT, Rules
from .together import together, unmade

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..answers import Reply
    from ..exchange import Exchange
    from ..service import Service
    from .emitter import Keeping
    from .pending import Pending
    from .rules import Rule
    from .writer import Ack

__all__ = ["AuditTrail", "emit_pending", "latest", "trails_of"]

STRICT: Final = 5.0
"""Seconds that a strict request waits for the store, as long as it does not fail."""

SPILL: Final = 1.0
"""Seconds beyond the deadline of the store within which an event is on disk."""


@final
class AuditTrail(Emitter, Plugin):
    """
    Events of this process.

    Args:
        to: `"log"` for the logger `midwatch.audit`, a URL such as `"file:///path"`, or a callable that takes a line;
            with a store, `"log"` is for nothing.
        store: What keeps events, such as a `midwatch.audit.writer.Writer`.
        rules: Which requests are audited, and how.
        deadline: Seconds that the store has until a durable event is written to disk instead.
        secret: What ids of sessions are hashed with; a new one for each process unless given.
        service: Named in every event.
        clock: Nanoseconds since the epoch.
        ids: So many random bits, as a number.

    Raises:
        TypeError: *to* is neither text nor callable.
        ValueError: a URL that is not known, or a file that cannot be opened.
    """

    def __init__(
        self,
        *,
        to: str | Callable[[str], object] = "log",
        store: Keeping | None = None,
        rules: Sequence[Rule] = (),
        deadline: float = 0.25,
        secret: bytes | None = None,
        service: Service | None = None,
        clock: Callable[[], int] = time_ns,
        ids: Callable[[int], int] = random_bits,
    ) -> None:
        super().__init__(to, store, secret=secret, service=service, clock=clock, ids=ids)
        self._rules, self._wait = Rules(rules), deadline + SPILL
        _trails.add(self)
        _remember(self)

    @property
    def stored(self) -> bool:
        """Whether a store keeps its events."""
        return self._store is not None

    def on_startup(self) -> None:
        """Begin with checkpoints, if there are any."""
        start = getattr(self._store, "start", None)
        if start is not None:
            start()

    def on_request(self, exchange: Exchange) -> Reply | Hold | None:
        """Have the intent of a strict request in the store before it is handled; refuse it otherwise."""
        if not self._rules or self._store is None:
            return None
        rule = self._rules.before(exchange)
        if rule is None:
            return None
        ack = self.emit("request", exchange, rule=rule, stage="intent", code=self._rules.intended(exchange)) or unmade()
        wanted(exchange).intents[id(self)] = ack
        return Hold(ack, STRICT, REFUSAL)

    def on_response(self, exchange: Exchange) -> Hold | None:
        """Have the response wait for its events, where there is a store, or a websocket for its opening."""
        pending = pending_of(exchange)
        if self._store is None and exchange.kind != "websocket":
            return None
        if pending is None and not self._rules and exchange.method in SAFE and exchange.kind == "http":
            rule = DEFAULT if exchange.status == 401 or exchange.status == 403 else None
        else:
            rule = self._rule(exchange, pending)
        if (rule is None or self._can_wait(exchange, rule)) and (pending is None or not pending.entries):
            return None
        return self._respond(exchange, pending, rule)

    def _respond(self, exchange: Exchange, pending: Pending | None, rule: Rule | None) -> Hold | None:
        if rule is not None and pending is not None and rule.mode == "strict" and self._refused(pending):
            rule = rule._replace(mode="durable")
        strict = rule is not None and rule.mode == "strict"
        acks: list[Ack | None] = []
        if pending is not None and self._store is not None:
            acks = emit_pending(exchange, pending, rule)
        if rule is not None and not self._can_wait(exchange, rule):
            told = pending is not None and id(self) in pending.told
            ack = self._tell(exchange, pending, rule)
            if not told:
                acks.append(ack)
        if strict and acks and self._store is not None:
            # An event that could not be made must not let the response through.
            return Hold(together([ack or unmade() for ack in acks]), STRICT, REFUSAL)
        last = next((ack for ack in reversed(acks) if ack is not None), None)
        return None if last is None else Hold(last, self._wait)

    def _rule(self, exchange: Exchange, pending: Pending | None) -> Rule | None:
        """The rule of a request whose status is known; one that has an intent has an outcome, whatever rules say."""
        rule = self._rules.of(exchange, pending)
        if rule is None and pending is not None and id(self) in pending.intents:
            return DEFAULT
        return rule

    @staticmethod
    def _can_wait(exchange: Exchange, rule: Rule) -> bool:
        """Whether nobody waits for its event, which therefore is made once all is known."""
        return rule.mode == "async" and exchange.kind == "http"

    def _refused(self, pending: Pending) -> bool:
        """Whether the answer is the refusal: the store has been waited for, and is not asked twice."""
        ack = pending.intents.get(id(self))
        return ack is not None and (not ack.done() or ack.exception() is not None)

    def on_finish(self, exchange: Exchange) -> None:
        """Emit what has not been told of, and what turned out otherwise."""
        pending = pending_of(exchange)
        if pending is not None:
            emit_pending(exchange, pending)
        elif not self._rules and exchange.method in SAFE and exchange.kind == "http":
            if exchange.status == 401 or exchange.status == 403:
                self._tell(exchange, None, DEFAULT)
            return
        rule = self._rule(exchange, pending)
        if rule is None or (pending is None and exchange.kind == "http" and self.afterwards(exchange, rule)):
            return
        self._tell(exchange, pending, rule)

    def _tell(self, exchange: Exchange, pending: Pending | None, rule: Rule) -> Ack | None:
        """The event of the request itself: once, and again if it became something else."""
        over = exchange.outcome is not None
        websocket = exchange.kind == "websocket" and exchange.status == 101
        told = None if pending is None else pending.told.get(id(self))
        if told is None:
            stage = "outcome" if pending is not None and id(self) in pending.intents else None
            code = "open" if websocket and not over else None
            return self.emit("request", exchange, rule=rule, stage=stage, code=code)
        if websocket and over:
            self.emit("request", exchange, rule=rule, code="close")
        elif over:
            self.emit("request", exchange, rule=rule, stage="outcome", unlike=told)
        return None

    def on_shutdown(self, deadline: float) -> None:
        """Close the stream and have it written."""
        self.close(deadline)
        flush(deadline)


def trails_of(exchange: Exchange) -> list[AuditTrail]:
    """The trails that watch *exchange*."""
    return [plugin for plugin in exchange.moments.plugins if type(plugin) is AuditTrail]


def emit_pending(exchange: Exchange, pending: Pending, rule: Rule | None = None) -> list[Ack | None]:
    """
    Emit what waits, each record once, whoever else is doing the same.

    Args:
        rule: Of the request; what the application records is never less than durable.

    Returns:
        what is resolved once each of them is durable, of trails with a store; None for what could not be made.
    """
    entries = pending.entries
    if not entries:
        return []
    trails = trails_of(exchange)
    how = DEFAULT if rule is None else rule if rule.mode == "strict" else DEFAULT._replace(level=rule.level)
    acks: list[Ack | None] = []
    while True:
        try:
            entry = entries.popleft()
        except IndexError:
            return acks
        for trail in trails:
            ack = trail.emit(entry.kind, exchange, entry, rule=how)
            if trail.stored:
                acks.append(ack)


_trails: weakref.WeakSet[AuditTrail] = weakref.WeakSet()
_latest: weakref.ref[AuditTrail] | None = None


def latest() -> AuditTrail | None:
    """The trail that was made last, if it still lives: the one of code that serves no request."""
    return None if _latest is None else _latest()


def _remember(trail: AuditTrail) -> None:
    global _latest  # noqa: PLW0603 - a process has one
    _latest = weakref.ref(trail)


def _after_fork() -> None:
    for trail in list(_trails):
        trail.new_process()


def _at_exit() -> None:
    """A script has no door that would stop its trail."""
    if any([trail.close() for trail in list(_trails)]):  # noqa: C419 - all of them
        flush(LAST_WORDS)


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
