"""How an SQLite file is opened, and how its log stays small."""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import quote

from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool

from ...plugin import hook_failed
from .lock import PATIENCE
from .private import identity
from .store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from .private import Identity

__all__ = ["Log", "dial", "dial_to_read", "driver", "engine", "warn_of_bug"]

LARGE: Final = 4 << 20
"""Bytes of the write-ahead log from which on it is copied back into the file."""

PRAGMAS: Final = (
    "PRAGMA synchronous=FULL",  # each commit is on disk; wrappers like to make it less
    "PRAGMA wal_autocheckpoint=0",  # only under our lock
    f"PRAGMA journal_size_limit={LARGE // 2}",  # below what makes us copy, or we would each time
    "PRAGMA trusted_schema=OFF",
)

FIXED: Final = (3, 51, 3)
"""The SQLite in which two processes may commit and copy at once."""

logger = logging.getLogger("midwatch")

_warned = threading.Event()


def engine(dial: Callable[[], sqlite3.Connection], begin: str = "BEGIN IMMEDIATE") -> Engine:
    """
    Connections made by *dial*, none of which is shared.

    A transaction that begins by reading and then writes would fail at once when another one wrote in between, whatever
    the timeout (SQLITE_BUSY_SNAPSHOT).
    """
    made = create_engine("sqlite://", creator=dial, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return made


def dial(path: Path) -> sqlite3.Connection:
    """
    A connection that writes to an existing file.

    Raises:
        StoreError: the file system has no shared memory, which WAL needs.
    """
    connection = _connect(path, "rw")
    try:
        for pragma in PRAGMAS:
            connection.execute(pragma)
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise StoreError(f"sqlite:///{path}: cannot be in WAL mode here; is it a network file system?")
    except BaseException:
        connection.close()
        raise
    return connection


def dial_to_read(path: Path) -> sqlite3.Connection:
    """A connection that only reads; also from a medium that cannot be written to."""
    connection = _connect(path, "ro")
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema")
    except sqlite3.OperationalError:
        connection.close()
        log = log_of(path)
        if log.exists() and log.stat().st_size:
            raise
        return _connect(path, "ro&immutable=1")
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )
    # Text that is none, which SQLite keeps: the rest of the row is still to be read, and judged.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    return connection


def log_of(path: Path) -> Path:
    """The write-ahead log of the file *path*."""
    return path.with_name(f"{path.name}-wal")


def driver(connection: Connection) -> Any:
    """The driver's own connection."""
    return connection.connection.driver_connection


def warn_of_bug(name: str) -> None:
    """Say once, if this SQLite has the bug against which our lock helps, that there is no lock."""
    if sqlite3.sqlite_version_info < FIXED and not _warned.is_set():
        _warned.set()
        logger.warning(
            "audit trail: %s: the file system has no locks (flock), and SQLite %s can corrupt a file in which two"
            " processes commit at once: update it to 3.51.3, or have one process only",
            name,
            sqlite3.sqlite_version,
        )


@final
class Log:
    """
    The write-ahead log of the file *path*.

    Attributes:
        due: Its size in bytes at which it is next copied back into the file.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._path = log_of(path)
        self._identity: Identity | None = None
        self.due = LARGE

    def closed(self) -> None:
        """The next connection may have another one."""
        self._identity = None
        self.due = LARGE

    def look_after(self, connection: Connection) -> None:
        """
        See after a commit that it is still there, and copy it back once it is due; our lock is held.

        Raises:
            StoreError: somebody deleted it, and with it what was committed since it was last copied back. It is copied
                back now, since we still have it, but a replay is safer.
        """
        now = identity(self._path)
        if now is None or self._identity not in {None, now}:
            with suppress(sqlite3.Error):
                driver(connection).execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            raise StoreError(f"{self._name}: the log beside it was deleted")
        self._identity = now
        self._copy_back(connection)

    def abandon(self, connection: Connection) -> None:
        """
        Copy it back into the file that *connection* has open, which has lost its name, and remove it.

        SQLite would take it for the log of whatever has that name now. Our lock is held.
        """
        with suppress(sqlite3.Error, OSError, StoreError):
            driver(connection).execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if self._identity is not None and identity(self._path) == self._identity:
                self._path.unlink()
                self._path.with_name(f"{self._name}-shm").unlink()

    def _copy_back(self, connection: Connection) -> None:
        """What is committed is safe already, so it may fail."""
        try:
            size = self._path.stat().st_size
            if size < self.due:
                return
            _, pages, copied = driver(connection).execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            # Somebody who reads of the past holds it up: it is not tried again for each commit.
            self.due = LARGE if pages == copied else size + LARGE
        except (OSError, sqlite3.Error):
            self.due += LARGE
            hook_failed(self._copy_back)
