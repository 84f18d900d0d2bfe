"""
HAProxy's agent check: a port that says how much traffic this service wants.

```
server orders1 10.0.0.5:8000 check agent-check agent-port 9777 agent-inter 2s weight 100
```

HAProxy connects, reads one line and takes it as the server's weight, in percent of the one it is configured with
(HAProxy configuration manual section 5.2, `agent-check`). While the service drains, the line says `0%`: no new traffic,
but sessions that stick. The words `drain`, `ready` and `maint` are never said: they change the administrative state,
which belongs to the operator, and only another word would take them back after a restart.
"""

from __future__ import annotations

import logging
import math
import os
import selectors
import socket
import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from ..plugin import hook_failed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AgentPort", "address", "answer_of"]

logger = logging.getLogger("midwatch")

LINGERS: Final = 1.0
"""Seconds that a peer has to take the line and close; whoever sends something (`agent-send`) is read, and ignored."""

PEERS: Final = 64
"""Connections at once; beyond them the oldest is closed."""

BACKLOG: Final = 1024
"""Connections that wait to be welcomed."""

_ports: weakref.WeakSet[AgentPort] = weakref.WeakSet()


def address(text: str) -> tuple[str, int]:
    """
    Host and port of `host:port`, `[v6]:port` or `:port`, which is every interface.

    Raises:
        ValueError: text that is none.
    """
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535 or set(host) & set("[]/@ "):
        raise ValueError(f"health.agent: {text!r} is no address such as '0.0.0.0:9777'")
    return host or "0.0.0.0", int(port)  # noqa: S104 - it is what was asked for


def answer_of(score: float, *, draining: bool) -> bytes:
    """
    The line for a *score* of 0 to 100.

    At least 1 %, for 0 % would be a drain; and nothing but a score takes traffic away.
    """
    if draining:
        return b"up 0%\n"
    weight = 100 if not math.isfinite(score) else min(100, max(1, round(100 - score)))
    return b"up %d%%\n" % weight


@final
class AgentPort:
    """
    Answers HAProxy's agent check in a thread of its own.

    Several workers share the port (`SO_REUSEPORT`); the system hands each connection to one of them.

    Args:
        where: `host:port`.
        score: How saturated the service is, 0 to 100; of all workers, since any of them may be asked.
        draining: Whether it wants no new traffic.

    Attributes:
        port: Where it listens; None while it does not.

    Raises:
        ValueError: an address that is none.
    """

    def __init__(self, where: str, *, score: Callable[[], float], draining: Callable[[], bool] = lambda: False) -> None:
        self._where = address(where)
        self._score, self._draining = score, draining
        self._said = False
        self._socket: socket.socket | None = None
        self.forget()
        _ports.add(self)

    def forget(self) -> None:
        """Leave the port to the parent, in a forked child."""
        if self._socket is not None:
            self._socket.close()
        self._lock = threading.Lock()
        self._socket = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.port: int | None = None

    def start(self) -> bool:
        """Listen, unless this process does already; False where that cannot be, which is logged once."""
        with self._lock:
            if self._thread is not None:
                return True
            try:
                self._socket = _listening(self._where)
            except OSError as error:
                if not self._said:
                    self._said = True
                    host, port = self._where
                    logger.warning("no agent check on %s:%d: %s", host, port, error.strerror or type(error).__name__)
                return False
            self.port = self._socket.getsockname()[1]
            self._ended = threading.Event()
            thread = threading.Thread(
                target=self._run, args=(self._socket, self._ended), name="midwatch-agent", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # Out of threads, or the interpreter ends.
                self._socket.close()
                self._socket = self.port = None
                return False
            self._thread = thread
            return True

    def stop(self) -> None:
        """Listen no more."""
        with self._lock:
            self._ended.set()
            thread, self._thread = self._thread, None
            listening, self._socket, self.port = self._socket, None, None
        if listening is not None:
            _nudge(listening)
        if thread is not None:
            thread.join(2 * LINGERS)

    def _run(self, listening: socket.socket, ended: threading.Event) -> None:
        peers: dict[socket.socket, float] = {}
        with listening, selectors.DefaultSelector() as selector:
            selector.register(listening, selectors.EVENT_READ)
            while not ended.is_set():
                for key, _ in selector.select(LINGERS if peers else None):
                    if key.fileobj is listening:
                        self._welcome(listening, selector, peers)
                    elif key.fileobj in peers:  # And has not just made way for another.
                        _listen(key.fileobj, selector, peers)
                for peer in [peer for peer, until in peers.items() if until <= monotonic()]:
                    _leave(peer, selector, peers)
            for peer in list(peers):
                _leave(peer, selector, peers)

    def _welcome(
        self, listening: socket.socket, selector: selectors.BaseSelector, peers: dict[socket.socket, float]
    ) -> None:
        try:
            peer, _ = listening.accept()
        except OSError:
            self._ended.wait(0.05)  # Out of files: it would be tried again at once.
            return
        if len(peers) >= PEERS:
            _leave(next(iter(peers)), selector, peers)
        try:
            peer.setblocking(False)
            peer.send(self._answer())
            # A close while something of theirs is unread would be a reset, which may overtake the line.
            peer.shutdown(socket.SHUT_WR)
            selector.register(peer, selectors.EVENT_READ)
        except OSError:
            peer.close()
        else:
            peers[peer] = monotonic() + LINGERS

    def _answer(self) -> bytes:
        try:
            return answer_of(self._score(), draining=self._draining())
        except Exception:
            hook_failed(self.start)
            return answer_of(0.0, draining=False)


def _listening(where: tuple[str, int]) -> socket.socket:
    host, port = where
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def _nudge(listening: socket.socket) -> None:
    """Wake whoever waits for connections: a close would not."""
    try:
        listening.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _listen(peer: socket.socket, selector: selectors.BaseSelector, peers: dict[socket.socket, float]) -> None:
    try:
        if peer.recv(1024):
            return
    except BlockingIOError:
        return
    except OSError:
        pass
    _leave(peer, selector, peers)


def _leave(peer: socket.socket, selector: selectors.BaseSelector, peers: dict[socket.socket, float]) -> None:
    peers.pop(peer, None)
    selector.unregister(peer)
    peer.close()


def _after_fork() -> None:
    for port in list(_ports):
        port.forget()


os.register_at_fork(after_in_child=_after_fork)
