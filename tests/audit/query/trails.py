"""Small trails that are asked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from midwatch.audit.query import Trail, open_trail
from midwatch.audit.stores import open_store

from . import million

MINUTE = 60 * million.SECOND
HOUR = 60 * MINUTE
DAY = million.DAY

MONDAY = (million.END // DAY - 20) * DAY
"""Midnight of some day, well before the end of ordinary trails."""


def kept(url: str, bodies: Iterable[dict[str, Any]]) -> Trail:
    """A trail with *bodies*, opened for reading."""
    store = open_store(url)
    store.open()
    store.append(list(million.chained(f"{1:032x}", iter(bodies))))
    store.close()
    return open_trail(url)


def url_of(kind: str, directory: Path) -> str:
    return f"sqlite:///{directory}/audit.db" if kind == "sqlite" else f"file://{directory}/audit.jsonl"


def login(number: int, time: int, actor: str, outcome: str, ip: str = "203.0.113.9") -> dict[str, Any]:
    return million.event(
        number, time, actor, kind="auth", action="auth.login", outcome=outcome, source={"ip": ip}, resource=[]
    )
