"""Where events get their places: the only one that knows the chain."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, final

from ..chain import Chain
from ..event import utc
from ..row import Row
from ..stores.store import StreamRow
from .batch import Batch
from .opening import opening, system

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..event import Body
    from .streams import Streams

__all__ = ["Numbering"]

STEP: Final = 500_000_000
"""Nanoseconds that the clock may go back without a word: threads are not in step either."""


@final
class Numbering:
    """
    One stream after the other. Used by one thread.

    Args:
        service: From `service_part`.
        public_key: What this process signs with.
        clock: Nanoseconds since the epoch.
        ids: So many random bits, as a number.
        streams: Told of those that begin and end.

    Attributes:
        position: How many events have been numbered.
        checkpoint: Digest of the last checkpoint that was seen, for the next stream.
    """

    def __init__(
        self,
        service: Body,
        public_key: bytes | None,
        clock: Callable[[], int],
        ids: Callable[[int], int],
        streams: Streams,
    ) -> None:
        self._service, self._public_key = service, public_key
        self._clock, self._ids = clock, ids
        self._streams = streams
        self._chain: Chain | None = None
        self._spoilt: str | None = None
        self._latest = 0
        self.position = 0
        self.checkpoint: bytes | None = None

    @property
    def open(self) -> bool:
        """Whether there is a stream."""
        return self._chain is not None and self._chain.stream != self._spoilt

    def spoil(self, stream: str) -> None:
        """Somebody else writes into *stream*: begin another."""
        self._spoilt = stream
        self._streams.gone(stream)

    def batch(self) -> Batch:
        """For events that come next."""
        return Batch(self.position)

    def tell(self, batch: Batch, action: str, said: dict[str, Any]) -> None:
        """Add an event about the trail itself."""
        time = self._clock()
        self._add(self._current(batch), batch, system(action, time, self._ids(74), self._service, said), None)

    def add(self, batch: Batch, body: Body, detail: bytes | None) -> None:
        """
        Add an event.

        Raises:
            Exception: it cannot be encoded; it has no number then.
        """
        chain = self._current(batch)
        now = self._clock()
        if now < self._latest - STEP:
            self.tell(batch, "audit.clock_step", {"from": utc(self._latest), "to": utc(now)})
            self._latest = now
        self._latest = max(self._latest, now)
        self._add(chain, batch, body, detail)

    def end(self, batch: Batch) -> None:
        """End the stream; the next event begins another."""
        chain = self._chain
        if chain is None or not self.open:
            return
        seq = chain.next
        self.tell(batch, "stream.close", {"final_seq": seq})
        self._streams.ended(chain.stream, seq, chain.head, self._clock())
        self._chain = None

    def _current(self, batch: Batch) -> Chain:
        chain = self._chain
        if chain is not None and chain.stream != self._spoilt:
            return chain
        chain = Chain(f"{self._ids(128):032x}")
        time = self._clock()
        service = self._service
        told = (service.get("host", ""), os.getpid(), service["name"], self._public_key)
        self._streams.opened(StreamRow(chain.stream, *told, opened=time, last_seen=time))
        said = opening(self._public_key, self.checkpoint)
        self._add(chain, batch, system("stream.open", time, self._ids(74), service, said), None)
        self._chain = chain
        return chain

    def _add(self, chain: Chain, batch: Batch, body: Body, detail: bytes | None) -> None:
        salt = None
        if detail is not None:
            salt = self._ids(128).to_bytes(16, "big")
            body["detail_digest"] = sha256(salt + detail).hexdigest()
        seq = chain.next
        data, _ = chain.append(body)
        batch.rows.append(Row(chain.stream, seq, data, chain.head, detail, salt))
        batch.bytes += len(data) + (0 if detail is None else len(detail))
        self.position += 1
