"""`Registrations`: starts and ends with the server, and hears from requests which port it listens on."""

from __future__ import annotations

import os
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from ...plugin import Plugin
from .instance import port_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...exchange import Exchange
    from ..drain import Drain
    from .registration import Registration

__all__ = ["Registrations"]

SHARE: Final = 0.5
"""Of the time for the end of the process."""

_all: weakref.WeakSet[Registrations] = weakref.WeakSet()


@final
class Registrations(Plugin):
    """
    Keeps service registries informed.

    Args:
        registrations: By `registry`.
        drain: When it begins, the registries are told first.
    """

    def __init__(self, registrations: Iterable[Registration], drain: Drain | None = None) -> None:
        self.registrations = tuple(registrations)
        self._unknown = any(one.instance is None for one in self.registrations)
        if drain is not None:
            for one in self.registrations:
                drain.when_begun(one.drain)
                drain.when_ended(one.resume)
        _all.add(self)

    def on_startup(self) -> None:
        """Register."""
        for one in self.registrations:
            one.start()

    def on_request(self, exchange: Exchange) -> None:
        """Hear the port, from the first that tells it."""
        if self._unknown:
            port = port_of(exchange)
            if port is not None:
                self._unknown = False
                # Of the server, not of a proxy: it is the server that a registry leads to.
                secure = exchange.native.get("scheme", exchange.native.get("wsgi.url_scheme")) == "https"
                for one in self.registrations:
                    one.learn(port, secure=secure)

    def on_shutdown(self, deadline: float) -> None:
        """Be gone; of the time, what comes after us needs some too, if a registry hangs."""
        for one in self.registrations:
            one.end()
        until = monotonic() + deadline * SHARE
        for one in self.registrations:
            one.stop(max(0.0, until - monotonic()))

    def let_go(self) -> None:
        """Be gone, soon."""
        for one in self.registrations:
            one.let_go()

    def forget(self) -> None:
        """Start afresh, in a forked child."""
        for one in self.registrations:
            one.forget()


def _after_fork() -> None:
    for one in list(_all):
        one.forget()


os.register_at_fork(after_in_child=_after_fork)
