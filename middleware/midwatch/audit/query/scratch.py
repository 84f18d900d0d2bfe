"""
A copy of a file store that can be asked: an unnamed SQLite file, gone when it is closed.

A file has no index. To sort or to count its events needs room for all of them, which is on the disk here, not in
memory; and so the questions are written once.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final, final

from ..columns import COLUMNS
from ..stores.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Scratch"]

NAMES: Final = ("stream", "seq", *COLUMNS, "detail")

TABLE: Final = f"CREATE TABLE audit_event ({', '.join(NAMES)}, body)"

INSERT: Final = f"INSERT INTO audit_event VALUES ({', '.join('?' * (len(NAMES) + 1))})"  # noqa: S608 - names of ours

INDEXES: Final = (
    "CREATE INDEX audit_event_time ON audit_event (time, stream, seq)",
    "CREATE INDEX audit_event_actor ON audit_event (actor, time)",
)


@final
class Scratch:
    """
    A copy of *events*, with their columns, `body` and `detail`. Close it.

    Raises:
        StoreError: there is no room for it.
    """

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        # An empty name is a temporary file that SQLite has removed already: nobody else can open it.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        try:
            self._fill(events)
        except sqlite3.Error as error:
            self.close()
            raise StoreError(f"no room for a temporary copy: {error}") from None
        except BaseException:
            self.close()
            raise

    def _fill(self, events: Iterable[dict[str, Any]]) -> None:
        execute = self._connection.execute
        for sql in ("PRAGMA journal_mode=OFF", "PRAGMA cache_size=-16384", TABLE, "BEGIN"):
            execute(sql)
        self._connection.executemany(INSERT, ((*map(row.get, NAMES), row["body"]) for row in events))
        for sql in INDEXES:
            execute(sql)
        execute("COMMIT")

    def each(self, sql: str, values: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
        """See `Source`."""
        try:
            yield from self._connection.execute(sql, values)
        except sqlite3.Error as error:
            raise StoreError(f"temporary copy: {error}") from None

    def close(self) -> None:
        """Remove it."""
        self._connection.close()
