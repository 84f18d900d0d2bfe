"""Spans as lines for a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, final

from opentelemetry.trace import StatusCode

from ...logs.safe import one_line, safe_text
from ..conventions import MIDWATCH_OUTCOME

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...service import Service
    from ..span import Span

__all__ = ["console_to"]

NAME: Final = 100
"""Characters of a name that is shown."""


def console_to(put: Callable[[Line], object], service: Service) -> Callable[[Span], None]:
    """A function that puts one line for each span; it becomes text where it is written."""
    name = _shown(service.name)

    def take(span: Span) -> None:
        put(Line(span, name))

    return take


@final
class Line:
    """`12:00:00.123456 SERVER GET /orders 12.3 ms 200 ok shop 0af7651916cd43dd8448eb211c80319c`."""

    __slots__ = ("_service", "_span")

    def __init__(self, span: Span, service: str) -> None:
        self._span = span
        self._service = service

    def text(self) -> str:
        """The line, without a newline; never raises."""
        try:
            return self._text()
        except Exception as error:
            return f"a span that cannot be shown: {type(error).__name__}"

    def _text(self) -> str:
        span = self._span
        began = datetime.fromtimestamp(span.start_time / 1e9, UTC).strftime("%H:%M:%S.%f")
        took = f"{(span.end_time - span.start_time) / 1e6:.1f} ms"
        status = span.attributes.get("http.response.status_code", "")
        outcome = span.attributes.get(MIDWATCH_OUTCOME) or ("error" if span.status_code is StatusCode.ERROR else "")
        words = (began, span.kind.name, span.name, took, status, outcome, span.attributes.get("error.type", ""))
        shown = [_shown(word) for word in words if word not in {"", None}]
        return " ".join([*shown, self._service, span.trace_id])


def _shown(word: object) -> str:
    """On one line, and harmless to a terminal."""
    text = one_line(safe_text(word)[:NAME])
    return "".join(character if character.isprintable() else "?" for character in text)
