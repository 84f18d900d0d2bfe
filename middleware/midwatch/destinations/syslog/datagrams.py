"""Messages as datagrams: UDP (RFC 5426), or a socket of this machine. Nobody hears of those that get lost."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from ..entry import Entry, Shipped
    from ..wire import Wire
    from .message import Messages

__all__ = ["Datagrams"]

FRESH: Final = 60.0
"""Seconds after which the name is looked up again: nothing else would tell that the server has moved."""


@final
class Datagrams:
    """
    Sends each message in one datagram, and goes on where it was stopped.

    Args:
        wire: To the server.
        messages: Makes messages.
    """

    def __init__(self, wire: Wire, messages: Messages) -> None:
        self._wire = wire
        self._messages = messages
        self._most: int | None = None
        self._batch: list[Shipped] | None = None
        self._done = 0

    def deliver(self, batch: list[Shipped]) -> None:
        """
        Send *batch*, or what is left of it.

        Raises:
            OSError: the rest did not go; call again with the same list.
        """
        if batch is not self._batch:
            self._batch, self._done = batch, 0
        if self._wire.age > FRESH:
            self._wire.drop()
        try:
            for item in batch[self._done :]:
                self._send(item.entry())
                self._done += 1
            self._wire.check()
        except ConnectionRefusedError:
            # Told of an earlier one: nobody knows which was the last to be read.
            self._done = 0
            raise
        self._batch = None

    def _send(self, entry: Entry) -> None:
        while True:
            message = self._messages.encode(entry, self._most)
            self._wire.connect()
            try:
                self._wire.send(message)
            except OSError as error:
                if error.errno != errno.EMSGSIZE or len(message) <= self._messages.least:
                    raise
                # For good: the way there is not going to get wider.
                self._most = max(len(message) // 2, self._messages.least)
            else:
                return
