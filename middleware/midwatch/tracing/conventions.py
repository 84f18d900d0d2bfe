"""Attributes of HTTP spans by the stable semantic conventions (https://opentelemetry.io/docs/specs/semconv/http/)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from ..exchange import Exchange

__all__ = ["METHODS", "known_method", "redact_query", "server_attributes"]

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"})
"""Methods that may name a span or a series; any other is `_OTHER`, since strangers choose them."""

MAX_TEXT: Final = 1024
"""Characters of an attribute that a stranger wrote."""

_value: Final = re.compile(r"=[^&]*")


def known_method(method: str) -> str:
    """*method*, or `_OTHER`."""
    return method if method in METHODS else "_OTHER"


def redact_query(query: str) -> str:
    """*query* with every value replaced: names tell what was asked, values may be secrets."""
    pairs = (pair.partition("=") for pair in query[:MAX_TEXT].split("&"))
    return "&".join(f"{name}=REDACTED" if equals else "REDACTED" for name, equals, _ in pairs if name or equals)


def server_attributes(exchange: Exchange) -> dict[str, AttributeValue]:
    """What a finished exchange says about its server span; what is unknown is left out."""
    method, host = known_method(exchange.method), exchange.host
    attributes: dict[str, AttributeValue | None] = {
        "http.request.method": method,
        "http.request.method_original": exchange.method[:MAX_TEXT] if method != exchange.method else None,
        "url.scheme": exchange.scheme,
        "url.path": exchange.path[:MAX_TEXT],
        "url.query": redact_query(exchange.query) or None,
        "http.route": exchange.route,
        "http.response.status_code": exchange.status,
        "http.response.body.size": exchange.bytes_out or None,
        "network.protocol.version": exchange.http_version or None,
        "client.address": exchange.client,
        "network.peer.address": None if exchange.peer is None else exchange.peer[0],
        "server.address": None if host is None else host[:MAX_TEXT],
        "user_agent.original": (exchange.header("user-agent") or "")[:MAX_TEXT] or None,
        "error.type": exchange.error_type,
        "midwatch.outcome": str(exchange.outcome),
    }
    return {key: value for key, value in attributes.items() if value is not None}
