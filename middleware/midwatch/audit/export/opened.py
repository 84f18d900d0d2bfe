"""An event as it comes out of a store, taken apart: whatever is in it, nothing here raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Event"]

_decode: Final = msgspec.json.Decoder().decode


@final
class Event:
    """
    One event.

    Args:
        row: Its columns by name, with `body` and `detail` as bytes (see `Store.find`).

    Attributes:
        columns: What it is found by.
        body, detail: Decoded; empty where that fails.
        raw, raw_detail: As they are kept.
    """

    __slots__ = ("body", "columns", "detail", "raw", "raw_detail")

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.columns = row
        self.raw = _bytes(row.get("body")) or b""
        self.raw_detail = _bytes(row.get("detail"))
        self.body = _object(self.raw)
        self.detail = _object(self.raw_detail or b"")

    def at(self, *path: str) -> Any:
        """What stands there in the body; None if nothing does."""
        return _at(self.body, path)

    def text(self, *path: str) -> str | None:
        """The same, if it is text."""
        found = _at(self.body, path)
        return found if isinstance(found, str) else None

    def number(self, *path: str) -> int | None:
        """The same, if it is a whole number of 64 bits."""
        found = _at(self.body, path)
        whole = isinstance(found, int) and not isinstance(found, bool) and abs(found) < 2**63
        return found if whole else None

    @property
    def resources(self) -> list[dict[str, Any]]:
        """Those that are objects."""
        found = self.body.get("resource")
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    @property
    def changes(self) -> list[Any]:
        """Of the detail; where nothing was split, of the body."""
        found = self.detail.get("changes", self.body.get("changes"))
        return found if isinstance(found, list) else []

    @property
    def agent(self) -> str | None:
        """User agent, from the same places."""
        found = self.detail.get("ua", self.at("source", "ua"))
        return found if isinstance(found, str) else None

    @property
    def actor_name(self) -> str | None:
        """Name of the actor, from the same places."""
        found = _at(self.detail, ("names", "actor")) or self.at("actor", "name")
        return found if isinstance(found, str) else None

    @property
    def reason(self) -> str | None:
        """Why, in words; version 1 has nothing but these."""
        return self.text("reason", "text") or self.text("reason")


def _bytes(kept: Any) -> bytes | None:
    """SQLite lets whoever alters it put text, or a number, where bytes were."""
    return kept if kept is None or isinstance(kept, bytes) else str(kept).encode("utf-8", "replace")


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = _decode(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _at(found: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found
