"""A connection that is made, and used, within a time that is that of the whole."""

from __future__ import annotations

import socket
from time import monotonic
from typing import TYPE_CHECKING, final

from .reason import Finding

if TYPE_CHECKING:
    import ssl

__all__ = ["End", "dial"]


@final
class End:
    """The moment so many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._at = monotonic() + seconds

    def left(self) -> float:
        """
        Seconds until then.

        Raises:
            TimeoutError: there are none.
        """
        left = self._at - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def dial(host: str, port: int, end: End, context: ssl.SSLContext | None = None, name: str = "") -> socket.socket:
    """
    A connection to the first address of *host* that answers; none of them takes the time of those behind it.

    Looking the name up is the system's to limit.

    Args:
        host: A name or an address.
        port: Of it.
        end: By when it has to be there.
        context: Where there is one, the connection is TLS.
        name: That the certificate has to be for; *host* unless given.

    Raises:
        OSError: none answers in time, or it is not who it should be.
        UnicodeError: no such name can be.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    problem: Exception = Finding("the name has no address")
    for number, (family, kind, protocol, _, place) in enumerate(found):
        made = socket.socket(family, kind, protocol)
        try:
            if context is not None:
                # Before it is connected: `wrap_socket` loses a connected one if a reset comes in between.
                made = context.wrap_socket(made, server_hostname=name or host)
            made.settimeout(end.left() / (len(found) - number))
            made.connect(place)
        except OSError as error:
            made.close()
            problem = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise problem
