"""An event as one row of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..canonical import canonical

if TYPE_CHECKING:
    from .opened import Event

__all__ = ["NAMES", "NUMBERS", "flat"]

PATHS: Final[dict[str, tuple[str, ...]]] = {
    "time": ("time",),
    "id": ("id",),
    "kind": ("kind",),
    "stage": ("stage",),
    "action": ("action",),
    "outcome": ("outcome",),
    "actor_type": ("actor", "type"),
    "actor_id": ("actor", "id"),
    "actor_name": (),
    "actor_verified": ("actor", "verified"),
    "auth": ("actor", "auth"),
    "impersonator_type": ("actor", "impersonator", "type"),
    "impersonator_id": ("actor", "impersonator", "id"),
    "session_hash": ("actor", "session_hash"),
    "resource_type": (),
    "resource_id": (),
    "resources": (),
    "reason": (),
    "reason_code": ("reason", "code"),
    "policy": ("reason", "policy"),
    "permission": ("reason", "permission"),
    "method": ("http", "method"),
    "route": ("http", "route"),
    "status": ("http", "status"),
    "bytes_in": ("http", "bytes_in"),
    "bytes_out": ("http", "bytes_out"),
    "duration_ms": ("duration_ms",),
    "ip": ("source", "ip"),
    "peer_ip": ("source", "peer_ip"),
    "ip_trust": ("source", "ip_trust"),
    "user_agent": (),
    "tenant": ("tenant",),
    "service": ("service", "name"),
    "version": ("service", "version"),
    "env": ("service", "env"),
    "host": ("service", "host"),
    "trace_id": ("trace_id",),
    "span_id": ("span_id",),
    "request_id": ("request_id",),
    "changes": (),
    "stream": ("stream",),
    "seq": ("seq",),
}
"""Columns, and where in a body they stand; those without a place are put together below."""

NAMES: Final = tuple(PATHS)

NUMBERS: Final = frozenset({"resources", "status", "bytes_in", "bytes_out", "duration_ms", "seq"})


def flat(event: Event) -> dict[str, str | int | bool | None]:
    """*event* by `NAMES`: text and numbers, `actor_verified` true or false; None for what it does not say."""
    made = _made(event)
    row: dict[str, str | int | bool | None] = {}
    for name, path in PATHS.items():
        if not path:
            row[name] = made[name]
        elif name in NUMBERS:
            row[name] = event.number(*path)
        elif name == "actor_verified":
            found = event.at(*path)
            row[name] = found if isinstance(found, bool) else None
        else:
            row[name] = event.text(*path)
    return row


def _made(event: Event) -> dict[str, Any]:
    resources, changes = event.resources, event.changes
    first = resources[0] if resources else {}
    return {
        "actor_name": event.actor_name,
        "resource_type": _text(first.get("type")),
        "resource_id": _text(first.get("id")),
        "resources": len(resources),
        "reason": event.reason,
        "user_agent": event.agent,
        "changes": canonical(changes).decode() if changes else None,
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
