"""Which events somebody asks for: as a condition of SQL, and for a store that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..columns import searchable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .store import Filter

__all__ = ["equalities", "matches"]

SAME: Final = ("actor", "action", "outcome", "ip", "trace_id", "kind", "tenant")
"""Fields of a filter that a column of the same name has to be equal to."""


def equalities(wanted: Filter) -> Iterator[tuple[str, str | None]]:
    """Columns, and the values that they have to have."""
    for name in SAME:
        value = getattr(wanted, name)
        if value is not None:
            yield name, searchable(value)
    if wanted.resource is not None:
        kind, colon, identity = wanted.resource.partition(":")
        yield "resource_type", searchable(kind)
        if colon:
            yield "resource_id", searchable(identity)


def matches(wanted: Filter, found: dict[str, Any]) -> bool:
    """Whether the event with the columns *found* is wanted."""
    time = found["time"]
    if wanted.since is not None and time < wanted.since:
        return False
    if wanted.until is not None and time >= wanted.until:
        return False
    return all(found[name] == value for name, value in equalities(wanted))
