"""
How a client and a server show each other that they know the same secret, without saying it.

The server begins (HELO), the client shows it (PING), and so does the server (PONG), which may also refuse. Source:
Fluentd Forward Protocol Specification v1, "Handshake Messages".
"""

from __future__ import annotations

import hmac
import socket
from hashlib import sha512
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

import msgspec

from ...posting.answer import printable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Handshake", "Helo", "helo_of"]

SALT: Final = 16
"""Random bytes of a salt."""


class Helo(NamedTuple):
    """
    How a server begins.

    Attributes:
        nonce: Goes into what is shown.
        auth: Goes into what is shown of the password; empty where the server knows no users.
        keepalive: Whether a connection may carry more than one chunk.
    """

    nonce: bytes
    auth: bytes
    keepalive: bool


def helo_of(answer: Any) -> Helo | None:
    """What *answer* says, if it is a HELO."""
    match answer:
        case [b"HELO", {b"nonce": bytes(nonce), **others}]:
            auth = others.get(b"auth")
            return Helo(nonce, auth if isinstance(auth, bytes) else b"", others.get(b"keepalive") is not False)
    return None


@final
class Handshake:
    """
    The client's part.

    Args:
        key: The shared secret.
        user, password: For servers that know users beside it.
        host: The client's name, which has to be another one than the server's.
        salts: Makes a salt for each handshake.
    """

    def __init__(
        self,
        key: str,
        user: str | None = None,
        password: str | None = None,
        host: str | None = None,
        salts: Callable[[], str] = lambda: token_hex(SALT),
    ) -> None:
        self._key = key.encode()
        self._user, self._password = (user or "").encode(), (password or "").encode()
        self._host = (socket.gethostname() if host is None else host).encode("utf-8", "replace")
        self._salts = salts

    def begin(self, helo: Helo) -> tuple[bytes, Callable[[Any], None]]:
        """
        Answer *helo*.

        Returns:
            PING, and what has to be called with the answer to it: raises `ConnectionError` where the server refuses,
            or does not know the secret.
        """
        salt = self._salts().encode()
        user = password = b""
        if self._user and helo.auth:
            user, password = self._user, _digest(helo.auth, self._user, self._password)
        parts = (b"PING", self._host, salt, self._shown(salt, self._host, helo), user, password)

        def check(answer: Any) -> None:
            match answer:
                case [b"PONG", True, bytes(), bytes(host), bytes(digest)]:
                    if not hmac.compare_digest(digest, self._shown(salt, host, helo)):
                        raise ConnectionError("it does not know the shared key")
                case [b"PONG", False, bytes(reason), *_]:
                    raise ConnectionError(f"it refuses: {printable(reason) or 'without a reason'}")
                case _:
                    raise ConnectionError("it answers the handshake with something else")

        return msgspec.msgpack.encode([part.decode() for part in parts]), check

    def _shown(self, salt: bytes, host: bytes, helo: Helo) -> bytes:
        return _digest(salt, host, helo.nonce, self._key)


def _digest(*parts: bytes) -> bytes:
    return sha512(b"".join(parts)).hexdigest().encode()
