"""The fields of a request line, by their OpenTelemetry names and in their order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType, field

__all__ = ["RequestLine", "as_fields"]


class RequestLine(msgspec.Struct, omit_defaults=True, gc=False):
    """One exchange. What is unknown is None or unset, and left out of the line."""

    timestamp: datetime
    level: str
    logger: str
    message: str
    service_name: str = field(name="service.name")
    service_version: str | None = field(name="service.version", default=None)
    environment: str | None = field(name="deployment.environment.name", default=None)
    trace_id: str | None = None
    span_id: str | None = None
    trace_flags: str | None = None
    request_id: str | None = None
    method: str | None = field(name="http.request.method", default=None)
    scheme: str | None = field(name="url.scheme", default=None)
    path: str | None = field(name="url.path", default=None)
    route: str | None = field(name="http.route", default=None)
    status: int | None = field(name="http.response.status_code", default=None)
    duration: float | UnsetType = field(name="http.server.request.duration", default=UNSET)
    time_to_first_byte: float | None = None
    bytes_in: int | None = field(name="http.request.body.size", default=None)
    bytes_out: int | UnsetType = field(name="http.response.body.size", default=UNSET)
    client: str | None = field(name="client.address", default=None)
    server: str | None = field(name="server.address", default=None)
    user_agent: str | None = field(name="user_agent.original", default=None)
    outcome: str | None = None
    error_type: str | None = field(name="error.type", default=None)


def as_fields(line: RequestLine) -> dict[str, Any]:
    """*line* as a dict, for handlers and filters that want to look or add."""
    fields: dict[str, Any] = msgspec.to_builtins(line)
    return fields
