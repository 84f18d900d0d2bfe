"""
Spans as Zipkin's second version of JSON (https://zipkin.io/zipkin-api/), by OpenTelemetry's rules for it.

What Zipkin has no place for (links, the trace state) is left out.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, final

import msgspec
from opentelemetry.trace import SpanKind, StatusCode

from ...logs.safe import encode_line, safe_text
from .resource import resource_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...service import Service
    from ..details import Event, Scope
    from ..span import Span

__all__ = ["Zipkin"]

KINDS: Final = {kind: kind.name for kind in SpanKind if kind is not SpanKind.INTERNAL}

CALLERS: Final = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER})

OF_V1: Final = 'yAnnotations"'
"""By this, wherever it is, the server takes a body for one of its first version, and refuses it."""

MOST: Final = 2**53

_encode = msgspec.json.Encoder().encode


@final
class Zipkin:
    """
    The bodies of `POST /api/v2/spans`.

    Args:
        service: Whose spans they are.
    """

    head, closing, tail = b"[", b"", b"]"

    def __init__(self, service: Service) -> None:
        # `b3: 0` keeps proxies on the way from tracing what carries traces.
        self.headers = {"content-type": "application/json", "b3": "0"}
        attributes = resource_of(service).attributes
        self._service = {"serviceName": safe_text(attributes.pop("service.name"))}
        self._resource = {safe_text(key): safe_text(value) for key, value in attributes.items()}

    def span(self, span: Span) -> str:
        """One span."""
        start, end = _microseconds(span.start_time), _microseconds(span.end_time)
        said: dict[str, Any] = {"traceId": span.trace_id, "id": span.span_id}
        if span.parent_id:
            said["parentId"] = span.parent_id
        if span.name:
            said["name"] = safe_text(span.name)
        if span.kind in KINDS:
            said["kind"] = KINDS[span.kind]
        if start > 0:
            said["timestamp"] = start
        said["duration"] = max(1, end - start)
        said["localEndpoint"] = self._service
        if span.kind in CALLERS and (remote := _remote(span.attributes)):
            said["remoteEndpoint"] = remote
        said["tags"] = self._tags(span)
        if span.events:
            said["annotations"] = [_annotation(event) for event in span.events]
        text = _encode(said).decode()
        return text.replace(OF_V1, 'yAnnotation\\u0073"') if OF_V1 in text else text

    def _tags(self, span: Span) -> dict[str, str]:
        tags = self._resource | {safe_text(key): _text(value) for key, value in span.attributes.items()}
        # Whatever its value, a tag of this name says that the span has failed.
        tags.pop("error", None)
        if span.status_code is not StatusCode.UNSET:
            tags["otel.status_code"] = span.status_code.name
        if span.status_code is StatusCode.ERROR:
            tags["error"] = safe_text(span.status_description or "")
        for what in ("attributes", "events", "links"):
            if dropped := getattr(span, f"dropped_{what}"):
                tags[f"otel.dropped_{what}_count"] = str(dropped)
        scope = span.instrumentation_scope
        tags["otel.scope.name"] = safe_text(scope.name)
        if scope.version:
            tags["otel.scope.version"] = safe_text(scope.version)
        return tags

    def opening(self, scope: Scope) -> bytes:
        """Nothing: each span says its scope."""
        return b""

    def refused(self, answer: bytes) -> tuple[int, str]:
        """None: Zipkin takes all, or says that it does not."""
        return 0, ""


def _text(value: Any) -> str:
    """Tags are texts; lists and mappings are told as JSON."""
    if type(value) is str:
        return safe_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value) is list or type(value) is tuple or type(value) is dict:
        return encode_line({"": value})[4:-1]
    return safe_text(value)


def _annotation(event: Event) -> dict[str, Any]:
    """An event: its name, and what belongs to it as JSON."""
    name = safe_text(event.name)
    value = f"{_encode(name).decode()}: {encode_line(dict(event.attributes))}" if event.attributes else name
    return {"timestamp": _microseconds(event.timestamp), "value": value}


def _microseconds(nanoseconds: Any) -> int:
    """Rounded down; 0, which means unknown, for what is no time that the server can read."""
    try:
        moment = int(nanoseconds) // 1000
    except (TypeError, ValueError, OverflowError):
        return 0
    return moment if 0 <= moment < MOST else 0


def _remote(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Who was called, by name and by address, as far as it is known."""
    endpoint: dict[str, Any] = {}
    for key in ("network.peer.address", "server.address"):
        told = safe_text(attributes.get(key, ""))
        if not told:
            continue
        try:
            address = ip_address(told)
        except ValueError:
            endpoint["serviceName"] = told
        else:
            endpoint[f"ipv{address.version}"] = str(address)
    if name := attributes.get("peer.service"):
        endpoint["serviceName"] = safe_text(name)
    port = attributes.get("server.port") or attributes.get("network.peer.port")
    if endpoint and type(port) is int and 0 < port < 65_536:
        endpoint["port"] = port
    return endpoint
