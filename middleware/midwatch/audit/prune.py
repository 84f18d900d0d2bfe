"""
Removes old events, and leaves a proof.

Of each stream the events go that a checkpoint from before the given time covers: a prefix that ends where the
checkpoint says. First they are verified, and exported if that is asked for; then a chained record says who removed what
and why, with the hash of all of it; then they are removed, in chunks. A stream that holds such records itself keeps
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from .canonical import Copy
from .chain import START, leaf, link
from .merkle import Merkle
from .portable import Portable
from .stores.store import StoreError
from .upkeep import recording
from .verify.checkpoints import payloads
from .verify.records import ERASED, PRUNED, records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .stores.store import Store, StreamRow

__all__ = ["Pruned", "prune"]

PAGE: Final = 1000


class Pruned(NamedTuple):
    """What was removed: so many events, of so many streams."""

    events: int
    streams: int


class _Prefix(NamedTuple):
    stream: str
    upto: int
    chain: bytes
    events: int
    root: bytes


def prune(
    store: Store,
    *,
    before: int,
    actor: str,
    policy: str,
    export: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Pruned:
    """
    Remove events from before a time.

    Args:
        store: Open.
        before: Nanoseconds since the epoch; only what a checkpoint from before then covers is removed.
        actor: Who has it done.
        policy: Why.
        export: A new file that gets the events as gzip'd JSON lines; beside it a manifest, `.manifest.json`.
        progress: Told how many events are gone, and how many go.

    Raises:
        StoreError: the store does not do it, or what would go does not verify. Run it again to go on.
        OSError: the export cannot be written; nothing was removed.
    """
    bounds = _bounds(store, before)
    known = {row.stream: row for row in store.streams()}
    portable = None if export is None else Portable(export)
    try:
        found = (_prefix(store, known.get(name), name, *bound, portable) for name, bound in sorted(bounds.items()))
        prefixes = [prefix for prefix in found if prefix is not None]
        if portable is not None:
            portable.finish([(one.stream, one.upto, one.chain, one.events) for one in prefixes])
    except BaseException:
        if portable is not None:
            portable.abandon()
        raise
    if not prefixes:
        return Pruned(0, 0)
    _record(store, prefixes, actor, policy, None if portable is None else portable.digest)
    done, total = 0, sum(prefix.events for prefix in prefixes)
    for prefix in prefixes:
        done += store.prune(prefix.stream, prefix.upto, prefix.chain)
        if progress is not None:
            progress(done, total)
    return Pruned(done, len(prefixes))


def _bounds(store: Store, before: int) -> dict[str, tuple[int, bytes]]:
    """The last event of each stream that may go, by the checkpoints."""
    keep: dict[str, int] = {}
    for action in (PRUNED, ERASED):
        for stream, body in records(store, action):
            keep[stream] = min(keep.get(stream, body["seq"]), body["seq"])
    bounds: dict[str, tuple[int, bytes]] = {}
    for one, payload in payloads(store):
        if payload is None:
            raise StoreError(f"{store.name}: checkpoint {one.n} cannot be read; verify it first")
        for stream, seq, chain in payload.commitments if payload.time < before else ():
            if seq < keep.get(stream, seq + 1):
                bounds[stream] = (seq, bytes.fromhex(chain))
    return bounds


def _prefix(
    store: Store, known: StreamRow | None, stream: str, upto: int, chain: bytes, portable: Portable | None
) -> _Prefix | None:
    """Read what would go, and see that it is what the checkpoint covers; None if it has gone already."""
    last, head = -1, START
    if known is not None and known.prune_seq is not None and known.prune_chain is not None:
        last, head = known.prune_seq, known.prune_chain
    if last >= upto:
        return None
    tree = Merkle()
    while last < upto:
        rows = store.chain_of(stream, last, min(PAGE, upto - last))
        for row in rows:
            if type(row.body) is not bytes:
                raise StoreError(f"{store.name}: stream {stream} is altered at event {row.seq}; nothing was removed")
            its_leaf = leaf(row.body)
            tree.add(its_leaf)
            head = link(head, its_leaf)
            if row.seq != last + 1 or row.chain != head:
                raise StoreError(f"{store.name}: stream {stream} is broken at event {row.seq}; nothing was removed")
            last = row.seq
            if portable is not None:
                portable.add(row)
        if not rows:
            break
    if last != upto or head != chain:
        raise StoreError(f"{store.name}: stream {stream} is not what its checkpoint covers; nothing was removed")
    return _Prefix(stream, upto, chain, tree.count, tree.root())


def _record(store: Store, prefixes: list[_Prefix], actor: str, policy: str, export: str | None) -> None:
    copy = Copy()
    who, why = copy.text("by", actor), copy.text("policy", policy)
    with recording(store) as record:
        for one in prefixes:
            said = {
                "by": who,
                "chain": one.chain.hex(),
                "count": one.events,
                "policy": why,
                "resource": [{"id": one.stream, "type": "stream"}],
                "root": one.root.hex(),
                "upto": one.upto,
            }
            record(PRUNED, said if export is None else {**said, "export": export})
