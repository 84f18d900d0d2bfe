"""The answer for an application that raised before it answered (RFC 9457): which request it was, and no detail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Reply
from ..logs.safe import encode_line

if TYPE_CHECKING:
    from ..exchange import Exchange

__all__ = ["problem"]


def problem(exchange: Exchange) -> Reply:
    """A 500 in `application/problem+json`; `request_id` and `trace_id` are extension members (RFC 9457 section 3.2)."""
    members: dict[str, Any] = {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    if exchange.request_id is not None:
        members["request_id"] = exchange.request_id
    if exchange.trace_id is not None:
        members["trace_id"] = exchange.trace_id
    return Reply(
        500, encode_line(members), media_type="application/problem+json", headers={"cache-control": "no-store"}
    )
