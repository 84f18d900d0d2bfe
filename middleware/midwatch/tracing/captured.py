"""Headers of requests and responses that the settings ask to have on the server span."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from ..redaction import DEFAULT
from ..redaction.mask import HEADER_MASK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.trace import Span

    from ..exchange import Exchange
    from ..redaction import Redactor

__all__ = ["Captured"]

MAX_TEXT: Final = 1024


@final
class Captured:
    """
    Which headers a span gets, as `http.request.header.<name>` and `http.response.header.<name>`, lists of text.

    Args:
        request, response: Names of headers.
        sanitize: Expressions; where one is found in a name, the value becomes `[REDACTED]`, as do those that are
            secrets by their names.
        redactor: Says which these are, and hides what is secret in other values.
    """

    def __init__(
        self,
        request: Iterable[str] = (),
        response: Iterable[str] = (),
        sanitize: Iterable[str] = (),
        redactor: Redactor = DEFAULT,
    ) -> None:
        self._redactor = redactor
        patterns = [re.compile(pattern, re.IGNORECASE).search for pattern in sanitize]

        def hidden(name: str) -> bool:
            return any(matches(name) for matches in patterns)

        self._request = [(n.lower(), f"http.request.header.{n.lower()}", hidden(n)) for n in request]
        self._response = [(n.lower(), f"http.response.header.{n.lower()}", hidden(n)) for n in response]

    def __bool__(self) -> bool:
        return bool(self._request or self._response)

    def put(self, exchange: Exchange, span: Span) -> None:
        """Set them on *span*."""
        for names, header in ((self._request, exchange.header), (self._response, exchange.response_header)):
            for name, key, hidden in names:
                value = header(name)
                if value is not None:
                    shown = HEADER_MASK if hidden else self._redactor.header(name, value, MAX_TEXT)
                    span.set_attribute(key, [shown])
