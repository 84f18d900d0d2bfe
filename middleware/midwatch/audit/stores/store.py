"""What a store has to do: keep events so that they survive, and hand them out again in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..row import Row

__all__ = ["Checkpoint", "Collision", "Filter", "Page", "Store", "StoreError", "StreamRow"]


class StoreError(Exception):
    """The store did not do it; another try may succeed."""


class Collision(Exception):  # noqa: N818 - says what was found
    """Another event has this place in this stream: somebody writes into a chain that is not theirs."""


class StreamRow(NamedTuple):
    """
    What is known of one stream.

    Attributes:
        opened, last_seen, closed: Nanoseconds since the epoch; closed is None for an open stream.
        final_seq, final_chain: The last event, once it is closed or abandoned.
        prune_seq, prune_chain: The last event that was pruned, None if none was.
    """

    stream: str
    host: str
    pid: int
    service: str
    public_key: bytes | None
    opened: int
    last_seen: int
    closed: int | None = None
    final_seq: int | None = None
    final_chain: bytes | None = None
    prune_seq: int | None = None
    prune_chain: bytes | None = None


class Checkpoint(NamedTuple):
    """
    A signed statement about all streams.

    Attributes:
        n: Counted from 0.
        time: Nanoseconds since the epoch.
        payload: Canonical JSON: what is signed, byte for byte.
        digest: SHA-256 of the payload, which the next one names.
        signature: None where nobody signs.
        key_id: Which key; None where nobody signs.
    """

    n: int
    time: int
    payload: bytes
    digest: bytes
    signature: bytes | None
    key_id: str | None


class Filter(NamedTuple):
    """
    Which events are wanted; what is None does not matter. Times are nanoseconds since the epoch.

    Attributes:
        since, until: From one to before the other.
        resource: `type` or `type:id`.
    """

    since: int | None = None
    until: int | None = None
    actor: str | None = None
    action: str | None = None
    resource: str | None = None
    outcome: str | None = None
    ip: str | None = None
    trace_id: str | None = None
    kind: str | None = None
    tenant: str | None = None


class Page(NamedTuple):
    """
    Some events, in the order of time, and where the next ones begin.

    Attributes:
        rows: Each with its derived columns by name.
        after: Handed in again for the next page; None at the end.
    """

    rows: list[dict[str, Any]]
    after: tuple[int, str, int] | None


class Store(Protocol):
    """
    Where events are kept. Used by one thread at a time; other processes may use the same store.

    Attributes:
        name: As it may be shown: without credentials.
    """

    name: str

    def open(self) -> None:
        """Connect, make tables that are missing, bring older ones up to date; again after a failure or a fork."""

    def append(self, rows: Sequence[Row]) -> None:
        """
        Keep *rows*, all or none: when this returns they survive a crash of the machine.

        Rows that are there already, with the same chain value, are left alone: a replay.

        Raises:
            StoreError: not this time.
            Collision: another event has the place of one of them.
        """

    def register(self, stream: StreamRow) -> None:
        """Note what is known of a stream, in place of what was."""

    def streams(self) -> list[StreamRow]:
        """All streams."""

    def chain_of(self, stream: str, after: int, limit: int) -> list[Row]:
        """Events of one stream behind *after* (-1 for all), in their order."""

    def kept(self, stream: str, after: int, limit: int) -> list[tuple[Any, ...]]:
        """The same as bare tuples, each followed by its derived columns if the store keeps some; for verification."""

    def names(self) -> Iterator[str]:
        """Streams that have events, registered or not, in the order of their names."""

    def head(self, stream: str) -> tuple[int, bytes] | None:
        """Number and chain value of the last event of *stream* that is there."""

    def add_checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Keep it, unless another process has kept one of that number; whether it was kept."""

    def checkpoints(self, after: int, limit: int) -> list[Checkpoint]:
        """Those behind *after* (-1 for all), in their order."""

    def leading(self) -> bool:
        """Whether this process is the one that makes checkpoints, for now."""

    def find(self, wanted: Filter, limit: int, after: tuple[int, str, int] | None = None) -> Page:
        """Events that are wanted, by time; keyset paging."""

    def prune(self, stream: str, upto: int, chain: bytes) -> int:
        """Remove the events of *stream* up to and with *upto*, in chunks; how many there were."""

    def erase(self, ids: Iterable[str]) -> int:
        """Remove the detail of events; how many had some."""

    def columns_of(self, stream: str, after: int, limit: int) -> Iterator[dict[str, Any]]:
        """The derived columns as they are kept, for who compares them with the bodies."""

    def close(self) -> None:
        """Let go of everything."""
