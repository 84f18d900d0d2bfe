"""Fields that the application adds to the one line of its request, which thereby tells everything about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exchange import current

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["log"]


def log(fields: Mapping[str, Any] | None = None, /, **more: Any) -> None:
    """
    Add fields to the line of the request that the calling code serves; the last value of a name counts.

    `midwatch.log(order="17", items=3)`, or `midwatch.log({"order.id": "17"})` for names that are no identifiers.
    Values may be anything that JSON can say, and are redacted as everything else is. Names that a line has anyway keep
    their meaning. Outside of a request there is no line to add to, and nothing happens.
    """
    exchange = current()
    if exchange is not None:
        exchange.note({**fields, **more} if fields else more)
