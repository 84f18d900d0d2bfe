"""Streams whose process gives no sign of life any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from ..chain import START
from ..event import utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..stores.store import StreamRow

__all__ = ["Silent", "abandoned", "is_open", "said"]


def is_open(stream: StreamRow) -> bool:
    """Whether it may go on."""
    return stream.closed is None and stream.final_seq is None


@final
class Silent:
    """
    Which streams have been silent for *seconds*, while somebody listened.

    It goes by the clock of the listener alone: those of other machines may be wrong. And what was silent while the
    store was away is given its time again.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._heard: dict[str, tuple[int, float]] = {}

    def forget(self) -> None:
        """Nobody has listened for a while."""
        self._heard = {}

    def among(self, streams: Iterable[StreamRow], now: float) -> list[StreamRow]:
        """Those of *streams* that have been silent for long; *now* is of the monotonic clock."""
        heard: dict[str, tuple[int, float]] = {}
        silent = []
        for stream in streams:
            if not is_open(stream):
                continue
            before = self._heard.get(stream.stream)
            heard[stream.stream] = (
                before if before is not None and before[0] == stream.last_seen else (stream.last_seen, now)
            )
            if now - heard[stream.stream][1] >= self._seconds:
                silent.append(stream)
        self._heard = heard
        return silent


def abandoned(stream: StreamRow, head: tuple[int, bytes] | None) -> StreamRow:
    """
    What is registered of *stream*: where it ends, and that nobody has closed it.

    If its process comes back, it registers its stream as it was. One that was killed before its first event ends
    before number 0.
    """
    seq, chain = (-1, START) if head is None else head
    return stream._replace(final_seq=seq, final_chain=chain)


def said(stream: StreamRow) -> dict[str, Any]:
    """What `stream.abandoned` says."""
    chain = stream.final_chain or START
    return {
        "final_chain": chain.hex(),
        "final_seq": stream.final_seq,
        "last_seen": utc(stream.last_seen),
        "outcome": "aborted",
        "resource": [{"id": stream.stream, "type": "stream"}],
    }
