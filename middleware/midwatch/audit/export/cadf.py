"""Events of the Cloud Auditing Data Federation (DMTF DSP0262, version 1.0.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .verbs import verb

if TYPE_CHECKING:
    from .opened import Event

__all__ = ["cadf"]

EVENT: Final = "http://schemas.dmtf.org/cloud/audit/1.0/event"

OUTCOMES: Final = {"success": "success", "denied": "failure", "failure": "failure", "error": "failure",
                   "aborted": "failure"}  # fmt: skip

ACTORS: Final = {"user": "data/security/account/user", "service": "service", "system": "service"}


def cadf(event: Event) -> dict[str, Any]:
    """*event* as an event of that model, with our own names in attachments where it has none."""
    action = event.text("action") or "unknown"
    told: dict[str, Any] = {
        "typeURI": EVENT,
        "eventType": "activity",
        "id": event.text("id") or "unknown",
        "eventTime": _time(event),
        "action": verb(event) or f"unknown/{action}",
        "outcome": _outcome(event),
        "initiator": _initiator(event),
        "target": _target(event),
        "observer": {
            "id": event.text("service", "name") or "unknown",
            "typeURI": "service",
            "name": event.text("service", "name") or "unknown",
            "host": {"id": event.text("service", "host") or "unknown"},
        },
        "attachments": _attachments(event, action),
    }
    reason = _reason(event)
    if reason:
        told["reason"] = reason
    tags = [f"{name}:{event.text(name)}" for name in ("trace_id", "request_id", "tenant") if event.text(name)]
    if tags:
        told["tags"] = tags
    return told


def _time(event: Event) -> str:
    # Section 6.2.5 wants an offset in digits.
    found = event.text("time") or "1970-01-01T00:00:00.000000Z"
    return f"{found[:-1]}+00:00" if found.endswith("Z") else found


def _outcome(event: Event) -> str:
    return "pending" if event.text("stage") == "intent" else OUTCOMES.get(event.text("outcome") or "", "unknown")


def _initiator(event: Event) -> dict[str, Any]:
    kind = event.text("actor", "type") or "unknown"
    told: dict[str, Any] = {
        "id": event.text("actor", "id") or kind,
        "typeURI": ACTORS.get(kind, "data/security/account"),
    }
    if event.actor_name is not None:
        told["name"] = event.actor_name
    host = {"address": event.text("source", "ip"), "agent": event.agent}
    host = {name: value for name, value in host.items() if value is not None}
    if host:
        told["host"] = host
    session = event.text("actor", "session_hash")
    if session is not None:
        told["credential"] = {"type": event.text("actor", "auth") or "session", "token": session}
    return told


def _target(event: Event) -> dict[str, Any]:
    for one in event.resources:
        kind, identity = one.get("type"), one.get("id")
        if isinstance(kind, str):
            return {"id": identity if isinstance(identity, str) else "unknown", "typeURI": f"data/{kind}"}
    return {"id": event.text("http", "route") or event.text("service", "name") or "unknown", "typeURI": "service"}


def _reason(event: Event) -> dict[str, str]:
    status = event.number("http", "status")
    code = event.text("reason", "code") or event.reason
    told = {
        "reasonType": "application" if code else "HTTP" if status is not None else None,
        "reasonCode": code or (None if status is None else str(status)),
        "policyId": event.text("reason", "policy"),
    }
    return {name: value for name, value in told.items() if value is not None}


def _attachments(event: Event, action: str) -> list[dict[str, Any]]:
    told: dict[str, Any] = {"action": action, "stream": event.text("stream"), "seq": event.number("seq")}
    if event.changes:
        told["changes"] = event.changes
    if len(event.resources) > 1:
        told["resources"] = event.resources
    return [{"name": "midwatch", "contentType": "application/json", "content": told}]
