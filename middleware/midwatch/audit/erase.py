"""Removes the detail of events: what is about a person, and is not hashed itself. A chained record says so first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from .canonical import Copy
from .stores.store import Filter
from .upkeep import recording
from .verify.records import ERASED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .stores.store import Store

__all__ = ["Erased", "erase"]

PAGE: Final = 500

CHUNK: Final = 100
"""Events that one record names: the body of an event is bounded."""


class Erased(NamedTuple):
    """How many events lost their detail."""

    events: int


def erase(
    store: Store, *, ids: Iterable[str] | None = None, wanted: Filter | None = None, actor: str, reason: str
) -> Erased:
    """
    Erase the detail of the events *ids*, or of those that are *wanted*.

    Args:
        store: Open.
        actor: Who has it done.
        reason: Why; must not say what was erased.

    Raises:
        ValueError: neither *ids* nor *wanted* is given, or both are.
        StoreError: the store does not do it. Run it again to go on.
    """
    if (ids is None) == (wanted is None):
        raise ValueError("erase: either ids or a filter")
    chosen = sorted(set(ids)) if ids is not None else sorted(_with_detail(store, wanted or Filter()))
    if not chosen:
        return Erased(0)
    copy = Copy()
    who, why = copy.text("by", actor), {"text": copy.text("reason", reason)}
    with recording(store) as record:
        for start in range(0, len(chosen), CHUNK):
            some = [copy.text("ids", one, 128) for one in chosen[start : start + CHUNK]]
            said = {"by": who, "count": len(some), "ids": some, "reason": why}
            record(ERASED, {**said, "resource": [{"id": some[0], "type": "audit.detail"}]})
    return Erased(store.erase(chosen))


def _with_detail(store: Store, wanted: Filter) -> Iterator[str]:
    after = None
    while True:
        page = store.find(wanted, PAGE, after)
        yield from (row["id"] for row in page.rows if row["detail"] is not None and row["id"] is not None)
        after = page.after
        if after is None:
            return
