"""Which text stands for which anchor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..canonical import plain_text
from ..stores import open_store
from .anchor import Anchor
from .places import Database, File, Log, Web

if TYPE_CHECKING:
    from ...service import Service

__all__ = ["open_anchor"]


def open_anchor(url: str, service: Service | None = None) -> Anchor:
    """
    The anchor that *url* names (see `midwatch.audit.anchors`); nothing is opened before there is a checkpoint.

    Args:
        url: `log`, a file, a URL that takes a POST, or a database.
        service: Named in lines of the log.

    Raises:
        ValueError: it cannot be meant, or what it needs is not installed; says so without credentials.
    """
    if url == "log":
        fields = {} if service is None else service.fields()
        return Anchor("log", Log({plain_text(key): _carried(value) for key, value in fields.items()}))
    if url.startswith(("http://", "https://")):
        web = Web(url)
        return Anchor(web.name, web)
    if url.startswith("file:"):
        path = _path(url)
        return Anchor(f"file://{path}", File(path))
    store = open_store(url)
    return Anchor(store.name, Database(store))


def _path(url: str) -> Path:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment or not path.startswith("/"):
        raise ValueError("file: a file URL has three slashes and the whole path")
    if path.endswith("/") or "\0" in path:
        raise ValueError(f"file: {path[:200]!r} names no file")
    return Path(path)


def _carried(value: str) -> str:
    """*value* as UTF-8 can carry it; the environment may hold any bytes."""
    return value.encode("utf-8", "replace").decode()
