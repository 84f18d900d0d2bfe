"""`postgresql+psycopg://...`, `mysql+pymysql://...`: `SELECT 1` over a connection of our own, by SQLAlchemy."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, final

from ...destinations.address import parameters
from ...hushed import hushed
from ..result import Result
from .engine import sql_reason, statement
from .kind import NETWORK, PATIENCE, BuiltIn, Quick, Scope
from .reason import failed

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["SQL", "AsyncSQL", "made"]

FRESH: Final = 300
"""Seconds after which the connection is made anew: one that lives says nothing of whether others can be made."""

LEAST: Final = 2
"""Seconds: of less, libpq makes so many."""

TIMEOUTS: Final = {
    "psycopg": ("connect_timeout",),
    "psycopg_async": ("connect_timeout",),
    "psycopg2": ("connect_timeout",),
    "asyncpg": ("timeout", "command_timeout"),
    "pymysql": ("connect_timeout", "read_timeout", "write_timeout"),
    "mysqldb": ("connect_timeout", "read_timeout", "write_timeout"),
    "aiomysql": ("connect_timeout",),
    "asyncmy": ("connect_timeout",),
    "mysqlconnector": ("connection_timeout",),
    "oracledb": ("tcp_connect_timeout",),
    "pymssql": ("login_timeout", "timeout"),
    "pyodbc": ("timeout",),
}
"""What drivers call the time that they may take; the engine of checks limits the others, at the price of a thread."""


@final
class SQL(Quick):
    """
    Whether a database answers, asked over one connection that is kept for a while.

    Args:
        url: With a driver that blocks.
        options: How long it may take.
    """

    scope: Scope = "shared"

    def __init__(self, url: URL, options: dict[str, Any]) -> None:
        super().__init__(_shown(url), options)
        from sqlalchemy import create_engine  # noqa: PLC0415 - only where somebody asks for it

        timeout = options.get("timeout", PATIENCE)
        self._engine: Engine = create_engine(
            url,
            pool_size=1,
            max_overflow=0,
            pool_timeout=timeout,
            pool_recycle=FRESH,
            hide_parameters=True,
            connect_args=_limits(url, timeout),
        )
        if url.get_driver_name() == "psycopg":
            _bound(self._engine, timeout)
        self._process = os.getpid()

    def look(self) -> Result:
        if self._process != os.getpid():
            self._process = os.getpid()
            self._engine.dispose(close=False)  # The parent's, who still speaks over it.
        try:
            with self._engine.connect() as connection:
                connection.execute(statement())
        except Exception as error:
            self.close()
            return failed(error, sql_reason(error))
        return Result("pass")

    def close(self) -> None:
        """End the connection; the next look makes another."""
        self._engine.dispose()


@final
class AsyncSQL(BuiltIn):
    """The same with a driver that is async; each look makes a connection, since it may come from another event loop."""

    scope: Scope = "shared"

    def __init__(self, url: URL, options: dict[str, Any]) -> None:
        super().__init__(_shown(url), options)
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415
        from sqlalchemy.pool import NullPool  # noqa: PLC0415

        limits = _limits(url, options.get("timeout", PATIENCE))
        self._engine: AsyncEngine = create_async_engine(
            url, poolclass=NullPool, hide_parameters=True, connect_args=limits
        )

    async def __call__(self) -> Result:
        with hushed():
            try:
                async with self._engine.connect() as connection:
                    await connection.execute(statement())
            except Exception as error:
                return failed(error, sql_reason(error))
        return Result("pass")


def _shown(url: URL) -> str:
    host = f"[{url.host}]" if url.host and ":" in url.host else url.host or ""
    port = "" if url.port is None else f":{url.port}"
    return f"{url.drivername}://{host}{port}/{url.database or ''}"


def _limits(url: URL, timeout: float) -> dict[str, int]:
    """Times that the URL does not give itself; drivers want whole seconds."""
    names = TIMEOUTS.get(url.get_driver_name(), ())
    return {name: max(LEAST, round(timeout)) for name in names if name not in url.query}


def _bound(engine: Engine, seconds: float) -> None:
    """Have connections of psycopg end that are silent: a server may be stopped while its sockets live."""
    from sqlalchemy import event  # noqa: PLC0415

    from ...audit.stores.bounded import BoundedConnection  # noqa: PLC0415 - needs psycopg

    @event.listens_for(engine, "do_connect")
    def _connect(_: Any, __: Any, arguments: Any, options: dict[str, Any]) -> BoundedConnection:
        connection = BoundedConnection.connect(*arguments, **options)
        connection.seconds = seconds
        return connection


def made(spec: str) -> BuiltIn:
    """
    The check.

    Raises:
        ValueError: no URL, SQLAlchemy or the driver is not installed; the message holds no credentials.
    """
    scheme = spec.partition(":")[0]
    if find_spec("sqlalchemy") is None:
        raise ValueError(f"{scheme}: needs SQLAlchemy: pip install sqlalchemy")
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    text, _, fragment = spec.partition("#")
    try:
        url = make_url(text)
    except (SQLAlchemyError, ValueError):
        # Its message would show the URL.
        raise ValueError(f"{scheme}: not a URL; write {scheme}://user:password@host/database") from None
    if url.drivername == "postgresql" and find_spec("psycopg") is not None:
        url = url.set(drivername="postgresql+psycopg")
    options = parameters(_shown(url), fragment, NETWORK, tls=False)[0]
    try:
        return AsyncSQL(url, options) if url.get_dialect().is_async else SQL(url, options)
    except ModuleNotFoundError as error:
        raise ValueError(f"{scheme}: needs the driver {error.name}, which is not installed") from None
    except (SQLAlchemyError, TypeError, ValueError):
        # As above.
        raise ValueError(f"{scheme}: SQLAlchemy knows no such dialect, driver or parameter") from None
