"""Batches to the first of several servers that takes them."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..entry import Shipped
    from .connection import Connection
    from .message import Chunk, Chunks

__all__ = ["Sender"]

logger = logging.getLogger("midwatch.delivery")

RETURN: Final = 60.0
"""Seconds after which a server that is preferred to the current one is tried again."""

TELL_EVERY: Final = 60.0
"""Seconds between two lines about another server being used."""


@final
class Sender:
    """
    Sends batches chunk by chunk, and goes on where it was stopped: a chunk that is acknowledged is not sent again.

    Args:
        servers: The preferred one first.
        chunks: Makes chunks.
        clock: Seconds, monotonic.
    """

    def __init__(self, servers: Sequence[Connection], chunks: Chunks, clock: Callable[[], float] = monotonic) -> None:
        self._servers = servers
        self._chunks = chunks
        self._clock = clock
        self._current = 0
        self._failed_at = 0.0
        self._told_at = -TELL_EVERY
        self._batch: list[Shipped] | None = None
        self._left: deque[Chunk] = deque()

    def deliver(self, batch: list[Shipped]) -> None:
        """
        Send *batch*, or what is left of it.

        Raises:
            ConnectionError: no server takes the rest; call again with the same list.
        """
        if batch is not self._batch:
            self._batch, self._left = batch, deque(self._chunks.of(batch))
        while self._left:
            self._send(self._left[0])
            self._left.popleft()
        self._batch = None

    def _send(self, chunk: Chunk) -> None:
        failures: list[str] = []
        for number in self._order():
            server = self._servers[number]
            try:
                server.send(chunk)
            except Exception as error:
                failures.append(f"{server.place}: {_why(error)}")
                if number == 0:
                    self._failed_at = self._clock()
            else:
                self._settle_on(number, failures)
                return
        raise ConnectionError("; ".join(failures))

    def _order(self) -> list[int]:
        """The current one first, unless it is time to go back to the preferred one; then those after it."""
        count = len(self._servers)
        start = self._current
        if start and self._clock() - self._failed_at >= RETURN:
            return list(range(count))
        return [(start + number) % count for number in range(count)]

    def _settle_on(self, number: int, failures: list[str]) -> None:
        if number == self._current:
            return
        self._servers[self._current].drop()
        self._current = number
        if failures and self._clock() - self._told_at >= TELL_EVERY:
            self._told_at = self._clock()
            with contextlib.suppress(Exception):  # A broken log handler does not stop the delivery.
                logger.warning("%s; now sending to %s", "; ".join(failures), self._servers[number].place)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
