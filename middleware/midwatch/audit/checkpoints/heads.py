"""How far the streams have come since the last checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .silent import is_open

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..stores.store import Store, StreamRow
    from .history import History
    from .payload import Commitment

__all__ = ["Moved", "moved"]


class Moved(NamedTuple):
    """
    What was found.

    Attributes:
        commitments: Of streams that have new events, in the order of their names.
        events: How many there are.
        open: Streams that may go on, in the order of their names.
        shrunk: Streams that have lost events which a checkpoint has; they are not committed again.
    """

    commitments: list[Commitment]
    events: int
    open: list[str]
    shrunk: list[str]


def moved(store: Store, streams: Sequence[StreamRow], history: History) -> Moved:
    """
    Look at the streams that may have moved.

    Raises:
        Exception: whatever the store does.
    """
    commitments: list[Commitment] = []
    events, shrunk = 0, []
    for stream in streams:
        known = history.committed(stream.stream)
        if known is not None and stream.final_seq is not None and known[0] >= stream.final_seq:
            continue
        head = store.head(stream.stream)
        if head is None:
            # Pruned, or in a file that was moved away.
            continue
        seq, chain = head[0], head[1].hex()
        if known is None or seq > known[0]:
            commitments.append((stream.stream, seq, chain))
            events += seq - (-1 if known is None else known[0])
        elif (seq, chain) != known:
            shrunk.append(stream.stream)
    return Moved(sorted(commitments), events, sorted(stream.stream for stream in streams if is_open(stream)), shrunk)
