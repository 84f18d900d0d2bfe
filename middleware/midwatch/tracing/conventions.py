"""Attributes of HTTP spans by the stable semantic conventions (https://opentelemetry.io/docs/specs/semconv/http/)."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from ..headers import HeaderNames, port_of, without_port

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from ..exchange import Exchange

__all__ = ["METHODS", "MIDWATCH_OUTCOME", "known_method", "redact_query", "request_attributes", "response_attributes",
           "url_of"]  # fmt: skip

_told = os.environ.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "")

METHODS: Final = frozenset(name.strip() for name in _told.split(",") if name.strip()) or frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
)
"""Methods that may name a span or a series; any other is `_OTHER`, since strangers choose them."""

MAX_TEXT: Final = 1024
"""Characters of an attribute that a stranger wrote."""

PLACES: Final = 256
"""`Host` headers that are kept; then all are forgotten."""

MIDWATCH_OUTCOME: Final = "midwatch.outcome"

_signed: Final = frozenset(
    {"AWSAccessKeyId", "Signature", "sig", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token",
     "X-Goog-Signature"}
)  # fmt: skip
"""Names whose values the conventions want redacted; case counts."""

_secret: Final = re.compile(
    r"(?i)pass|pwd|secret|token|session|credential|signature|auth|api[-_]?key"
    r"|\b(?:key|code|jwt|sid|otp|pin|assertion)\b"
).search
"""Names whose values we do not trust either: reset links, OAuth answers, keys of APIs."""


BARE: Final = 32
"""Characters that a piece of a query without a value may have: more, and it is no name."""


def _suspicious(query: str) -> bool:
    return len(query) > BARE or "%" in query or _secret(query) is not None or any(name in query for name in _signed)


def known_method(method: str) -> str:
    """*method*, or `_OTHER`."""
    return method if method in METHODS else "_OTHER"


def redact_query(query: str) -> str:
    """*query* with the values replaced that are, or by their names may be, secrets."""
    query = query[:MAX_TEXT]
    return "&".join(map(_piece, query.split("&"))) if _suspicious(query) else query


def _piece(piece: str) -> str:
    """What is between two ampersands; some take semicolons for such too, others for a part of the value."""
    shown: list[str] = []
    for part in piece.split(";"):
        shown.append(_redacted(part))
        if shown[-1] != part:
            break
    return ";".join(shown)


def _redacted(part: str) -> str:
    name, equals, value = part.partition("=")
    if len(name) > BARE and not value.strip("="):
        return "REDACTED"
    if not name:
        return "=REDACTED" if len(value) > BARE or _tells(value) else part
    if not equals:
        return "REDACTED" if _tells(name) else part
    return f"{name}=REDACTED" if _tells(name) or _has_query(value) else part


def _tells(name: str) -> bool:
    # "%": an encoded name could spell anything.
    return name in _signed or "%" in name or _secret(name) is not None


def _has_query(value: str) -> bool:
    """Whether *value* is an address that carries a secret on, as of where to go after a login."""
    return ("=" in value or "%" in value) and (_secret(value) is not None or any(name in value for name in _signed))


def url_of(exchange: Exchange) -> str:
    """The URL that was asked for; what patterns of exclusion are searched in."""
    query = exchange.query
    url = f"{exchange.scheme}://{exchange.header('host') or ''}{exchange.path}"
    return f"{url}?{query}" if query else url


_named: Final = HeaderNames("host", "user-agent")

_places: Final[dict[tuple[str, str], tuple[str, int | None]]] = {}


def _place(host: str, scheme: str) -> tuple[str, int | None]:
    """Address and port of a `Host` header; kept, since a service has few. Strangers may make up many."""
    if len(_places) >= PLACES:
        _places.clear()
    place = without_port(host)[:MAX_TEXT], port_of(host, scheme)
    if len(host) <= MAX_TEXT:
        _places[host, scheme] = place
    return place


def request_attributes(exchange: Exchange) -> dict[str, AttributeValue]:
    """What is known of the request from the start, for samplers too; what is unknown is left out."""
    method = exchange.method
    attributes: dict[str, AttributeValue] = {
        "http.request.method": method,
        "url.scheme": exchange.scheme,
        "url.path": exchange.path if len(exchange.path) <= MAX_TEXT else exchange.path[:MAX_TEXT],
    }
    if method not in METHODS:
        attributes["http.request.method"] = "_OTHER"
        attributes["http.request.method_original"] = method[:MAX_TEXT]
    if query := exchange.query:
        attributes["url.query"] = redact_query(query)
    if version := exchange.http_version:
        attributes["network.protocol.version"] = version
    if exchange.client is not None:
        attributes["client.address"] = exchange.client
    peer = exchange.peer
    if peer is not None:
        attributes["network.peer.address"] = peer[0]
        if peer[1]:
            attributes["network.peer.port"] = peer[1]
    host, agent = exchange.headers(_named)
    if host:
        address, port = _places.get((host, exchange.scheme)) or _place(host, exchange.scheme)
        attributes["server.address"] = address
        if port is not None:
            attributes["server.port"] = port
    if agent:
        attributes["user_agent.original"] = agent if len(agent) <= MAX_TEXT else agent[:MAX_TEXT]
    return attributes


def response_attributes(exchange: Exchange) -> dict[str, AttributeValue]:
    """What a finished exchange adds to them; *exchange* may be a websocket that has only been accepted yet."""
    attributes: dict[str, AttributeValue] = {MIDWATCH_OUTCOME: str(exchange.outcome or "ok")}
    if (route := exchange.route) is not None:
        attributes["http.route"] = route
    if exchange.status is not None:
        attributes["http.response.status_code"] = exchange.status
    if exchange.bytes_out:
        attributes["http.response.body.size"] = exchange.bytes_out
    if exchange.bytes_in:
        attributes["http.request.body.size"] = exchange.bytes_in
    if exchange.first_byte is not None:
        attributes["midwatch.time_to_first_byte"] = exchange.first_byte - exchange.started
    if exchange.outcome is not None and (error := exchange.error_type) is not None:
        attributes["error.type"] = error
    return attributes
