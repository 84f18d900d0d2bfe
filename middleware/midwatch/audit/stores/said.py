"""What went wrong in a database, in words that may be shown."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from .store import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["as_store_errors"]


@contextmanager
def as_store_errors(name: str, driver: type[Exception] = sqlite3.Error) -> Iterator[None]:
    """
    Make a `StoreError` of what SQLAlchemy, a *driver* used without it, and the system raise.

    Only the first line is taken: others show the statement and its values, which are events. The original is not
    chained to it for the same reason.
    """
    try:
        yield
    except (SQLAlchemyError, driver, OSError) as error:
        raise StoreError(f"{name}: {_said(error)}") from None


def _said(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, OSError):
        return cause.strerror or type(cause).__name__
    lines = str(cause).splitlines()
    return f"{type(cause).__name__}: {lines[0]}" if lines else type(cause).__name__
