"""
How to be sure that a server has what it was sent over a stream that acknowledges nothing.

Its machine acknowledges what it has received, not what was read there. A server that is asked to end the connection
ends it after reading everything, which is as good as a receipt; but not every server ends on that, and some break off.
"""

from __future__ import annotations

import ssl
from time import monotonic
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from ..wire import Wire

__all__ = ["Receipts"]

DOUBTS: Final = 5
"""Breaks in place of receipts, in a row, after which the server is taken for one that gives none."""

ASK_AGAIN: Final = 600.0
"""Seconds for which it is then not asked."""

STANDS: Final = 1.0
"""Seconds that a connection has to stand to be worth something where there are no receipts: who is turned away, for
his certificate say, learns it only then."""


@final
class Receipts:
    """
    Asks the server at the other end of a wire for receipts.

    Args:
        wire: Where to.
        timeout: Seconds that an answer may take.
    """

    def __init__(self, wire: Wire, timeout: float) -> None:
        self._wire = wire
        self._timeout = timeout
        self._doubts = 0
        self._ask_at = 0.0

    def confirm(self) -> None:
        """
        Make sure that everything has arrived; the wire may be unconnected after it.

        Raises:
            OSError: it may not have; the wire has been dropped.
        """
        if monotonic() >= self._ask_at:
            self._ask()
        elif not self._wire.acknowledged(self._timeout):
            self._wire.drop()
            raise TimeoutError("it takes nothing")
        elif not self._wire.lasts(STANDS - self._wire.age):
            self._wire.drop()
            raise ConnectionError("it ends connections as soon as they are made")

    def _ask(self) -> None:
        try:
            given = self._wire.finish()
        except ssl.SSLError:
            raise  # Someone who knows what he says.
        except ConnectionError:
            self._doubts += 1
            if self._doubts >= DOUBTS:
                self._go_without()
            raise
        self._doubts = 0
        if not given:
            self._go_without()

    def _go_without(self) -> None:
        self._doubts = 0
        self._ask_at = monotonic() + ASK_AGAIN
