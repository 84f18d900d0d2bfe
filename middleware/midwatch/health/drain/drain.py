"""
`Drain`: the end of a process without lost requests.

Orchestrators and load balancers keep sending requests for seconds after they have decided to stop an instance. While it
drains, `/health/ready` says 503 so that they find out, registries are told, connections are closed after their next
response, and requests are served as ever. It begins

- on SIGTERM, which is kept from the server for `delay` seconds where that is possible (see `sigterm`);
- by `POST /health/drain` from the machine itself, for a `preStop` hook; all workers follow;
- when a file appears.
"""

from __future__ import annotations

import logging
import os
import weakref
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from ...headers import HeaderName
from ...plugin import Plugin
from . import sigterm
from .checked import checked_delay, checked_networks, checked_path
from .follow import Follow
from .marker import Marker
from .page import Page
from .state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from ...answers import Hold, Reply
    from ...exchange import Exchange
    from .state import Begun

__all__ = ["Drain"]

logger = logging.getLogger("midwatch.health")

LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
"""Who may begin a drain: not the private networks, in which any neighbour could take the service away."""

CONNECTION: Final = HeaderName("connection")
SIGTERM: Final = "SIGTERM"

_drains: weakref.WeakSet[Drain] = weakref.WeakSet()


@final
class Drain(Plugin):
    """
    Says when the process should get no more requests.

    Args:
        delay: Seconds in which requests are still served; 0 leaves SIGTERM to the server.
        path: Where a drain is begun by POST, ended by DELETE and shown by GET.
        allow: Networks whose direct requests may.
        file: The process drains while it is there.
        shared: Directory shared with the other workers, who follow a POST to one of them.
        clock: Seconds; only differences count.

    Raises:
        ValueError: a setting that cannot work; the message names its path.
    """

    def __init__(
        self,
        *,
        delay: float = 0.0,
        path: str = "/health/drain",
        allow: Iterable[str] = LOOPBACK,
        file: Path | None = None,
        shared: Path | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.delay = checked_delay("health.drain", delay)
        self._base = checked_path(path)
        self._paths = frozenset({self._base, f"{self._base}/"})
        self._page = Page(self, checked_networks(allow))
        self._state = State(clock)
        marker = None if shared is None else Marker(Path(shared))
        self._follow = Follow(self._state, self.delay, None if file is None else Path(file), marker)
        self._told: set[str | None] = set()
        self._why: str | None = None
        self._over = False
        _drains.add(self)
        if self.delay:
            sigterm.put_before_worker(self)

    @property
    def draining(self) -> bool:
        """Whether it has begun."""
        return self._state.begun is not None

    @property
    def begun(self) -> Begun | None:
        """The drain under way."""
        return self._state.begun

    @property
    def left(self) -> float:
        """Seconds for which it goes on; 0 when it is over, and when there is none."""
        return self._state.left

    @property
    def standing(self) -> str | None:
        """None if SIGTERM begins a drain, else why not."""
        return (self._why or sigterm.standing(self)) if self.delay else "health.drain is 0"

    def when_begun(self, callback: Callable[[], object]) -> None:
        """Have *callback* called, in a thread, when the process begins to drain; in the order in which they came."""
        self._state.begins.append(callback)

    def when_ended(self, callback: Callable[[], object]) -> None:
        """Have *callback* called, in a thread, when the process goes on after all."""
        self._state.ends.append(callback)

    def begin(self, reason: str, delay: float | None = None, *, shared: bool = False) -> bool:
        """
        Drain for *delay* seconds; False where it drains already, which goes on as it was.

        Args:
            reason: A word for the log.
            delay: Seconds; None for the delay of the settings.
            shared: The other workers are to follow.
        """
        seconds = self.delay if delay is None else delay
        return (self._follow if shared else self._state).begin(reason, seconds)

    def end(self) -> bool:
        """Go on after all; False where what began it still holds: a signal that was taken, a file that is there."""
        begun = self._state.begun
        return (begun is None or begun.reason != SIGTERM) and self._follow.end()

    def over(self) -> Future[None] | None:
        """What is done when the drain under way is over; None where none is, or nothing can wait for it."""
        return self._state.over()

    def say(self, standing: str | None) -> None:
        """Log, once for each answer, whether SIGTERM begins a drain."""
        self._why = standing
        if standing in self._told:
            return
        self._told.add(standing)
        with suppress(Exception):
            if standing is None:
                logger.info("SIGTERM drains: requests are served for %g s more", self.delay)
            else:
                logger.warning(
                    "SIGTERM does not drain here (%s): have preStop POST to %s?wait, or make health.drain_file",
                    standing,
                    self._base,
                )

    def on_startup(self) -> None:
        """Stand before the server's handler, where it has set it by now."""
        if self._over:
            self._over = False
            self._state.end()  # Of the server that has stopped; this is another one.
        if self.delay:
            sigterm.put_before(self)
        self._follow.start()

    def on_request(self, exchange: Exchange) -> Reply | Hold | None:
        """Answer for our path."""
        if exchange.app_path not in self._paths or exchange.kind != "http":
            return None
        exchange.route = exchange.path.removesuffix(exchange.app_path) + self._base
        exchange.probe = True
        return self._page.answer(exchange)

    def on_response(self, exchange: Exchange) -> None:
        """Have the client come back by another connection, which no longer leads here."""
        # WSGI leaves this header to the server (PEP 3333, "Other HTTP Features"); HTTP/2 has none (RFC 9113, 8.2.2).
        if (
            self._state.begun is not None
            and exchange.kind == "http"
            and "wsgi.version" not in exchange.native
            and exchange.http_version.startswith("1")
        ):
            exchange.offer_header(CONNECTION, "close")

    def on_shutdown(self, deadline: float) -> None:
        """Leave the signal to the server, and stop looking."""
        self._over = True
        sigterm.release(self)
        self._follow.stop(deadline)

    def let_go(self) -> None:
        """Leave the signal to others, and stop looking."""
        sigterm.release(self)
        self._follow.let_go()

    def forget(self) -> None:
        """Start afresh, in a forked child."""
        self._state.forget()
        self._follow.forget()
        self._told.clear()
        self._why = None


def _after_fork() -> None:
    for drain in list(_drains):
        drain.forget()


os.register_at_fork(after_in_child=_after_fork)
