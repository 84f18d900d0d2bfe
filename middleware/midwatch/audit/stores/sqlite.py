"""
A store in an SQLite file, for the processes of one machine.

The file is in WAL mode; a commit is on disk when it returns (`synchronous=FULL`). One lock of ours, on a file beside
it, is held for each commit, each copy of the log back into the file, and each opening and closing. It queues writers,
which SQLite's own lock does not, and keeps apart what corrupts the file in SQLite 3.7.0 to 3.51.2 when it meets in two
processes (sqlite.org/wal.html, "the WAL-reset bug").

The file does not work on a network file system (sqlite.org/wal.html).
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import contextmanager
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, final

from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from .connections import Log, dial, dial_to_read, driver, engine, warn_of_bug
from .forks import keep_for_ever
from .lock import LONG, PATIENCE, Lock
from .private import create, identity
from .said import as_store_errors
from .schema import bring_up, check_version
from .sql import SQLStore
from .store import Collision, StoreError
from .tables import EVENT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from ..row import Row
    from .private import Identity

__all__ = ["SQLiteStore"]

_marks = ", ".join("?" for _ in EVENT_COLUMNS)

INSERT: Final = (
    f"INSERT INTO audit_event ({', '.join(EVENT_COLUMNS)}) VALUES ({_marks})"  # noqa: S608 - names of ours
    " ON CONFLICT (stream, seq) DO NOTHING"
)

TAKEN: Final = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})
"""Another row is there; other constraints, such as a trigger of somebody, say nothing about that."""

logger = logging.getLogger("midwatch")


@final
class SQLiteStore(SQLStore):
    """
    A store in the file *path*, made with mode 0600 if there is none.

    Args:
        path: Where it is.
        read_only: Whether it is only looked at: then it has to be there.
        clock: Nanoseconds since the epoch.
    """

    mark = "?"
    upsert = staticmethod(insert)

    def __init__(self, path: Path, *, read_only: bool = False, clock: Callable[[], int] = time_ns) -> None:
        super().__init__(f"sqlite:///{path}", clock)
        self._path = path
        self._read_only = read_only
        self._lock = Lock(path.with_name(f"{path.name}.lock"))
        self._leader = Lock(path.with_name(f"{path.name}.leader"))
        self._log = Log(path)
        self._identity: Identity | None = None
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._engine = engine(lambda: dial(path))
        self._reading_engine = engine(lambda: dial_to_read(path), begin="BEGIN")

    def open(self) -> None:
        with self._mutex, as_store_errors(self.name):
            self._disconnect(LONG)
            if self._read_only:
                self._connected_reader()
                return
            with self._lock.held(LONG):
                self._connected()

    def close(self) -> None:
        with self._mutex, as_store_errors(self.name):
            self._disconnect(LONG)
            self._lock.forget()
            self._leader.forget()

    def append(self, rows: Sequence[Row]) -> None:
        values = self._values(rows)
        if not values:
            return
        with self._writing() as connection:
            try:
                new = connection.exec_driver_sql(INSERT, values).rowcount
            except IntegrityError as error:
                if getattr(error.orig, "sqlite_errorcode", None) not in TAKEN:
                    raise
                raise Collision(f"{self.name}: an event with one of these ids has another place") from None
            if new < len(values):
                self._compare(connection, rows)

    def leading(self) -> bool:
        with self._mutex, as_store_errors(self.name):
            return not self._read_only and self._leader.take()

    @contextmanager
    def _writing(self, patience: float = PATIENCE) -> Iterator[Connection]:
        with self._mutex, as_store_errors(self.name):
            if self._read_only:
                raise StoreError(f"{self.name}: opened for reading only")
            with self._lock.held(patience):
                connection = self._connected()
                try:
                    with connection.begin():
                        yield connection
                except SQLAlchemyError:
                    # What state it is in is anyone's guess; the next one begins with a clean one.
                    self._let_go()
                    raise
                try:
                    self._log.look_after(connection)
                except StoreError:
                    self._let_go()
                    raise

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._mutex, as_store_errors(self.name):
            connection = self._connected_reader()
            try:
                yield connection
            finally:
                connection.rollback()

    def _fetch(self, connection: Connection, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = driver(connection).execute(sql, values).fetchall()
        return rows

    def _connected(self) -> Connection:
        """The connection that writes; the lock is held."""
        if self._writer is not None:
            self._check_identity()
            return self._writer
        create(self._path)
        self._identity = identity(self._path)
        connection = self._engine.connect()
        try:
            with connection.begin():
                bring_up(connection)
        except BaseException:
            connection.close()
            raise
        self._writer = connection
        if not self._lock.working:
            warn_of_bug(self.name)
        return connection

    def _connected_reader(self) -> Connection:
        if self._reader is not None:
            if self._writer is None:
                self._check_identity()
            elif identity(self._path) != self._identity:
                with self._lock.held(LONG):
                    self._check_identity()
            return self._reader
        if not self._read_only and self._writer is None:
            with self._lock.held(LONG):
                self._connected()
        if self._writer is None:
            self._identity = identity(self._path)
        if self._identity is None:
            raise StoreError(f"{self.name}: there is no such file")
        connection = self._reading_engine.connect()
        if self._read_only and not check_version(connection):
            connection.close()
            raise StoreError(f"{self.name}: holds no audit trail, or one of an earlier version")
        # Looking has begun a transaction: the first question would be answered as of now, and the others later.
        connection.rollback()
        self._reader = connection
        return connection

    def _check_identity(self) -> None:
        """
        See that the path still names the file that is open.

        Raises:
            StoreError: it does not; the next try opens what is there, or makes a new one.
        """
        if identity(self._path) == self._identity:
            return
        if self._writer is not None:
            self._log.abandon(self._writer)
        self._let_go()
        logger.warning("audit trail: %s was deleted or replaced; the events until now are not there", self.name)
        raise StoreError(f"{self.name}: was deleted or replaced")

    def _let_go(self) -> None:
        """
        Close the connections.

        Of a file that was replaced they are left open for ever: SQLite removes the log by its name, and under this
        name there is the log of another file now.
        """
        now = identity(self._path)
        for connection in (self._reader, self._writer):
            if connection is None:
                continue
            if now in (None, self._identity):
                connection.invalidate()
                connection.close()
            else:
                keep_for_ever(connection)
        self._reader = self._writer = None
        self._log.closed()

    def _disconnect(self, patience: float) -> None:
        if self._writer is None:
            self._let_go()
            return
        try:
            with self._lock.held(patience):
                self._let_go()
        except (StoreError, OSError):
            self._let_go()

    def _before_fork(self) -> None:
        self._disconnect(PATIENCE)

    def _in_child(self) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                keep_for_ever(connection)
        self._reader = self._writer = None
        self._lock.forget()
        self._leader.forget()
