"""What an event says of its request, taken at one moment: later its server may use the parts for another."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from ..source import source_of

if TYPE_CHECKING:
    from ..exchange import Exchange

__all__ = ["Seen"]


@final
class Seen:
    """
    A look at an exchange.

    Attributes:
        agent: What the client calls itself.
        source: Where it came from.
    """

    __slots__ = ("actor", "agent", "bytes_in", "bytes_out", "close_code", "kind", "method", "outcome", "request_id",
                 "route", "source", "span_id", "started_at", "status", "trace_id")  # fmt: skip

    def __init__(self, exchange: Exchange) -> None:
        self.actor = exchange.actor
        self.agent = exchange.header("user-agent")
        self.bytes_in = exchange.bytes_in
        self.bytes_out = exchange.bytes_out
        self.close_code = exchange.close_code
        self.kind = exchange.kind
        self.method = exchange.method
        self.outcome = exchange.outcome
        self.request_id = exchange.request_id
        self.route = exchange.route
        self.source = source_of(exchange)
        self.span_id = exchange.span_id
        self.started_at = exchange.started_at
        self.status = exchange.status
        self.trace_id = exchange.trace_id
