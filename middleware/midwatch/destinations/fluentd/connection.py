"""One server of the forward protocol: connected to when it is needed, chunk by chunk."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final, final

from ..wire import Wire
from .handshake import helo_of
from .unpack import unpacked

if TYPE_CHECKING:
    from ..address import Address
    from .handshake import Handshake
    from .message import Chunk

__all__ = ["Connection"]

MOST: Final = 64 << 10
"""Bytes of one answer."""

CONNECT: Final = 5.0
"""Seconds that connecting may take, at most."""

LISTEN: Final = 0.2
"""Seconds for which a server that is asked for nothing is listened to after connecting: it may want a handshake."""


@final
class Connection:
    """
    Sends chunks to one server.

    Args:
        address: The server's.
        timeout: Seconds that an answer may take.
        handshake: The client's part, where there is a shared key.

    Attributes:
        place: The server, as messages may name it.
    """

    def __init__(self, address: Address, timeout: float, handshake: Handshake | None = None) -> None:
        host = f"[{address.host}]" if ":" in address.host else address.host
        self.place = f"{host}:{address.port}" if host else address.path
        self._wire = Wire(address, min(timeout, CONNECT))
        self._timeout = timeout
        self._handshake = handshake
        self._received = bytearray()
        self._keepalive = True

    def send(self, chunk: Chunk) -> None:
        """
        Send *chunk*, and wait until it is acknowledged, if it is to be.

        Raises:
            OSError: it may not have arrived; the connection has been dropped.
            UnicodeError: no host has such a name.
        """
        try:
            # What the server says while nobody asked it is of no use, but for that it has closed.
            if self._received or self._wire.broken:
                self._open(greeted=chunk.id is not None)
            self._wire.send(chunk.data)
            if chunk.id is not None:
                self._acknowledged(chunk.id)
            else:
                self._arrived()
        except BaseException:
            self.drop()
            raise
        if not self._keepalive:
            self.drop()

    def drop(self) -> None:
        """Close, if it is open."""
        self._wire.drop()

    def _open(self, *, greeted: bool) -> None:
        """
        Connect afresh.

        Args:
            greeted: Whether a HELO that nobody has a key for would be seen anyway, in place of an answer.
        """
        self._wire.drop()
        self._received.clear()
        self._keepalive = True
        self._wire.connect()
        if self._handshake is not None:
            self._shake_hands(self._handshake)
        elif not greeted:
            self._listen()

    def _shake_hands(self, handshake: Handshake) -> None:
        end = monotonic() + self._timeout
        helo = helo_of(self._answer(end, "no HELO: it has no shared key, or is no such server"))
        if helo is None:
            raise ConnectionError("it begins with something else than HELO: not a server of this protocol")
        self._keepalive = helo.keepalive
        ping, check = handshake.begin(helo)
        self._wire.send(ping)
        try:
            answer = self._answer(end, "no answer to the handshake")
        except ConnectionError:
            # Of a key that is not its own, fluent-bit says nothing to us.
            raise ConnectionError("it ends the handshake: probably its shared key is another one") from None
        check(answer)

    def _listen(self) -> None:
        try:
            answer = self._answer(monotonic() + LISTEN, "")
        except TimeoutError:
            return
        raise _unexpected(answer)

    def _acknowledged(self, name: str) -> None:
        answer = self._answer(monotonic() + self._timeout, "no acknowledgement (if it never gives one: ack=0)")
        if not isinstance(answer, dict):
            raise _unexpected(answer)
        if answer.get(b"ack") != name.encode():
            raise ConnectionError("it acknowledges another chunk")

    def _arrived(self) -> None:
        """Without acknowledgements, at least the other machine has it, and the server has not thrown it away."""
        if not self._wire.acknowledged(self._timeout):
            raise TimeoutError(f"it takes nothing for {self._timeout:g} s")
        # Who ends in order has read everything.
        if self._wire.broken and not self._wire.connected:
            raise ConnectionError("it breaks the connection")

    def _answer(self, end: float, why: str) -> Any:
        """
        The next value that the server sends.

        Args:
            end: `time.monotonic` until which to wait.
            why: What it means that nothing comes.
        """
        while True:
            try:
                found = unpacked(self._received)
            except ValueError:
                raise ConnectionError("it answers with what is no MessagePack") from None
            if found is not None:
                answer, size = found
                del self._received[:size]
                return answer
            if len(self._received) > MOST:
                raise ConnectionError("its answer is too long")
            try:
                piece = self._wire.receive(end)
            except TimeoutError:
                raise TimeoutError(why) from None
            if not piece:
                raise ConnectionError("it closes the connection")
            self._received += piece


def _unexpected(answer: Any) -> ConnectionError:
    if helo_of(answer) is not None:
        return ConnectionError("it wants a shared key: shared_key=")
    return ConnectionError("it answers with something else than an acknowledgement: not a server of this protocol")
