"""What of a request is in its line only if somebody asks for it: query, headers, body, fields of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from ..redaction import DEFAULT
from .body import Head

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..exchange import Exchange
    from ..redaction import Redactor

__all__ = ["Shown"]


@final
class Shown:
    """
    Further fields of a line, without secrets.

    Args:
        query: Names of query parameters whose values are shown; with any, `url.query` is, the other values hidden.
        request, response: Names of headers.
        redactor: Hides what is secret, and what only looks so.
    """

    def __init__(
        self,
        *,
        query: Iterable[str] = (),
        request: Iterable[str] = (),
        response: Iterable[str] = (),
        redactor: Redactor = DEFAULT,
    ) -> None:
        self._query = frozenset(query)
        self._request = [(name, f"http.request.header.{name}") for name in map(str.lower, request)]
        self._response = [(name, f"http.response.header.{name}") for name in map(str.lower, response)]
        self._redactor = redactor
        self.path = None if redactor is DEFAULT else redactor.value
        """Shows a path as the settings want it; None where the line itself does."""

    def __bool__(self) -> bool:
        return bool(self._query or self._request or self._response)

    def fields(self, exchange: Exchange, ratio: float | None) -> dict[str, Any]:
        """Those of *exchange*, as JSON can say them: made at once, since the application may change what it noted."""
        fields: dict[str, Any] = {}
        redactor = self._redactor
        if self._query and (query := exchange.query):
            fields["url.query"] = redactor.query(query, self._query)
        for names, header in ((self._request, exchange.header), (self._response, exchange.response_header)):
            for name, key in names:
                value = header(name)
                if value is not None:
                    fields[key] = redactor.header(name, value)
        if isinstance(exchange.on_body, Head) and (body := exchange.on_body.shown(redactor)) is not None:
            fields["http.request.body.content"] = body
        if ratio is not None:
            fields["request.sample.ratio"] = ratio
        # A copy: a thread of the request may still be adding to it.
        return {**redactor.fields(exchange.noted.copy()), **fields} if exchange.noted else fields
