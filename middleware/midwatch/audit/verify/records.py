"""What upkeep has removed, by its own chained records: `audit.pruned` and `audit.erased`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..stores.store import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..event import Body
    from ..stores.store import Store

__all__ = ["ERASED", "PRUNED", "erased_ids", "may_be_pruned", "records"]

PRUNED: Final = "audit.pruned"
ERASED: Final = "audit.erased"

PAGE: Final = 500

TYPES: Final = {PRUNED: "stream", ERASED: "audit.detail"}
"""Of the resource of each, by which they are found."""

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def records(store: Store, action: str, stream: str | None = None) -> Iterator[tuple[str, Body]]:
    """Bodies of all records of *action*, each with the stream that it is in; those about *stream* alone if named."""
    resource = TYPES[action] if stream is None else f"{TYPES[action]}:{stream}"
    after = None
    while True:
        page = store.find(Filter(action=action, kind="system", resource=resource), PAGE, after)
        for row in page.rows:
            yield row["stream"], _decode(row["body"])
        after = page.after
        if after is None:
            return


def may_be_pruned(store: Store, stream: str, seq: int, chain: bytes) -> bool:
    """Whether a record says that the events of *stream* up to and with *seq*, of that chain value, were pruned."""
    for _, body in records(store, PRUNED, stream):
        upto = body.get("upto")
        if type(upto) is int and (upto > seq or (upto == seq and body.get("chain") == chain.hex())):
            return True
    return False


def erased_ids(store: Store) -> set[str]:
    """Events whose detail was erased with a record."""
    found: set[str] = set()
    for _, body in records(store, ERASED):
        ids = body.get("ids")
        found.update(one for one in ids if isinstance(one, str)) if isinstance(ids, list) else None
    return found
