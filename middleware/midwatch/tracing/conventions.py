"""Attributes of HTTP spans by the stable semantic conventions (https://opentelemetry.io/docs/specs/semconv/http/)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ..headers import HeaderNames, port_of, without_port
from ..redaction import DEFAULT

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from ..exchange import Exchange
    from ..redaction import Redactor

__all__ = ["METHODS", "MIDWATCH_OUTCOME", "known_method", "request_attributes", "response_attributes", "url_of"]

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


def known_method(method: str) -> str:
    """*method*, or `_OTHER`."""
    return method if method in METHODS else "_OTHER"


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


def request_attributes(exchange: Exchange, redactor: Redactor = DEFAULT) -> dict[str, AttributeValue]:
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
        attributes["url.query"] = redactor.query(query)
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
