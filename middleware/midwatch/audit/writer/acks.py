"""Who waits for which event to be durable."""

from __future__ import annotations

from collections import deque
from concurrent.futures import InvalidStateError
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .item import Ack

__all__ = ["Acks", "fail"]

Waiting: TypeAlias = "deque[tuple[int, Ack]]"

NONE: Final = 0
"""The position before the first event."""


@final
class Acks:
    """
    Acknowledgements by position: how many events this process has numbered up to and with theirs.

    Events become durable in the order of their positions, in the store as on disk. Used by the two threads of the
    writer; futures are resolved outside of the lock, since whoever waits is called from there.

    Attributes:
        durable: The last position that is in the store or on disk.
        stored: The last one that is in the store.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._durable: Waiting = deque()
        self._strict: Waiting = deque()
        self.durable = self.stored = NONE

    def add(self, position: int, ack: Ack, *, strict: bool) -> None:
        """Have *ack* resolved when *position* is durable, or is in the store if *strict*."""
        with self._lock:
            if position > (self.stored if strict else self.durable):
                (self._strict if strict else self._durable).append((position, ack))
                return
        _resolve([ack])

    @property
    def strict(self) -> int:
        """How many wait for the store alone."""
        return len(self._strict)

    def on_disk(self, position: int) -> None:
        """All events up to *position* are durable."""
        with self._lock:
            self.durable = max(self.durable, position)
            done = _upto(self._durable, self.durable)
        _resolve(done)

    def in_store(self, position: int) -> None:
        """All events up to *position* are in the store."""
        with self._lock:
            self.stored = max(self.stored, position)
            self.durable = max(self.durable, position)
            done = _upto(self._durable, self.durable) + _upto(self._strict, self.stored)
        _resolve(done)

    def refuse(self, error: Exception) -> None:
        """The store does not do it: whoever insists on the store need not wait."""
        if self._strict:
            with self._lock:
                refused, self._strict = self._strict, deque()
            for _, ack in refused:
                fail(ack, error)

    def lost(self, position: int, error: Exception) -> None:
        """The event at *position* is not kept."""
        with self._lock:
            mine = [ack for waiting in (self._durable, self._strict) for at, ack in waiting if at == position]
        for ack in mine:  # They are still waiting, and are passed over later.
            fail(ack, error)


def _upto(waiting: Waiting, position: int) -> list[Ack]:
    done = []
    while waiting and waiting[0][0] <= position:
        done.append(waiting.popleft()[1])
    return done


def _resolve(acks: Iterable[Ack]) -> None:
    for ack in acks:
        with suppress(InvalidStateError):  # Whoever waited has given up.
            ack.set_result(None)


def fail(ack: Ack, error: Exception) -> None:
    """Let whoever waits for *ack* know of *error*, unless they have given up."""
    with suppress(InvalidStateError):
        ack.set_exception(error)
