"""Which URL stands for which store."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from sqlalchemy import URL

    from .store import Store

__all__ = ["check_store", "open_store"]

SCHEMES: Final = ("file", "sqlite", "postgresql", "postgresql+psycopg")

KNOWN: Final = "known are file:///path, sqlite:////path and postgresql://user:password@host/database"


def check_store(url: str) -> None:
    """
    Look at *url* without opening anything.

    Raises:
        ValueError: it cannot be meant, or what it needs is not installed; says so without credentials.
    """
    scheme = _scheme(url)
    if scheme == "file":
        _file_path(url)
        return
    _need("sqlalchemy", "midwatch[audit]")
    if scheme == "sqlite":
        _sqlite_path(url)
    else:
        _need("psycopg", "psycopg[binary]")
        _server_url(url)


def open_store(url: str, *, read_only: bool = False) -> Store:
    """
    The store that *url* names; nothing is opened before its `open()`.

    Args:
        url: See `midwatch.audit.stores`.
        read_only: Whether it is only looked at: then nothing is made, and nothing written.

    Raises:
        ValueError: as `check_store`.
    """
    check_store(url)
    scheme = _scheme(url)
    if scheme == "file":
        from .file import FileStore  # noqa: PLC0415 - each only where a setting asks for it

        return FileStore(_file_path(url), read_only=read_only)
    if scheme == "sqlite":
        from .sqlite import SQLiteStore  # noqa: PLC0415

        return SQLiteStore(_sqlite_path(url), read_only=read_only)
    from .postgresql import PostgreSQLStore  # noqa: PLC0415

    return PostgreSQLStore(_server_url(url), read_only=read_only)


def _scheme(url: str) -> str:
    scheme, colon, rest = url.partition(":")
    if not colon or scheme not in SCHEMES or not rest.startswith("//"):
        raise ValueError(f"{scheme[:40] if colon else 'it'} is no store of an audit trail; {KNOWN}")
    if not url.isprintable() or " " in url:
        raise ValueError(f"{scheme}: holds what no URL does; write a space as %20")
    return scheme


def _need(module: str, package: str) -> None:
    if find_spec(module) is None:
        raise ValueError(f"this store needs {module}: pip install '{package}'")


def _file_path(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment:
        raise ValueError(
            'file: a file URL has three slashes and the whole path; in it, write "?" as %3F and "#" as %23'
        )
    return _path("file", parts.path)


def _sqlite_path(url: str) -> Path:
    rest = url.removeprefix("sqlite://")
    if "?" in rest or "#" in rest:
        raise ValueError('sqlite: takes no parameters; in the path, write "?" as %3F and "#" as %23')
    if not rest.startswith("/") or rest in {"/", "/:memory:"}:
        raise ValueError("sqlite: needs a file: sqlite:////var/lib/orders/audit.db")
    return _path("sqlite", str(Path.cwd() / unquote(rest[1:])))


def _path(scheme: str, text: str) -> Path:
    path = Path(unquote(text)) if scheme == "file" else Path(text)
    if text.endswith("/") or "\0" in str(path) or not path.name:
        raise ValueError(f"{scheme}: {text[:200]!r} names no file")
    if not path.parent.is_dir() and scheme == "sqlite" and _elsewhere(path):
        raise ValueError(f"sqlite: {path.parent} does not exist; did you mean sqlite:///{_elsewhere(path)}?")
    return path


def _elsewhere(path: Path) -> Path | None:
    """The same path from the root, if that exists: with a slash too few it is taken as below the working directory."""
    try:
        guess = Path("/") / path.relative_to(Path.cwd())
    except ValueError:
        return None
    return guess if guess.parent.is_dir() else None


def _server_url(url: str) -> URL:
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        made = make_url(url)
    except (ArgumentError, ValueError):
        # Its message would show the URL.
        raise ValueError("postgresql: not a URL; write postgresql://user:password@host/database") from None
    if not made.database:
        raise ValueError("postgresql: names no database; write postgresql://user:password@host/database")
    return made.set(drivername="postgresql+psycopg")
