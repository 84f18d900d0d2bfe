"""Questions to a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..stores.sql import SQLStore

__all__ = ["Database"]


@final
class Database:
    """The events of *store*. Each question is one transaction: it sees no event that is written meanwhile."""

    def __init__(self, store: SQLStore) -> None:
        self._store = store

    def each(self, sql: str, values: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
        """See `Source`."""
        return self._store.each(text(sql).bindparams(**values))
