"""
The page on a port of its own, for who keeps metrics off the port of the service.

Every worker binds it (`SO_REUSEPORT`): the kernel picks one for each scrape, and each answers for all.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
import weakref
from typing import TYPE_CHECKING, final

from .listener import Listener

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from .page import Page

__all__ = ["MetricsPort"]

logger = logging.getLogger("midwatch")

_ports: weakref.WeakSet[MetricsPort] = weakref.WeakSet()


@final
class MetricsPort:
    """
    Serves a page from a small server in threads.

    Args:
        page: What is served, and to whom.
        listen: `"0.0.0.0:9464"`, `"[::]:9464"`, `"localhost:9464"`; port 0 for a free one.
        paths: Where the page is; everything else is 404.

    Raises:
        ValueError: *listen* is no address with a port.
    """

    def __init__(
        self, page: Page, listen: str, *, paths: AbstractSet[str] = frozenset({"/metrics", "/metrics/"})
    ) -> None:
        self._page = page
        self._listen = _checked_listen(listen)
        self._paths = frozenset(paths)
        self._said = False
        self._lock = threading.Lock()
        self._listener: Listener | None = None
        _ports.add(self)

    @property
    def address(self) -> tuple[str, int] | None:
        """Where this process listens, if it does."""
        listener = self._listener
        return None if listener is None else listener.address

    def start(self) -> None:
        """Listen, unless this process does; an address that cannot be had is told once, and tried again next time."""
        with self._lock:
            if self._listener is None:
                self._listener = self._listening()

    def _listening(self) -> Listener | None:
        try:
            listener = Listener(self._listen, self._page, self._paths)
        except OSError as error:
            self._tell(error)
            return None
        thread = threading.Thread(target=listener.serve, name="midwatch-metrics-port", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # Out of threads, or the interpreter ends.
            listener.server_close()
            return None
        return listener

    def stop(self) -> None:
        """Listen no more; answers under way are given."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.end()

    def forget(self) -> None:
        """Leave the parent's socket to the parent, in a forked child; `start` opens another."""
        self._lock = threading.Lock()
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.socket.close()

    def _tell(self, error: OSError) -> None:
        if self._said:
            return
        self._said = True
        host, port = self._listen
        why = "another program has it" if error.errno == errno.EADDRINUSE else error.strerror or "no such address"
        with contextlib.suppress(Exception):
            logger.error("metrics.listen: cannot listen on %s port %d: %s; the service goes on", host, port, why)


def _checked_listen(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    name = host[1:-1] if bracketed else host
    numbered = port.isascii() and port.isdecimal() and len(port) < 6 and int(port) < 65536
    if not name or not numbered or bracketed != (":" in name):
        raise ValueError(f'listen: {listen!r} is no address with a port, such as "0.0.0.0:9464" or "[::]:9464"')
    return name, int(port)


def _after_fork() -> None:
    for port in list(_ports):
        port.forget()


os.register_at_fork(after_in_child=_after_fork)
