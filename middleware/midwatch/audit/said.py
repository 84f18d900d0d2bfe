"""What application code says of all that a request or a job does: refusals, tenants, sessions, impersonation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exchange import current
from ..plugin import hook_failed
from .api import record
from .canonical import Copy
from .entry import reason_part
from .job import current_job
from .parts import IDENTITY
from .pending import wanted
from .trail import latest, trails_of

if TYPE_CHECKING:
    from .pending import About

__all__ = ["deny", "impersonate", "session", "suspicious", "tenant"]


def deny(policy: str, *, permission: str | None = None, reason: str | None = None) -> bool:
    """
    Say that the current request is refused, whatever its status; it has an event for that reason alone.

    Args:
        policy: What refuses it, such as `refund-limit`.
        permission: What was missing.
        reason: In words.

    Returns:
        False outside of a request and a job.
    """
    try:
        about = _about()
        if about is None:
            return False
        said = {"policy": policy, "permission": permission, "text": reason, "granted": False}
        about.reason, about.denied = reason_part(Copy(), said), True
        return True
    except Exception:
        hook_failed(deny)
        return False


def impersonate(actor: object, type: str = "user") -> bool:  # noqa: A002 - the words of an event
    """
    Say who is really behind the actor of the current request: support, `sudo`, a delegated token.

    Args:
        actor: What identifies them; None or an empty text is nobody.
        type: `user`, `service` and so on.

    Returns:
        False outside of a request and a job, or for nobody.
    """
    try:
        about, copy = _about(), Copy()
        told = "" if actor is None else copy.text("actor", actor)
        if about is None or not told:
            return False
        about.impersonator = {"id": told, "type": copy.text("actor", type or "user", IDENTITY)}
        return True
    except Exception:
        hook_failed(impersonate)
        return False


def tenant(id: object) -> bool:  # noqa: A002
    """
    Say whose data the current request is about.

    Returns:
        False outside of a request and a job, or for nobody.
    """
    try:
        about = _about()
        told = "" if id is None else Copy().text("tenant", id, IDENTITY)
        if about is None or not told:
            return False
        about.tenant = told
        return True
    except Exception:
        hook_failed(tenant)
        return False


def session(id: str | bytes | None) -> bool:  # noqa: A002
    """
    Say which session the current request belongs to; only a keyed hash of its id is kept (`audit.secret`).

    Returns:
        False outside of a request and a job, or without a session.
    """
    try:
        about, exchange = _about(), current()
        trails = [] if exchange is None else trails_of(exchange)
        trail = trails[0] if trails else latest()
        if about is None or trail is None or not id:
            return False
        about.session = trail.hashed(id)
        return True
    except Exception:
        hook_failed(session)
        return False


def suspicious(reason: str, resource: Any = None) -> None:
    """
    Record an attempt to get around a control: a token of another tenant, a price of the client's (ASVS 16.3.3).

    Args:
        reason: What is odd, in words.
        resource: As for `midwatch.audit.record`.
    """
    record("audit.suspicious", resource, outcome="denied", reason=reason, kind="auth")


def _about() -> About | None:
    exchange = current()
    if exchange is None:
        return current_job()
    return wanted(exchange) if exchange.outcome is None else None
