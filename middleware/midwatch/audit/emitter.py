"""Makes events and hands them on: as lines, into a store, or both."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
from time import time_ns
from typing import TYPE_CHECKING, Final, Protocol

from ..plugin import hook_failed
from ..service import Service
from .api_changes import taken, waiting
from .canonical import Copy
from .chained import Chained
from .counts import count
from .destinations import destination
from .detail import split
from .draft import Draft, lasted, lasting
from .entry import changes_part
from .event import SAFE, Body, event, outcome_in, outcome_of, service_part
from .ids import random_bits
from .pending import pending_of, wanted
from .rules import DEFAULT
from .seen import Seen
from .writer.item import Rank

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..exchange import Exchange
    from .entry import Entry, Kind
    from .pending import About, Pending
    from .rules import Rule
    from .writer import Ack, Mode

    class Keeping(Protocol):
        """What keeps events: a `Writer`, or a `Kept`."""

        def put(
            self, body: Body, detail: bytes | None = None, mode: Mode = "durable", rank: Rank = Rank.DURABLE
        ) -> Ack | None: ...

        def later(self, draft: Draft, rank: Rank) -> None: ...

        def close(self, deadline: float) -> bool: ...


__all__ = ["Emitter"]

LAST_WORDS: Final = 1.0
"""Seconds that the end of a process without a door waits for its destinations."""


class Emitter:
    """
    One chain of events, of this process.

    Args:
        to, store, secret, service, clock, ids: See `midwatch.audit.AuditTrail`.
    """

    def __init__(
        self,
        to: str | Callable[[str], object] = "log",
        store: Keeping | None = None,
        *,
        secret: bytes | None = None,
        service: Service | None = None,
        clock: Callable[[], int] = time_ns,
        ids: Callable[[int], int] = random_bits,
    ) -> None:
        service = service or Service.known()
        self.clock, self._ids, self._store = clock, ids, store
        self._service = service_part(service, socket.gethostname())
        self._lines: Chained | None = None
        if store is None or to != "log":
            self._lines = Chained(destination(to, service), self._service, clock, ids, self.emit)
        self._secret = secret or secrets.token_bytes(32)

    def emit(
        self,
        kind: Kind,
        exchange: Exchange | None = None,
        entry: Entry | None = None,
        *,
        about: About | None = None,
        rule: Rule | None = None,
        stage: str | None = None,
        code: str | None = None,
        unlike: tuple[str, str] | None = None,
    ) -> Ack | None:
        """
        Make one event and hand it on; never raises.

        Args:
            kind, exchange, entry, about: See `midwatch.audit.event.event`.
            rule: How; durable unless given.
            stage: Of the event of a request.
            code: Of a websocket's; what is intended, for an intent.
            unlike: Outcome and id of an earlier event; without another outcome now there is none.

        Returns:
            what is resolved once it is durable, if there is a store and somebody has to wait.
        """
        try:
            return self._emit(kind, exchange, entry, about, rule or DEFAULT, stage, code, unlike)
        except Exception:
            hook_failed(self.emit)
            return None

    def _emit(
        self,
        kind: Kind,
        exchange: Exchange | None,
        entry: Entry | None,
        about: About | None,
        rule: Rule,
        stage: str | None,
        code: str | None,
        unlike: tuple[str, str] | None,
    ) -> Ack | None:
        pending = None if exchange is None else pending_of(exchange)
        if unlike is not None and outcome_in(exchange, entry, pending) == unlike[0]:
            return None
        time = self.clock() if entry is None else entry.time
        seen = None if exchange is None else Seen(exchange)
        body = event(
            kind, time, self._ids(74), self._service,
            seen=seen, entry=entry, about=pending if about is None else about, level=rule.level,
        )  # fmt: skip
        if unlike is not None:
            body["amends"] = unlike[1]
        if kind == "request" and exchange is not None and seen is not None:
            self._complete(body, exchange, seen, pending, rule, stage, code, time)
        count(kind, body["outcome"])
        told = body["outcome"], body["id"]
        ack = self._hand_on(body, rule, time)
        if kind == "request" and stage != "intent" and exchange is not None and exchange.outcome is None:
            wanted(exchange).told[id(self)] = told
        return ack

    def afterwards(self, exchange: Exchange, rule: Rule) -> bool:
        """
        Hand on the event of a request that is over, to be made by who writes it; never raises.

        Returns:
            whether that can be: nothing was recorded of it, nobody waits, and no line is written.
        """
        store = self._store
        if store is None or self._lines is not None or rule.mode != "async" or waiting(exchange):
            return False
        try:
            seen = Seen(exchange)
            if not lasting(seen.actor):
                return False
            outcome = outcome_of(seen)
            draft = Draft(seen, self.clock(), self._ids(74), self._service, rule.level)
            count("request", outcome)
            store.later(draft, _rank_of_request(outcome, seen.method))
        except Exception:
            hook_failed(self.afterwards)
        return True

    def _complete(
        self,
        body: Body,
        exchange: Exchange,
        seen: Seen,
        pending: Pending | None,
        rule: Rule,
        stage: str | None,
        code: str | None,
        time: int,
    ) -> None:
        """What only the event of a request says."""
        if stage == "intent":
            body["stage"], body["outcome"] = stage, "unknown"
            if code is not None:
                body["action"] = f"{exchange.method[:64]} {code}"
            return
        if code is not None:
            body["reason"] = {**body.get("reason", {}), "code": code}
        strict = rule.mode == "strict"
        if stage is not None or strict:
            body["stage"] = "outcome"
        body["duration_ms"] = lasted(time, seen)
        found = taken(exchange)
        if found:
            pending = wanted(exchange)
            pending.changes = changes_part(Copy(), found)
        if pending is not None:
            if pending.dropped:
                body["records_dropped"] = pending.dropped
            if pending.changes and rule.level == "detail" and "amends" not in body:
                body["changes"] = pending.changes

    def _hand_on(self, body: Body, rule: Rule, time: int) -> Ack | None:
        if self._lines is not None:
            self._lines.put(body, time)
        store = self._store
        if store is None:
            return None
        mode: Mode = rule.mode or "durable"  # type: ignore[assignment]
        detail = split(body)
        return store.put(body, detail, mode, _rank(body, mode))

    def hashed(self, session: object) -> str:
        """A name for the id of a session by which nobody can resume it: HMAC-SHA256, 16 hexadecimal digits."""
        text = session if isinstance(session, bytes) else str(session).encode("utf-8", "replace")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()[:16]

    def close(self, deadline: float = LAST_WORDS) -> bool:
        """End the stream; the next event opens another. False if there was nothing to end."""
        closed = self._lines is not None and self._lines.close()
        if self._store is not None:
            closed = self._store.close(deadline) or closed
        return closed

    def new_process(self) -> None:
        """In a forked child."""
        if self._lines is not None:
            self._lines.new_process()


def _rank(body: Body, mode: Mode) -> Rank:
    if body["outcome"] == "denied" or body["kind"] == "auth":
        return Rank.SECURITY
    if mode != "async":
        return Rank.DURABLE
    http = body.get("http")
    return Rank.WRITE if http is None else _rank_of_request(body["outcome"], http["method"])


def _rank_of_request(outcome: str, method: str) -> Rank:
    """That of an event that nobody waits for."""
    return Rank.SECURITY if outcome == "denied" else Rank.READ if method in SAFE else Rank.WRITE
