"""
Datadog's standard attributes (https://docs.datadoghq.com/standard-attributes/); durations are nanoseconds.

Trace and span are told as its tracers tell them: the low 64 bits, decimal.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["datadog"]

NAMES: Final = {
    "logger": "logger.name",
    "service.name": "service",
    "service.version": "version",
    "deployment.environment.name": "env",
    "request_id": "http.request_id",
    "http.request.method": "http.method",
    "http.response.status_code": "http.status_code",
    "url.scheme": "http.url_details.scheme",
    "url.path": "http.url_details.path",
    "url.query": "http.url_details.queryString",
    "server.address": "http.url_details.host",
    "http.request.body.size": "network.bytes_read",
    "http.response.body.size": "network.bytes_written",
    "client.address": "network.client.ip",
    "user_agent.original": "http.useragent",
    "exception.type": "error.kind",
    "exception.message": "error.message",
    "exception.stacktrace": "error.stack",
}


def datadog(fields: dict[str, Any]) -> dict[str, Any]:
    """*fields* by Datadog's names."""
    told: dict[str, Any] = {
        "timestamp": fields.pop("timestamp", None),
        "status": str(fields.pop("level", "")).lower(),
        "message": fields.pop("message", ""),
        "ddsource": "python",
    }
    if (trace := fields.pop("trace_id", None)) is not None:
        told["dd.trace_id"] = str(int(trace[-16:], 16))
    if (span := fields.pop("span_id", None)) is not None:
        told["dd.span_id"] = str(int(span, 16))
    fields.pop("trace_flags", None)
    if (seconds := fields.pop("http.server.request.duration", None)) is not None:
        told["duration"] = round(seconds * 1e9)
    kind = fields.pop("error.type", None)
    for name, value in fields.items():
        told.setdefault(NAMES.get(name, name), value)
    if kind is not None:
        told.setdefault("error.kind", kind)
    return told
