"""The way to a network: at once, or over the disk."""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final, final

import msgspec

from ..destinations.entry import Entry
from .counts import lost

if TYPE_CHECKING:
    from ..destinations.entry import Shipped
    from .channel import Channel
    from .spill import Spill

__all__ = ["Detour"]

ROOM: Final = 4096
ROOM_BYTES: Final = 8 << 20
"""Lines, and their bytes, that the network's channel has at most, but for one file of the spill. It has to be more than
a destination holds as sent and not sure to have arrived: else it waits for more before it makes sure of these."""

LOOK_EVERY: Final = 60.0
"""Seconds between two looks for what dead processes left: one may end after this one has started."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Entry).decode


@final
class Detour:
    """
    Hands lines to *network* in the order in which they came, over *spill* where that has no room.

    A file of the spill is deleted when all its lines have arrived, so that whoever comes after a crash sends some of
    them twice, and none too few.
    """

    def __init__(self, network: Channel[Shipped], spill: Spill) -> None:
        self._network = network
        self._spill = spill
        self.forget()
        self._unseen = spill.others()

    def forget(self) -> None:
        """Start afresh, in a forked child."""
        self._spill.forget()
        self._handed = self._direct = 0
        # For each file that was taken, how many lines were handed over when it had been.
        self._marks: deque[int] = deque()
        self._looked_at = -LOOK_EVERY
        self._unseen = False

    @property
    def bytes(self) -> int:
        """How many are on disk."""
        return self._spill.bytes

    def unsettled(self) -> int:
        """Lines that wait on disk."""
        return self._spill.count

    @property
    def busy(self) -> bool:
        """Whether there are files to look after."""
        return bool(self._spill.waiting or self._spill.taken) or self._unseen or self.exposed

    @property
    def exposed(self) -> bool:
        """The network fails, and has lines that are nowhere else."""
        return self._network.patience.failing and self._network.settled < self._direct

    def settle(self, *, hurry: bool) -> bool:
        """Hand over what waits on disk, as far as there is room."""
        return self._advance()

    def give_up(self) -> list[Shipped]:
        """Nothing: it stays on disk."""
        return []

    def deliver(self, batch: list[Shipped]) -> int:
        """
        Pass *batch* on, and take out of it what was; how many the spill has no room for.

        Raises:
            OSError: the disk does not take what is left of it.
        """
        self._advance()
        if not self._spill.waiting and not self._network.patience.failing:
            done = 0
            while done < len(batch) and self._room():
                self._hand(batch[done].entry())
                done += 1
            del batch[:done]
            self._direct = self._handed
        return self.write(batch)

    def write(self, batch: list[Shipped]) -> int:
        """As `deliver`, but to the disk only."""
        contents = [_packed(item.entry()) for item in batch]
        while contents:
            done = self._spill.append(contents)
            if not done:
                break
            del batch[:done], contents[:done]
        return len(batch)

    def retreat(self, older: list[Shipped]) -> int:
        """
        Write down what the network's channel had, before what is on disk; how many the spill has no room for.

        Raises:
            OSError: that was not possible; the network's channel has them again.
        """
        try:
            kept = self._spill.put_back([_packed(item.entry()) for item in older])
        except OSError:
            self._handed = self._network.settled
            for item in older:
                self._hand(item.entry())
            raise
        self._handed = self._network.settled
        self._direct = 0
        self._marks.clear()
        return len(older) - kept

    def sync(self) -> None:
        """
        Have on the disk itself what was written.

        Raises:
            OSError: it may not be there.
        """
        if self._spill.waiting:
            self._spill.sync()

    def _advance(self) -> bool:
        """Look after everything that is on disk; whether anything has changed."""
        changed = self._look()
        settled = self._network.settled
        while self._marks and self._marks[0] <= settled:
            self._marks.popleft()
            self._spill.discard()
            changed = True
        while self._spill.waiting and self._room():
            self._take()
            changed = True
        return changed

    def _look(self) -> bool:
        now = monotonic()
        if now - self._looked_at < LOOK_EVERY:
            return False
        self._looked_at = now
        try:
            return self._spill.inherit()
        finally:
            self._unseen = False

    def _take(self) -> None:
        contents, damaged = self._spill.take()
        for content in contents:
            try:
                entry = _decode(content)
            except Exception:
                damaged += 1
            else:
                self._hand(entry)
        self._marks.append(self._handed)
        if damaged:
            lost("damaged lines of spills", damaged)

    def _hand(self, entry: Entry) -> None:
        self._network.put(entry, len(entry.text))
        self._handed += 1

    def _room(self) -> bool:
        return self._network.pending < ROOM and self._network.queued_bytes < ROOM_BYTES


def _packed(entry: Entry) -> bytes:
    """*entry* as it is on disk; empty, which counts as damaged, if it is none."""
    try:
        return _encode(entry)
    except Exception:  # Half of a surrogate pair, as in a file name.
        try:
            return _encode([_clean(value) for value in msgspec.structs.astuple(entry)])
        except Exception:
            return b""


def _clean(value: object) -> object:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
