"""A syslog socket of this machine, whose kind shows only when it is connected to."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from ..entry import Shipped
    from .datagrams import Datagrams
    from .stream import Stream

__all__ = ["Local"]


@final
class Local:
    """
    Sends datagrams, or a stream where the socket is one. It is the keeper of its channel.

    Args:
        datagrams, stream: Senders to the same socket.
    """

    def __init__(self, datagrams: Datagrams, stream: Stream) -> None:
        self._datagrams = datagrams
        self._stream = stream
        self._latest: Datagrams | Stream = datagrams

    def deliver(self, batch: list[Shipped]) -> None:
        """
        Send *batch*.

        Raises:
            OSError: it may not have gone.
        """
        try:
            self._latest.deliver(batch)
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:
                raise
            self._latest = self._stream if self._latest is self._datagrams else self._datagrams
            self._latest.deliver(batch)

    def unsettled(self) -> int:
        """Lines that were sent and may not have been read."""
        return self._stream.unsettled()

    def settle(self, *, hurry: bool) -> bool:
        """Look after them."""
        return self._stream.settle(hurry=hurry)

    def give_up(self) -> list[Shipped]:
        """Forget them, and hand them back."""
        return self._stream.give_up()

    def forget(self) -> None:
        """Start afresh, in a forked child."""
        self._stream.forget()
