"""
A request as trackers have it, without what may be secret.

https://develop.sentry.dev/sdk/data-model/event-payloads/request/. Of the query only names are told, of the headers only
those that nobody puts a secret into; no cookies, no body, no environment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ....headers import HeaderNames

if TYPE_CHECKING:
    from ....exchange import Exchange
    from ....redaction import Redactor

__all__ = ["request_fields"]

SAFE: Final = ("accept", "accept-encoding", "accept-language", "content-length", "content-type", "user-agent")

VALUE: Final = 256
PATH: Final = 1024
QUERY: Final = 1024
METHOD: Final = 32
"""Characters of a header, of a path, of a query and of a method."""

_names: Final = HeaderNames(*SAFE)
_is_host: Final = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,255}").fullmatch


def request_fields(exchange: Exchange, redactor: Redactor) -> dict[str, Any]:
    """`url`, `method`, `query_string` and `headers`."""
    host = exchange.header("host") or ""
    path = quote(redactor.value("url.path", exchange.path, PATH), "/:@!$&'()*+,;=~[]", errors="replace")
    place = f"{exchange.scheme}://{host}" if _is_host(host) else ""
    fields: dict[str, Any] = {"url": place + path, "method": redactor.text(exchange.method, METHOD)}
    query = exchange.query
    if query:
        fields["query_string"] = redactor.query(query, allow=(), limit=QUERY)
    found = zip(SAFE, exchange.headers(_names), strict=True)
    headers = {name: redactor.header(name, value, VALUE) for name, value in found if value is not None}
    fields["headers"] = {name.title(): value for name, value in headers.items()}
    return fields
