"""
A store in PostgreSQL, for many machines, by psycopg 3.

Each commit is on the server's disk when it returns: `synchronous_commit` is set for the session, whatever the server's
default, unless that asks for more. A role that may do no more than INSERT and SELECT on the events (and UPDATE on
`audit_stream`) is enough once somebody else has made the tables.

Locks of the session elect who makes checkpoints: a pooler that gives each transaction another session breaks that.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, final

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from .bounded import BoundedConnection
from .forks import keep_for_ever
from .lock import LONG, PATIENCE
from .said import as_store_errors
from .schema import bring_up, check_version
from .sql import SQLStore
from .store import Collision, StoreError
from .tables import EVENT_COLUMNS, event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import URL, Connection

    from ..row import Row

__all__ = ["PostgreSQLStore"]

KEEPALIVE: Final = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
    "application_name": "midwatch-audit",
}
"""Defaults of the connection; the URL may say otherwise."""

STATEMENT: Final = 4
"""Seconds that the server works on one statement; upkeep and questions have no such limit."""

SESSION: Final = f"""
SET statement_timeout = '{STATEMENT}s';
SET idle_in_transaction_session_timeout = '30s';
SELECT set_config('synchronous_commit',
    CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)
"""

KEY: Final = "hashtext('midwatch.audit'), hashtext(current_schema())"
"""Of the lock that the leading process has; of the one that upgrades the tables it is the reverse."""

_types: Final = {"BIGINT": "bigint", "TEXT": "text", "BLOB": "bytea"}
_arrays = ", ".join(f"%b::{_types[str(event.c[name].type)]}[]" for name in EVENT_COLUMNS)

INSERT: Final = (
    f"INSERT INTO audit_event ({', '.join(EVENT_COLUMNS)}) SELECT * FROM unnest({_arrays})"  # noqa: S608 - names of ours
    " ON CONFLICT (stream, seq) DO NOTHING"
)
"""One array for each column: a parameter for each value would take the driver five times as long."""


@final
class PostgreSQLStore(SQLStore):
    """
    A store in the database that *url* names.

    Args:
        url: With the driver psycopg.
        read_only: Whether it is only looked at: then the tables have to be there.
        clock: Nanoseconds since the epoch.
    """

    mark = "%s"
    upsert = staticmethod(insert)

    def __init__(self, url: URL, *, read_only: bool = False, clock: Callable[[], int] = time_ns) -> None:
        place = f"{url.host or ''}{'' if url.port is None else f':{url.port}'}"
        super().__init__(f"postgresql://{place}/{url.database or ''}", clock)
        self._read_only = read_only
        self._password = url.password
        self._engine = create_engine(
            url, creator=self._dial, poolclass=NullPool, hide_parameters=True, use_native_hstore=False
        )
        self._connection: Connection | None = None
        self._leads = False

    def _dial(self) -> psycopg.Connection[Any]:
        arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
        connection = BoundedConnection.connect(*arguments, **{**KEEPALIVE, **options})
        connection.seconds = STATEMENT + 1
        connection.execute(SESSION)
        if self._read_only:
            connection.execute("SET default_transaction_read_only = on")
        connection.commit()
        return connection

    def open(self) -> None:
        with self._mutex, self._errors():
            self._disconnect()
            self._connected()

    def close(self) -> None:
        with self._mutex, self._errors():
            if self._leads and self._connection is not None:
                # The server would notice the end of the session a little later.
                with suppress(SQLAlchemyError):
                    self._connection.exec_driver_sql(f"SELECT pg_advisory_unlock({KEY})")
                    self._connection.commit()
            self._disconnect()

    def append(self, rows: Sequence[Row]) -> None:
        values = self._values(rows)
        if not values:
            return
        columns = tuple(list(column) for column in zip(*values, strict=True))
        with self._writing() as connection:
            try:
                new = connection.exec_driver_sql(INSERT, columns).rowcount
            except IntegrityError as error:
                if not isinstance(error.orig, psycopg.errors.UniqueViolation):
                    raise
                raise Collision(f"{self.name}: an event with one of these ids has another place") from None
            if new < len(values):
                self._compare(connection, rows)

    def leading(self) -> bool:
        if self._read_only:
            return False
        with self._transaction(PATIENCE) as connection:
            # The lock is the session's: while that is alive, so is the lock.
            asked = "true" if self._leads else f"pg_try_advisory_lock({KEY})"
            self._leads = bool(connection.exec_driver_sql(f"SELECT {asked}").scalar())
        return self._leads

    @contextmanager
    def _writing(self, patience: float = PATIENCE) -> Iterator[Connection]:
        if self._read_only:
            raise StoreError(f"{self.name}: opened for reading only")
        with self._transaction(patience) as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._transaction(LONG) as connection:
            yield connection

    @contextmanager
    def _transaction(self, patience: float) -> Iterator[Connection]:
        with self._mutex, self._errors():
            connection = self._connected()
            try:
                with connection.begin(), self._unhurried(connection, patience):
                    yield connection
            except (SQLAlchemyError, psycopg.Error):
                self._disconnect()
                raise

    @contextmanager
    def _unhurried(self, connection: Connection, patience: float) -> Iterator[None]:
        """Without the limits that keep a writer from waiting, if there is patience."""
        if patience < LONG:
            yield
            return
        driver: Any = connection.connection.driver_connection
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        driver.seconds = None
        try:
            yield
        finally:
            driver.seconds = STATEMENT + 1

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with as_store_errors(self.name, psycopg.Error):
                yield
        except StoreError as error:
            if not self._password or self._password not in str(error):
                raise
            raise StoreError(str(error).replace(self._password, "***")) from None

    def _fetch(self, connection: Connection, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        driver: Any = connection.connection.driver_connection
        with driver.cursor(binary=True) as cursor:
            rows: list[tuple[Any, ...]] = cursor.execute(sql, values).fetchall()
            return rows

    def _connected(self) -> Connection:
        if self._connection is not None:
            return self._connection
        connection = self._engine.connect()
        try:
            with connection.begin(), self._unhurried(connection, LONG):
                self._bring_up(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _bring_up(self, connection: Connection) -> None:
        if check_version(connection):
            return
        if self._read_only:
            raise StoreError(f"{self.name}: holds no audit trail, or one of an earlier version")
        connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(hashtext(current_schema()), hashtext('midwatch.audit'))"
        )
        bring_up(connection)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._leads = False
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.invalidate()
            connection.close()

    def _before_fork(self) -> None:
        """Nothing: the child forgets it."""

    def _in_child(self) -> None:
        if self._connection is not None:
            keep_for_ever(self._connection)
        self._connection, self._leads = None, False
