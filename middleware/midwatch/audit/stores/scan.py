"""Questions to a file: there is no index, each line is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..columns import COLUMNS, columns_of_body
from ..row import Row
from .index import things
from .wanted import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .store import Filter

__all__ = ["columns_of_row", "found", "place_of"]


def columns_of_row(row: Row) -> dict[str, Any]:
    """The columns that a database would keep."""
    return {"stream": row.stream, "seq": row.seq} | dict(zip(COLUMNS, columns_of_body(row.body), strict=True))


def place_of(event: dict[str, Any]) -> tuple[int, str, int]:
    """What events are ordered by."""
    return event["time"], event["stream"], event["seq"]


def found(fd: int, wanted: Filter, after: tuple[int, str, int] | None) -> Iterator[dict[str, Any]]:
    """Events that are wanted and come behind *after*, in the order of the file."""
    for _, _, row in things(fd):
        if isinstance(row, Row):
            event = columns_of_row(row)
            if matches(wanted, event) and (after is None or place_of(event) > after):
                yield event | {"body": row.body, "detail": row.detail}
