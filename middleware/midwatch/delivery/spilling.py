"""
A destination behind a network, and a spill: what the network does not take waits on disk, in order.

There are two stages, so that neither a request nor a thread that hangs in a network ever writes to disk. The channel of
the network keeps a few thousand lines, and never gives one up. The channel before it, on the worker of those that only
write, hands lines over as long as there is room, and writes the others to the spill, from which they follow.
"""

from __future__ import annotations

from contextlib import ExitStack
from math import inf
from os import R_OK, W_OK, X_OK, access, scandir
from typing import TYPE_CHECKING, Final, final

from ..destinations.entry import Shipped
from .channel import Channel
from .detour import Detour
from .spill import Spill

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Spilling", "spilling"]

MOST: Final = 100_000
MOST_BYTES: Final = 64 << 20
"""Lines, and bytes of them, that wait for the disk."""

HOLD: Final = 0.5
"""Seconds for which the end of a process waits for one that is sending, before it writes down what is being sent."""


def spilling(network: Channel[Shipped], folder: Path, max_bytes: int) -> Spilling:
    """
    A channel before that of *network*, with a spill in *folder*.

    Args:
        network: Nobody else puts anything into it.
        folder: Made with mode 0700 where it is missing; other processes and destinations may use it too.
        max_bytes: Most bytes that wait there for this destination.

    Raises:
        ValueError: the folder cannot be made, or not be written to.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with scandir(folder):
            pass
    except OSError as error:
        raise ValueError(f"{folder}: {error.strerror}") from error
    if not access(folder, R_OK | W_OK | X_OK):
        raise ValueError(f"{folder}: it cannot be written to")
    return Spilling(network, Spill(folder, network.name, max_bytes))


@final
class Spilling(Channel[Shipped]):
    """
    Has what *network* does not take wait in *spill*.

    What dead processes left there goes first. Its figures and those of *network* add up: each line is in one of them.
    """

    def __init__(self, network: Channel[Shipped], spill: Spill) -> None:
        self._network = network
        self._detour = Detour(network, spill)
        super().__init__(
            network.name,
            self._detour.deliver,
            max_items=MOST,
            max_bytes=MOST_BYTES,
            give_up=inf,
            keeper=self._detour,
        )
        self.spilled = 0
        network.patience.give_up = inf
        network.patience.told = self._wake
        if self._detour.busy:
            self.worker.wake()

    @property
    def busy(self) -> bool:
        return super().busy or self._detour.busy

    def step(self) -> bool:
        worked = super().step()
        if self._detour.exposed:
            self._shelter()
        self.spilled = self._detour.bytes
        return worked

    def _wake(self) -> None:
        self.worker.wake()  # A forked child has another one.

    def _shelter(self) -> None:
        """Have on disk what the network has and does not get rid of, unless it is sending right now."""
        with self._network.worker.held(0) as held:
            if held:
                self.dropped += self._detour.retreat(self._network.leftovers())
                # From there it is handed over again: what is on disk may be tried as often as one likes.
                self._detour.settle(hurry=False)

    def _arrived(self, count: int) -> None:
        """Not yet: they are on disk, or count there where they were handed to."""

    def _landed(self, refused: int) -> None:
        super()._landed(refused)
        self._cause = "the spill is full" if refused else self._cause

    def save(self) -> None:
        """Write down, before and behind what is on disk already, what both channels have."""
        if not (self.busy or self._network.busy):
            return
        with ExitStack() as still:
            for worker in {self._network.worker, self.worker}:
                still.enter_context(worker.held(HOLD))
            newer = self.leftovers()
            try:
                self.dropped += self._detour.retreat(self._network.leftovers())
                self.dropped += self._detour.write(newer)
                self._detour.sync()
            except Exception as error:
                self._flight = newer
                self._tell(error)
            self.spilled = self._detour.bytes

    def forget(self) -> None:
        super().forget()
        self.spilled = 0
