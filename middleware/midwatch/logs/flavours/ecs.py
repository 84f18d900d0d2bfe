"""Elastic Common Schema, as its loggers write it: dotted keys at the top (https://www.elastic.co/guide/en/ecs/current/)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final

__all__ = ["ecs"]

VERSION: Final = "8.11.0"

NAMES: Final = {
    "logger": "log.logger",
    "trace_id": "trace.id",
    "span_id": "span.id",
    "request_id": "http.request.id",
    "deployment.environment.name": "service.environment",
    "http.request.body.size": "http.request.body.bytes",
    "http.response.body.size": "http.response.body.bytes",
    "exception.type": "error.type",
    "exception.message": "error.message",
    "exception.stacktrace": "error.stack_trace",
    "http.route": "labels.http_route",
    "request.sample.ratio": "labels.sample_ratio",
}

OUTCOMES: Final = {"ok": "success", "error": "failure", "aborted": "unknown", "incomplete": "failure",
                   "cancelled": "unknown"}  # fmt: skip


def ecs(fields: dict[str, Any]) -> dict[str, Any]:
    """*fields* by ECS; `@timestamp`, `log.level`, `message` and `ecs.version` come first, as its readers want them."""
    told: dict[str, Any] = {
        "@timestamp": fields.pop("timestamp", None),
        "log.level": str(fields.pop("level", "")).lower(),
        "message": fields.pop("message", ""),
        "ecs.version": VERSION,
    }
    if (service := fields.get("service.name")) is not None:
        told["event.dataset"] = f"{service}.log"
    if (seconds := fields.pop("http.server.request.duration", None)) is not None:
        told["event.duration"] = round(seconds * 1e9)  # nanoseconds
    if (outcome := fields.pop("outcome", None)) is not None:
        told["event.outcome"] = OUTCOMES.get(outcome, "unknown")
        if outcome not in {"ok", "error"}:
            told["event.reason"] = outcome
    client = fields.get("client.address")
    if client is not None and _is_address(client):
        told["client.ip"] = client
    kind = fields.pop("error.type", None) if "exception.type" in fields else None
    for name, value in fields.items():
        told.setdefault(NAMES.get(name, name), value)
    if kind is not None:
        told.setdefault("error.type", kind)
    return told


def _is_address(text: Any) -> bool:
    """Elastic refuses a whole document for an `ip` that is none."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
