"""Events as API Activity, class 6003 of the Open Cybersecurity Schema Framework 1.3 (schema.ocsf.io)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .verbs import verb

if TYPE_CHECKING:
    from .opened import Event

__all__ = ["ocsf"]

CLASS: Final = 6003

ACTIVITIES: Final = {"create": (1, "Create"), "read": (2, "Read"), "update": (3, "Update"), "delete": (4, "Delete")}

STATUSES: Final = {"success": (1, "Success"), "denied": (2, "Failure"), "failure": (2, "Failure"),
                   "error": (2, "Failure"), "aborted": (2, "Failure")}  # fmt: skip

SEVERITIES: Final = {"denied": (2, "Low"), "error": (3, "Medium")}

USERS: Final = {"user": (1, "User"), "admin": (2, "Admin"), "system": (3, "System"), "service": (3, "System")}


def ocsf(event: Event) -> dict[str, Any]:
    """*event* as an object of that class; times are milliseconds since the epoch."""
    activity, activity_name = ACTIVITIES.get(verb(event) or "", (99, "Other"))
    outcome = event.text("outcome") or ""
    status, status_name = STATUSES.get(outcome, (0, "Unknown"))
    severity, severity_name = SEVERITIES.get(outcome, (1, "Informational"))
    if event.text("action") == "audit.suspicious":
        severity, severity_name = 4, "High"
    told = {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": CLASS,
        "class_name": "API Activity",
        "type_uid": CLASS * 100 + activity,
        "type_name": f"API Activity: {activity_name}",
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "status_code": _code(event),
        "status_detail": event.reason or outcome or None,
        "time": _milliseconds(event),
        "duration": event.number("duration_ms"),
        "metadata": _metadata(event),
        "actor": _actor(event),
        "api": {"operation": event.text("action") or "unknown", "service": {"name": _service(event)}},
        "src_endpoint": _source(event),
        "http_request": _request(event),
        "http_response": _response(event),
        "resources": [_resource(one) for one in event.resources] or None,
        "unmapped": _unmapped(event),
    }
    return _some(told)


def _metadata(event: Event) -> dict[str, Any]:
    product = {"name": "midwatch", "vendor_name": "midwatch", "feature": {"name": "audit"}}
    told = {
        "version": "1.3.0",
        "product": product,
        "uid": event.text("id"),
        "log_name": event.text("stream"),
        "log_version": None if event.number("v") is None else str(event.number("v")),
        "sequence": event.number("seq"),
        "correlation_uid": event.text("trace_id") or event.text("request_id"),
        "original_time": event.text("time"),
        "tenant_uid": event.text("tenant"),
    }
    return _some(told)


def _actor(event: Event) -> dict[str, Any]:
    kind = event.text("actor", "type") or "unknown"
    number, name = USERS.get(kind, (0, "Unknown") if kind in {"unknown", "anonymous"} else (99, kind))
    user = _some({"uid": event.text("actor", "id"), "name": event.actor_name, "type_id": number, "type": name})
    session = event.text("actor", "session_hash")
    decision = {"denied": "Denied", "success": "Allowed"}.get(event.text("outcome") or "")
    policy = event.text("reason", "policy")
    authorization = _some({"decision": decision, "policy": None if policy is None else {"uid": policy}})
    told = {
        "user": user,
        "app_name": _service(event),
        "session": None if session is None else {"uid": session},
        "authorizations": [authorization] if policy is not None else None,
    }
    return _some(told)


def _source(event: Event) -> dict[str, Any]:
    told: dict[str, Any] = {"ip": event.text("source", "ip"), "port": event.number("source", "port")}
    peer = event.text("source", "peer_ip")
    if peer is not None and peer != told["ip"]:
        told["intermediate_ips"] = [peer]
    return _some(told) or {"name": "unknown"}


def _request(event: Event) -> dict[str, Any] | None:
    route = event.text("http", "route")
    told = {
        "http_method": event.text("http", "method"),
        "url": None if route is None else {"path": route},
        "user_agent": event.agent,
        "uid": event.text("request_id"),
        "length": event.number("http", "bytes_in"),
    }
    return _some(told) or None


def _response(event: Event) -> dict[str, Any] | None:
    told = {"code": event.number("http", "status"), "length": event.number("http", "bytes_out")}
    return _some(told) if told["code"] is not None else None


def _resource(one: dict[str, Any]) -> dict[str, Any]:
    told = {"uid": one.get("id"), "type": one.get("type"), "name": one.get("name")}
    return {name: value for name, value in told.items() if isinstance(value, str)}


def _unmapped(event: Event) -> dict[str, Any] | None:
    """What the schema has no place for, by our names."""
    impersonator = event.at("actor", "impersonator")
    told = {
        "kind": event.text("kind"),
        "stage": event.text("stage"),
        "actor_verified": event.at("actor", "verified") if isinstance(event.at("actor", "verified"), bool) else None,
        "impersonator": impersonator if isinstance(impersonator, dict) else None,
        "changes": event.changes or None,
        "detail_digest": event.text("detail_digest"),
        "span_id": event.text("span_id"),
    }
    return _some(told) or None


def _code(event: Event) -> str | None:
    status = event.number("http", "status")
    return event.text("reason", "code") or (None if status is None else str(status))


def _service(event: Event) -> str | None:
    return event.text("service", "name")


def _milliseconds(event: Event) -> int:
    time = event.columns.get("time")
    return time // 1_000_000 if isinstance(time, int) else 0


def _some(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}
