"""What an exchange, or a job, holds for its events until they are made."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from ..exchange import Actor, Exchange
    from .entry import Entry
    from .writer import Ack

__all__ = ["KEY", "About", "Pending", "pending_of", "wanted"]

KEY: Final = "midwatch.audit"
"""Where an exchange keeps it."""


class About:
    """
    What the application says of all that is done.

    Attributes:
        actor: Who acts, where no exchange knows.
        tenant: Whose data it is.
        session: Hash of the session's id.
        impersonator: Who is really behind the actor, as in an event.
        reason: Why it was refused, as in an event.
        denied: Whether it was.
    """

    __slots__ = ("actor", "denied", "impersonator", "reason", "session", "tenant")

    def __init__(self) -> None:
        self.actor: Actor | None = None
        self.tenant: str | None = None
        self.session: str | None = None
        self.impersonator: dict[str, str] | None = None
        self.reason: dict[str, Any] | None = None
        self.denied = False


@final
class Pending(About):
    """
    The same of a request, and its records, which wait for what becomes of it.

    Attributes:
        entries: They wait for the status.
        kept, dropped: How many there were, and how many more than one request may have.
        changes: What the request changed, for its own event.
        intents: What a strict request waits for, by trail.
        told: Outcome and id of the request's own event, by trail: those that have told of it.
    """

    __slots__ = ("changes", "dropped", "entries", "intents", "kept", "told")

    def __init__(self) -> None:
        super().__init__()
        self.entries: deque[Entry] = deque()
        self.kept = self.dropped = 0
        self.changes: list[dict[str, Any]] | None = None
        self.intents: dict[int, Ack] = {}
        self.told: dict[int, tuple[str, str]] = {}


def pending_of(exchange: Exchange) -> Pending | None:
    """What *exchange* holds, if it holds anything."""
    extra = exchange._extra  # noqa: SLF001 - `extra` would make a dict for every request
    return None if extra is None else extra.get(KEY)


def wanted(exchange: Exchange) -> Pending:
    """The same, made if there is none."""
    pending: Pending = exchange.extra.setdefault(KEY, Pending())
    return pending
