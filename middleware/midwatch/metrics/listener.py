"""One listening socket of one process that answers with the page: bounded in threads, and in patience."""

from __future__ import annotations

import contextlib
import re
import socket
import sys
import threading
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, final

from ..answers import BODILESS, Hold
from ..headers import FORWARDING
from ..plugin import hook_failed
from .page import FORBIDDEN, LATE, Asked, problem

if TYPE_CHECKING:
    from ..answers import Reply
    from .page import Page

__all__ = ["Listener"]

PATIENCE: Final = 10.0
"""Seconds that a client may take to ask, and again to read."""

MAX_CONNECTIONS: Final = 32
"""At a time; who comes on top of them is hung up on."""

MAX_LINE: Final = 65536
"""Bytes of a request line, as in http.server."""

HUNG_UP: Final = 0.2
"""Seconds in which a thread notices that its connection was ended."""

UNREAD: Final = 64
"""Pieces that are still read of a request that was refused before its end: a close on top of them would be a reset."""

_authority: Final = re.compile(r"https?://[^/?#]+", re.IGNORECASE | re.ASCII)

NO_HEADER: Final = problem(400, "Bad Request", "A line of the request is no header.")
NOT_FOUND: Final = problem(404, "Not Found", "The metrics are elsewhere.")


@final
class Listener(ThreadingHTTPServer):
    """
    A server of one page.

    Args:
        listen: Name or address, and port.
        page: What is served, and to whom: other peers are told so without being read, and take no thread.
        paths: Where the page is.

    Raises:
        OSError: the address cannot be had.
    """

    request_queue_size = 64
    daemon_threads = True
    block_on_close = False

    def __init__(self, listen: tuple[str, int], page: Page, paths: frozenset[str]) -> None:
        self.page = page
        self.paths = paths
        self._free = threading.Semaphore(MAX_CONNECTIONS)
        self._asking: dict[Any, float] = {}
        self._ended = threading.Event()
        found = socket.getaddrinfo(*listen, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = found[0][0]
        super().__init__(found[0][4], _Handler)  # type: ignore[arg-type] # Four values for IPv6.

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self.socket.getsockname()[:2]
        return host, port

    def server_bind(self) -> None:
        """Not HTTPServer's, which asks the name server for our name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if self.address_family == socket.AF_INET6:
            with contextlib.suppress(OSError):  # `[::]` is IPv4 too, also where the system would have it otherwise.
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)

    def serve(self) -> None:
        """Answer until `end`; in a thread of its own."""
        # Not serve_forever, which looks twice a second whether it should end.
        while not self._ended.is_set():
            self.handle_request()
        self.server_close()

    def end(self) -> None:
        """Have `serve` return, from another thread."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # Wakes it.

    def get_request(self) -> tuple[Any, Any]:
        try:
            return super().get_request()
        except OSError:
            self._ended.wait(0.1)  # Out of file descriptors: the connection stays, and asks again at once.
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, if there is room and the peer may ask."""
        if client_address[0] not in self.page.allow:
            self._refuse(request, client_address[0])
        elif self._free.acquire(timeout=self._hang_up()):
            self._asking[request] = monotonic()
            try:
                super().process_request(request, client_address)
            except RuntimeError:  # Out of threads.
                self.asked(request)
                self._free.release()
                self.shutdown_request(request)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.asked(request)
            self._free.release()

    def asked(self, request: Any) -> None:
        """A client has said all that it wants."""
        self._asking.pop(request, None)

    def _hang_up(self) -> float:
        """End connections that ask byte by byte, each in time; the seconds after which there is room, if there was."""
        until = monotonic() - PATIENCE
        slow = [request for request, since in self._asking.copy().items() if since < until]
        for request in slow:
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)  # Its thread sees the end, and closes.
        return HUNG_UP if slow else 0.0

    def _refuse(self, request: socket.socket, peer: str) -> None:
        self.page.respond(Asked("GET", peer, direct=True))  # Which says it in the log.
        with contextlib.suppress(OSError):
            request.setblocking(False)
            request.send(_head(FORBIDDEN) + FORBIDDEN.body)
        self.shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave are no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            hook_failed(self.page.respond)


@final
class _Handler(BaseHTTPRequestHandler):
    """One request on one connection."""

    server: Listener
    timeout = PATIENCE

    def handle_one_request(self) -> None:
        """Read the request, answer, and hang up."""
        self.raw_requestline = self.rfile.readline(MAX_LINE + 1)
        if len(self.raw_requestline) > MAX_LINE:
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
        elif self.raw_requestline and self.parse_request():
            self.server.asked(self.connection)
            self._write(self._reply(), body=self.command != "HEAD")

    def _reply(self) -> Reply:
        absolute = _authority.match(self.path)  # A target may name the server, too (RFC 9112, section 3.2.2).
        path, _, query = self.path[absolute.end() if absolute else 0 :].partition("?")
        if path not in self.server.paths:
            return NOT_FOUND
        headers = self.headers
        # Behind a line that is none the parser finds no further headers, though a proxy may have put its own there.
        if headers.defects or headers.get_payload():
            return NO_HEADER
        accept, accept_encoding = (", ".join(headers.get_all(name, ())) for name in ("accept", "accept-encoding"))
        direct = not any(name in headers for name in FORWARDING)
        asked = Asked(self.command, self.client_address[0], direct, query, accept, accept_encoding)
        found = self.server.page.respond(asked)
        return (found.wait() or LATE) if isinstance(found, Hold) else found

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """A request that is none, or not read to its end."""
        self._write(problem(code, HTTPStatus(code).phrase, "The request is none that this port answers."), body=True)
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(1.0)
        for _ in range(UNREAD):
            if not self.connection.recv(MAX_LINE):
                break

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called above
        """Nothing: stderr is the application's."""

    def _write(self, reply: Reply, *, body: bool) -> None:
        self.wfile.write(_head(reply) + (reply.body if body else b""))


def _head(reply: Reply) -> bytes:
    headers = {"date": formatdate(usegmt=True), **reply.headers, "connection": "close"}
    if reply.status not in BODILESS:
        headers |= {"content-type": reply.media_type, "content-length": str(len(reply.body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n{lines}\r\n".encode("latin-1")
