"""The version of the tables, and how older ones become it. Runs in a transaction that no other process is in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, insert, inspect, select, update

from ..columns import columns_of_body
from .guards import guard, unguard
from .store import StoreError
from .tables import EVENT_COLUMNS, event, meta, metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

__all__ = ["VERSION", "bring_up", "check_version", "version_of"]

VERSION: Final = 1

CHUNK: Final = 1000


def version_of(connection: Connection) -> int | None:
    """The version of the tables that are there; None where there are none."""
    found = inspect(connection)
    if found.has_table(meta.name):
        return connection.execute(select(meta.c.version)).scalar()
    return 0 if found.has_table(event.name) else None


def check_version(connection: Connection) -> bool:
    """
    Whether the tables can be used as they are.

    Raises:
        StoreError: a later version of Midwatch made them.
    """
    version = version_of(connection)
    if version is not None and version > VERSION:
        raise StoreError(
            f"the tables have version {version}, and this Midwatch knows {VERSION}: update it, or use another store"
        )
    return version == VERSION


def bring_up(connection: Connection) -> None:
    """
    Make the tables, or bring those that are there up to date; all or nothing.

    Raises:
        StoreError: a later version of Midwatch made them.
    """
    if check_version(connection):
        return
    version = version_of(connection)
    if version is None:
        metadata.create_all(connection)
        guard(connection)
        connection.execute(insert(meta).values(version=VERSION))
        return
    for step in range(version, VERSION):
        MIGRATIONS[step](connection)
    connection.execute(update(meta).values(version=VERSION))


def _from_0(connection: Connection) -> None:
    """Drafts had no version, no tenant, and fewer tables and indexes."""
    unguard(connection)
    if not any(column["name"] == "tenant" for column in inspect(connection).get_columns(event.name)):
        connection.exec_driver_sql("ALTER TABLE audit_event ADD COLUMN tenant TEXT")
    metadata.create_all(connection)
    for index in event.indexes:
        index.create(connection, checkfirst=True)
    connection.execute(insert(meta).values(version=0))
    _fill(connection, "tenant")
    guard(connection)


def _fill(connection: Connection, name: str) -> None:
    """Derive a new column from the bodies that are there."""
    place = EVENT_COLUMNS.index(name) - EVENT_COLUMNS.index("id")
    key = (event.c.stream, event.c.seq)
    matching = (event.c.stream == bindparam("its_stream")) & (event.c.seq == bindparam("its_seq"))
    change = update(event).where(matching).values({name: bindparam("value")})
    after = ("", -1)
    while True:
        later = (key[0] > after[0]) | ((key[0] == after[0]) & (key[1] > after[1]))
        rows = connection.execute(select(*key, event.c.body).where(later).order_by(*key).limit(CHUNK)).all()
        if not rows:
            return
        after = (rows[-1][0], rows[-1][1])
        values = [(stream, seq, columns_of_body(body)[place]) for stream, seq, body in rows]
        told = [{"its_stream": a, "its_seq": b, "value": value} for a, b, value in values if value is not None]
        if told:
            connection.execute(change, told)


MIGRATIONS: Final[dict[int, Callable[[Connection], None]]] = {0: _from_0}
