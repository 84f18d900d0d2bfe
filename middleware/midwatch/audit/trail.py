"""
`AuditTrail`: who did what, chained so that a change shows.

An event for every request that may change something and for every one that was refused, and for what the application
records itself. Each process writes one stream: it opens with its first event and closes when the server stops. An event
that its destination refuses is lost and its number with it: the hole is seen when the chain is verified.
"""

from __future__ import annotations

import atexit
import os
import secrets
import socket
import threading
import weakref
from collections import deque
from time import time_ns
from typing import TYPE_CHECKING, Final, final

from ..delivery import flush
from ..plugin import Plugin, hook_failed
from ..service import Service
from .chain import START, Chain
from .destinations import destination
from .entry import Entry
from .event import REFUSED, SAFE, Body, event, service_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..exchange import Exchange
    from .entry import Kind

__all__ = ["KEY", "AuditTrail", "Pending", "emit_pending", "latest", "trails_of"]

KEY: Final = "midwatch.audit"
"""Where an exchange keeps the records of its application."""

LAST_WORDS: Final = 1.0
"""Seconds that the end of a process without a door waits for its destinations."""


@final
class Pending:
    """Records that wait for the end of their exchange."""

    __slots__ = ("dropped", "entries", "kept")

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self.kept = self.dropped = 0


@final
class AuditTrail(Plugin):
    """
    Events of this process, in one chain.

    Args:
        to: `"log"` for the logger `midwatch.audit`, a URL such as `"file:///path"`, or a callable that takes a line.
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
        service: Service | None = None,
        clock: Callable[[], int] = time_ns,
        ids: Callable[[int], int] = secrets.randbits,
    ) -> None:
        service = service or Service.known()
        self.clock = clock
        self._put = destination(to, service)
        self._service = service_part(service, socket.gethostname())
        self._ids = ids
        self._new_process()
        _trails.add(self)
        _remember(self)

    def _new_process(self) -> None:
        self._lock = threading.RLock()
        self._chain: Chain | None = None
        self._handing = False

    def on_finish(self, exchange: Exchange) -> None:
        """Emit what the application recorded, and the request itself if it may change something or was refused."""
        extra = exchange._extra  # noqa: SLF001 - `extra` would make a dict for every request
        pending: Pending | None = None if extra is None else extra.get(KEY)
        if pending is not None:
            emit_pending(exchange, pending)
        if exchange.method not in SAFE or exchange.status in REFUSED or (pending is not None and pending.dropped):
            self.emit("request", exchange, dropped=0 if pending is None else pending.dropped)

    def on_shutdown(self, deadline: float) -> None:
        """Close the stream and have it written."""
        self.close()
        flush(deadline)

    def emit(
        self, kind: Kind, exchange: Exchange | None = None, entry: Entry | None = None, *, dropped: int = 0
    ) -> None:
        """Chain one event and hand it on; never raises."""
        try:
            time = self.clock() if entry is None else entry.time
            body = event(kind, time, self._ids(74), self._service, exchange=exchange, entry=entry)
            if dropped:
                body["records_dropped"] = dropped
            with self._lock:
                if self._handing:
                    raise RuntimeError("the destination of the audit trail recorded an audit event")
                self._hand_on(self._chain or self._open(time), body, time)
        except Exception:
            hook_failed(self.emit)

    def close(self) -> bool:
        """End the stream; the next event opens another. False if there was none."""
        with self._lock:
            chain = self._chain
            if chain is None or self._handing:
                return False
            self._hand_on_own(chain, "stream.close", self.clock(), final_seq=chain.next)
            self._chain = None
        return True

    def _open(self, time: int) -> Chain:
        chain = self._chain = Chain(f"{self._ids(128):032x}")
        self._hand_on_own(chain, "stream.open", time, pid=os.getpid(), previous=START.hex())
        return chain

    def _hand_on_own(self, chain: Chain, action: str, time: int, **said: int | str) -> None:
        """An event about the stream itself; whether it arrives must not decide about the others."""
        try:
            entry = Entry(time, action, outcome="success")
            body = event("system", time, self._ids(74), self._service, entry=entry)
            body["actor"] = {"id": self._service["name"], "type": "service", "verified": True}
            self._hand_on(chain, {**body, **said}, time)
        except Exception:
            hook_failed(self.emit)

    def _hand_on(self, chain: Chain, body: Body, time: int) -> None:
        """Number and hand on under one lock, so that the order at the destination is that of the chain."""
        self._handing = True
        try:
            data, value = chain.append(body)
            self._put(body, data, value, time)
        finally:
            self._handing = False


def trails_of(exchange: Exchange) -> list[AuditTrail]:
    """The trails that watch *exchange*."""
    return [plugin for plugin in exchange.moments.plugins if type(plugin) is AuditTrail]


def emit_pending(exchange: Exchange, pending: Pending) -> None:
    """Emit what waits, each record once, whoever else is doing the same."""
    entries, trails = pending.entries, trails_of(exchange)
    while True:
        try:
            entry = entries.popleft()
        except IndexError:
            return
        for trail in trails:
            trail.emit("action", exchange, entry)


_trails: weakref.WeakSet[AuditTrail] = weakref.WeakSet()
_latest: weakref.ref[AuditTrail] | None = None


def latest() -> AuditTrail | None:
    """The trail that was made last, if it still lives: the one of code that serves no request."""
    return None if _latest is None else _latest()


def _remember(trail: AuditTrail) -> None:
    global _latest  # noqa: PLW0603 - a process has one
    _latest = weakref.ref(trail)


def _after_fork() -> None:
    """The stream is the parent's; so may be a held lock."""
    for trail in list(_trails):
        trail._new_process()  # noqa: SLF001 - ours


def _at_exit() -> None:
    """A script has no door that would stop its trail."""
    closed = [trail.close() for trail in list(_trails)]
    if any(closed):
        flush(LAST_WORDS)


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
