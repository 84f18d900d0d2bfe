"""`sqlite:////path`: an SQLite file can be read. It is never made by looking."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final, final
from urllib.parse import quote, unquote

from ...destinations.address import parameters
from ..result import Result
from .kind import NETWORK, PATIENCE, Quick
from .reason import Finding

__all__ = ["SQLite", "made"]

FORM: Final = "sqlite: needs a file: sqlite:////var/lib/orders/orders.db"


@final
class SQLite(Quick):
    """
    Whether a file is a database that can be read.

    Args:
        path: Of the file.
        options: How long a lock of somebody else is waited for.
    """

    def __init__(self, path: Path, options: dict[str, Any]) -> None:
        super().__init__(f"sqlite:///{path}", options)
        self._path = path
        self._timeout = options.get("timeout", PATIENCE)

    def look(self) -> Result:
        place = f"file:{quote(str(self._path))}?mode=rw"
        try:
            with closing(sqlite3.connect(place, timeout=self._timeout, uri=True)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.Error as error:
            raise Finding(getattr(error, "sqlite_errorname", type(error).__name__)) from None
        return Result("pass")


def made(spec: str) -> SQLite:
    """
    The check.

    Raises:
        ValueError: no file.
    """
    rest, _, fragment = spec.partition("://")[2].partition("#")
    path = unquote(rest.partition("?")[0].removeprefix("/"))
    if not rest.startswith("/") or not path or path == ":memory:" or "\0" in path:
        raise ValueError(FORM)
    options = parameters(f"sqlite:///{path}", fragment, NETWORK, tls=False)[0]
    return SQLite(Path.cwd() / path, options)
