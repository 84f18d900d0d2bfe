"""
Google Cloud Logging: JSON lines on standard output (https://cloud.google.com/logging/docs/structured-logging).

A trace is a link only together with its project: that of the settings, else of `GOOGLE_CLOUD_PROJECT`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["gcp"]

SEVERITIES: Final = frozenset({"DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"})

LABELS: Final = "logging.googleapis.com/labels"

SAMPLED: Final = 1

REQUEST: Final = {
    "http.request.method": "requestMethod",
    "http.response.status_code": "status",
    "user_agent.original": "userAgent",
    "client.address": "remoteIp",
}
SIZES: Final = {"http.request.body.size": "requestSize", "http.response.body.size": "responseSize"}


def gcp(project: str | None = None) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The translation for a *project*."""
    project = project or os.environ.get("GOOGLE_CLOUD_PROJECT") or os.environ.get("GCP_PROJECT")
    prefix = f"projects/{project}/traces/" if project else ""

    def translated(fields: dict[str, Any]) -> dict[str, Any]:
        level = fields.pop("level", "")
        told: dict[str, Any] = {
            "time": fields.pop("timestamp", None),
            "severity": level if level in SEVERITIES else "DEFAULT",
            "message": fields.pop("message", ""),
        }
        service = {"service": fields.pop("service.name", None), "version": fields.pop("service.version", None)}
        told["serviceContext"] = {key: value for key, value in service.items() if value is not None}
        _add_trace(told, fields, prefix)
        labels = {"request_id": fields.pop("request_id", None), "logger": fields.pop("logger", None)}
        told[LABELS] = {key: value for key, value in labels.items() if value is not None}
        if "http.server.request.duration" in fields:
            told["httpRequest"] = _request(fields)
        # Error Reporting looks for it before anything else.
        if (stack := fields.pop("exception.stacktrace", None)) is not None:
            told["stack_trace"] = stack
        for name, value in fields.items():
            told.setdefault(name, value)
        return told

    return translated


def _add_trace(told: dict[str, Any], fields: dict[str, Any], prefix: str) -> None:
    trace = fields.pop("trace_id", None)
    span = fields.pop("span_id", None)
    flags = fields.pop("trace_flags", None)
    if trace is not None:
        told["logging.googleapis.com/trace"] = f"{prefix}{trace}"
    if span is not None:
        told["logging.googleapis.com/spanId"] = span
    if flags is not None:
        told["logging.googleapis.com/trace_sampled"] = bool(int(flags, 16) & SAMPLED)


def _request(fields: dict[str, Any]) -> dict[str, Any]:
    """`httpRequest` of a log entry: sizes and the latency are texts, the latency with its unit."""
    request: dict[str, Any] = {key: fields.pop(name) for name, key in REQUEST.items() if name in fields}
    request |= {key: str(fields.pop(name)) for name, key in SIZES.items() if name in fields}
    request["latency"] = f"{fields.pop('http.server.request.duration'):.6f}s"
    scheme, host = fields.get("url.scheme", "http"), fields.get("server.address", "")
    query = fields.get("url.query")
    url = f"{scheme}://{host}{fields.get('url.path', '')}" if host else fields.get("url.path", "")
    request["requestUrl"] = f"{url}?{query}" if query else url
    return request
