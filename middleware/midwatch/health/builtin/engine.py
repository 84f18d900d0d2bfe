"""`SELECT 1` through an engine of SQLAlchemy that the application has: on its own pool, with its own settings."""

from __future__ import annotations

from typing import Any, Final, final

from ...frameworks import descends
from ...hushed import hushed
from ..result import Result
from .kind import BuiltIn, Quick, Scope
from .reason import failed, why

__all__ = ["AsyncEngineCheck", "EngineCheck", "engine_check", "is_engine", "sql_reason", "statement"]

EXHAUSTED: Final = Result("warn", "all connections of the pool are in use")


@final
class EngineCheck(Quick):
    """
    Whether the database behind an `Engine` answers.

    Where all connections of the pool are in use it warns, and waits for none: so it is under load, and the requests
    that have them know best whether the database answers.
    """

    scope: Scope = "shared"

    def __init__(self, engine: Any) -> None:
        super().__init__("engine")
        self._engine = engine

    def look(self) -> Result:
        if _is_exhausted(self._engine.pool):
            return EXHAUSTED
        try:
            with self._engine.connect() as connection:
                connection.execute(statement())
        except Exception as error:
            return _failed(error)
        return Result("pass")


@final
class AsyncEngineCheck(BuiltIn):
    """The same for an `AsyncEngine`; it runs in the event loop of the application, to which the pool is bound."""

    scope: Scope = "shared"

    def __init__(self, engine: Any) -> None:
        super().__init__("engine")
        self._engine = engine

    async def __call__(self) -> Result:
        with hushed():
            if _is_exhausted(self._engine.pool):
                return EXHAUSTED
            try:
                async with self._engine.connect() as connection:
                    await connection.execute(statement())
            except Exception as error:
                return _failed(error)
        return Result("pass")


def engine_check(engine: Any) -> BuiltIn:
    """
    A check of the database behind *engine*, an `Engine` or an `AsyncEngine` of SQLAlchemy.

    Raises:
        TypeError: it is neither.
    """
    if descends(engine, "sqlalchemy.ext.asyncio.engine", "AsyncEngine"):
        return AsyncEngineCheck(engine)
    if descends(engine, "sqlalchemy.engine.base", "Engine"):
        return EngineCheck(engine)
    raise TypeError(f"{type(engine).__name__} is no engine of SQLAlchemy")


def is_engine(found: object) -> bool:
    """Whether `engine_check` takes it."""
    return descends(found, "sqlalchemy.engine.base", "Engine") or descends(
        found, "sqlalchemy.ext.asyncio.engine", "AsyncEngine"
    )


def sql_reason(error: Exception) -> str:
    """The class of the driver's error, and its SQLSTATE where it has one: five letters and digits (ISO 9075)."""
    orig = getattr(error, "orig", None) or error
    state = getattr(orig, "sqlstate", None)
    known = isinstance(state, str) and len(state) == 5 and state.isascii() and state.isalnum()
    return f"{why(orig)} ({state})" if known else why(orig)


def _failed(error: Exception) -> Result:
    if descends(error, "sqlalchemy.exc", "TimeoutError"):
        return EXHAUSTED
    return failed(error, sql_reason(error))


def _is_exhausted(pool: Any) -> bool:
    """Whether the next connection has to be waited for; False where the pool does not tell."""
    try:
        most = pool._max_overflow  # noqa: SLF001 - there is no public name
        return bool(pool.checkedin() == 0 and 0 <= most <= pool.overflow())
    except (AttributeError, TypeError):
        return False


def statement() -> Any:
    """`SELECT 1` in the words of any database."""
    from sqlalchemy import literal_column, select  # noqa: PLC0415 - there is an engine, so there it is

    return select(literal_column("1"))
