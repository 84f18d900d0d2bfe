"""The messages of a websocket as events of its span."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from .sequel import sequel_of

if TYPE_CHECKING:
    from ..exchange import Exchange
    from .span import Span

__all__ = ["Messages"]


@final
class Messages:
    """Notes each message; the limit of events bounds them, what exceeds it is counted."""

    def __init__(self, span: Span, exchange: Exchange) -> None:
        self._span = span
        self._exchange = exchange
        self._seen = {"SENT": 0, "RECEIVED": 0}

    def note(self, direction: str, size: int) -> None:
        """An event named `message`, with what OpenTelemetry's conventions call its type, id and size."""
        self._seen[direction] += 1
        sequel_of(self._span, self._exchange).add_event(
            "message",
            {"message.type": direction, "message.id": self._seen[direction], "message.uncompressed_size": size},
        )
