"""
The unit of extension, and the table of moments it may act in.

| moment | when, how often | may |
| --- | --- | --- |
| `on_startup()` | the server starts (ASGI lifespan, else the first request), once per process | start work |
| `on_serving()` | right after it; with a lifespan, once the application has started too | start what needs the application |
| `on_request(exchange)` | before the app, once, in order; every plugin is asked even after one replied | return a `Reply` (the app is not called, the first one wins) or a `Hold` |
| `on_response(exchange)` | status and headers known and not yet sent, once per started response, reverse order; 1xx ignored; websocket accept and denial count | add headers, return a `Hold` |
| `on_error(exchange)` | an `Exception` leaves the app, also after the response started or from a background task; reverse order | read `exchange.error`; return a `Reply` for an app that has not answered and has no framework to answer for it |
| `on_finish(exchange)` | exactly once whatever happened, reverse order, when the app is done after the last byte, the failure, the disconnect or the cancellation | read everything |
| `on_shutdown(deadline)` | the server stops (lifespan, else `atexit`), once, reverse order | flush within *deadline* seconds |

Methods are plain, never coroutines: that is what lets one plugin serve ASGI and WSGI alike. Work that must be
waited for is handed to a thread and returned as a `Hold`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from .answers import Hold, Reply
    from .exchange import Exchange

__all__ = ["IN_ORDER", "MOMENTS", "Plugin", "failures", "hook_failed"]

logger = logging.getLogger("midwatch")


class Plugin:
    """Base of all plugins; override the moments you need (see the table in `midwatch.plugin`)."""

    def on_startup(self) -> None:
        """Start work; once per process, before the first exchange."""

    def on_serving(self) -> None:
        """Start what needs the application, which has started as well by now, where it says so."""

    def on_request(self, exchange: Exchange) -> Reply | Hold | None:
        """Look at the request before the app does; answer it with a `Reply`, or wait with a `Hold`."""

    def on_response(self, exchange: Exchange) -> Hold | None:
        """Add headers with `exchange.add_header`; status and headers are known and not sent yet."""

    def on_error(self, exchange: Exchange) -> Reply | None:
        """Note `exchange.error`; a `Reply` is used where nobody else will answer."""

    def on_finish(self, exchange: Exchange) -> None:
        """Read the whole exchange: outcome, status, sizes, duration, error."""

    def on_shutdown(self, deadline: float) -> None:
        """Flush and stop within *deadline* seconds."""

    def let_go(self) -> None:
        """
        End what goes on without requests: the application was dropped, and will not stop.

        No moment: the garbage collector calls, from anywhere. Note it, and take no lock.
        """


MOMENTS: Final = ("on_startup", "on_serving", "on_request", "on_response", "on_error", "on_finish", "on_shutdown")
IN_ORDER: Final = frozenset({"on_startup", "on_serving", "on_request"})


failures: dict[str, int] = {}
"""How often a moment of a plugin class raised, by `Class.moment`; shown at `/metrics`."""

_QUIET: Final = 60.0
_last_told: dict[str, float] = {}
_lock = threading.RLock()  # A signal handler, or a finalizer, may come in while it is held.


def hook_failed(hook: Callable[..., Any]) -> None:
    """Count the exception being handled against *hook*; log it, once per class and minute."""
    name: str = getattr(hook, "__qualname__", None) or type(hook).__qualname__
    now = time.monotonic()
    with _lock:
        failures[name] = failures.get(name, 0) + 1
        if now - _last_told.get(name, -_QUIET) < _QUIET:
            return
        _last_told[name] = now
    try:
        logger.exception("%s failed; the request is not affected (told once a minute)", name)
    except Exception:
        # A broken log handler must not make an observer's failure the application's.
        failures["logging"] = failures.get("logging", 0) + 1


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
