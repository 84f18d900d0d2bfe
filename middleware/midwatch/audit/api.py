"""What application code calls: who acts, and what was done."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..exchange import Actor, current
from ..plugin import hook_failed
from .api_changes import taken
from .canonical import Copy
from .entry import Entry
from .job import current_job
from .parts import IDENTITY
from .pending import wanted
from .trail import emit_pending, latest, trails_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..exchange import Exchange
    from .entry import EventOutcome, Kind

__all__ = ["actor", "record"]

RECORDS: Final = 100
"""Records that one request may have; the rest is counted in the event of the request."""

logger = logging.getLogger("midwatch")

_told = threading.Event()


def actor(id: object, type: str = "user", name: object = None) -> bool:  # noqa: A002 - the words of an event
    """
    Say who acts in the current request or job: an identity that you have verified.

    Counts for every event of the request, also for what was recorded before, and for the other plugins. Values are
    copied as text at once, so objects of a session may be handed in.

    Args:
        id: What identifies them; None or an empty text is nobody, and changes nothing.
        type: `user`, `service` and so on.
        name: For people to read.

    Returns:
        False outside of both, or for nobody.
    """
    try:
        exchange, copy = current(), Copy()
        job = current_job() if exchange is None else None
        told = "" if id is None else copy.text("actor", id)
        if (exchange is None and job is None) or not told:
            return False
        named = None if name is None else copy.text("actor", name)
        who = Actor(told, copy.text("actor", type or "user", IDENTITY), named)
        if exchange is not None:
            exchange.actor = who
        elif job is not None:
            job.actor = who
        return True
    except Exception:
        hook_failed(actor)
        return False


def record(
    action: str,
    resource: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]] | None = None,
    outcome: EventOutcome | None = None,
    reason: str | Mapping[str, Any] | None = None,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    kind: Kind = "action",
) -> None:
    """
    Record that an action was done, or refused; never raises.

    Within a request it is kept until its status is known, so that an actor who is known later, and what became of the
    request, count. Elsewhere it is written at once, by the `AuditTrail` that this process made last.

    Args:
        action: What was done, such as `orders.refund`.
        resource: To what: `"order:17"`, an object with `type` and `id`, or up to 32 of either.
        outcome: By default that of the request; `unknown` outside of one. Another word becomes `unknown`.
        reason: Why; or its parts `text`, `code`, `policy`, `permission` and `granted`.
        changes: Field to old and new value, beside what `changes` has found. They are written as they are: leave
            secrets out.
        kind: `auth` for logins and what else proves who somebody is.
    """
    try:
        exchange = current()
        trails = [] if exchange is None else trails_of(exchange)
        waits = exchange if trails and exchange is not None and exchange.outcome is None else None
        last = None if trails else latest()
        if last is not None:
            trails = [last]
        if not trails:
            _tell()
            return
        found = _changes(exchange, changes)
        entry = Entry(
            trails[0].clock(), action, resource=resource, outcome=outcome, reason=reason, changes=found, kind=kind
        )
        if waits is not None:
            _keep(waits, entry)
            return
        about = current_job() if exchange is None else None
        for trail in trails:
            trail.emit(entry.kind, exchange, entry, about=about)
    except Exception:
        hook_failed(record)


def _keep(exchange: Exchange, entry: Entry) -> None:
    pending = wanted(exchange)
    if pending.kept >= RECORDS:
        pending.dropped += 1
        return
    pending.kept += 1
    pending.entries.append(entry)
    if exchange.outcome is not None:
        # The request ended in between, in another thread: whoever finds the record emits it.
        emit_pending(exchange, pending)


def _changes(exchange: Exchange | None, given: object) -> Any:
    """What `changes` has found, and what is *given* beside it; the latter counts where both name a field."""
    found = None if exchange is None else taken(exchange)
    if found is None or given is None:
        return found if given is None else given
    return {**found, **given} if isinstance(given, Mapping) else given


def _tell() -> None:
    if not _told.is_set():
        _told.set()
        logger.warning("midwatch.audit.record() without an AuditTrail: the event is lost (told once)")
