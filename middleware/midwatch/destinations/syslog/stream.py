"""Messages over a stream: TCP, TLS or a socket of this machine."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final, final

from .framing import pieces
from .receipts import Receipts
from .window import Sent, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..entry import Shipped
    from ..wire import Wire
    from .message import Messages

__all__ = ["Stream"]

SURE: Final = 10.0
"""Seconds after which what the other machine has acknowledged has been read there, as long as the connection stands."""


@final
class Stream:
    """
    Sends to one server, at least once as far as a stream lets one.

    Syslog acknowledges nothing, and a socket takes what nobody will ever read. So what was sent is kept until it is
    `SURE` or until a receipt was had (see `Receipts`). When the connection breaks, all of that is sent again on the
    next one, before anything newer. It is the keeper of its channel.

    Args:
        wire: To the server.
        messages: Makes messages.
        frame: Puts one into the stream.
        timeout: Seconds that a receipt may take.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        wire: Wire,
        messages: Messages,
        frame: Callable[[bytes], bytes],
        timeout: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._wire = wire
        self._messages = messages
        self._frame = frame
        self._clock = clock
        self._window = Window()
        self._receipts = Receipts(wire, timeout)

    def deliver(self, batch: list[Shipped]) -> None:
        """
        Send *batch*.

        Raises:
            OSError: it may not have gone, or not whole.
        """
        self._look_after()
        if self._window.full:
            self._confirm()
        self._wire.connect()
        encode, frame = self._messages.encode, self._frame
        frames = [frame(encode(item.entry())) for item in batch]
        for piece in pieces(frames):
            self._wire.send(piece)
        now = self._clock()
        self._window.add(Sent(item, sent, now) for item, sent in zip(batch, frames, strict=True))

    def unsettled(self) -> int:
        """Lines that were sent and may not have been read."""
        return len(self._window)

    def settle(self, *, hurry: bool) -> bool:
        """Let go of what is sure, or send it again; in a hurry, make sure of it."""
        self._look_after()
        if hurry and self._window:
            self._confirm()
        return False

    def _look_after(self) -> None:
        if not self._wire.broken:
            if self._window and self._wire.acknowledged():
                self._window.release(self._clock() - SURE)
            return
        self._wire.drop()
        if self._window:
            self._wire.connect()
            for piece in pieces(self._window.frames):
                self._wire.send(piece)
            # At once: a server that ends every connection would be sent the same again and again.
            self._confirm()

    def _confirm(self) -> None:
        self._receipts.confirm()
        self._window.clear()

    def give_up(self) -> list[Shipped]:
        """Forget what may not have been read, and hand it back, oldest first."""
        return self._window.clear()

    def forget(self) -> None:
        """Start afresh, in a forked child; the parent's connection stays the parent's."""
        self._window.clear()
        self._wire.drop()
