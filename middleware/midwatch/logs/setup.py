"""
Where log lines go.

The logger `midwatch` gets a handler for each destination, so that request lines are written whatever the application
does with its own logging; they go on to the root logger too, for its handlers and for tests. An application whose root
logger has no handler gets ours there instead: then every line of the process is JSON and carries its trace.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..destinations import lines_to
from ..service import Service
from .formatter import JsonFormatter
from .handler import DeliveryHandler

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["configure_logging", "reassert"]


def configure_logging(
    *,
    to: Sequence[str] = ("stdout",),
    service: Service | None = None,
    root: bool | None = None,
    level: str = "INFO",
    propagate: bool = True,
) -> None:
    """
    Send log lines to their destinations. A second call replaces the handlers of the first.

    Args:
        to: `stdout`, `stderr` or `file:///path`, one or several.
        service: Named in every line.
        root: Whether the root logger gets our handlers: None for "if it has none of its own".
        level: Level of the root logger, where it gets our handlers.
        propagate: Whether request lines also reach the handlers of the root logger.

    Raises:
        ValueError: a destination that is not known or cannot be opened.
    """
    formatter = JsonFormatter(service or Service.known())
    handlers = [DeliveryHandler(lines_to(url), formatter) for url in dict.fromkeys(to)]
    ours, everything = logging.getLogger("midwatch"), logging.getLogger()
    for logger in (ours, everything):
        for handler in [handler for handler in logger.handlers if isinstance(handler, DeliveryHandler)]:
            logger.removeHandler(handler)
    ours.propagate = propagate
    if ours.level == logging.NOTSET:
        ours.setLevel(logging.INFO)
    at_root = not everything.handlers if root is None else root
    if at_root:
        everything.setLevel(level)
        # At INFO, httpx logs each URL with its query; the client spans say the same without.
        for talkative in (logging.getLogger("httpx"), logging.getLogger("httpcore")):
            if talkative.level == logging.NOTSET:
                talkative.setLevel(logging.WARNING)
    for handler in handlers:
        if at_root:
            everything.addHandler(handler)
        if not (at_root and propagate):
            ours.addHandler(handler)
    _handlers[:] = handlers


_handlers: list[DeliveryHandler] = []
"""What the latest call made."""


def reassert() -> None:
    """
    Undo what `logging.config.dictConfig` does to loggers that it does not name.

    It disables them, and takes the root logger's handlers away. An application that configures its logging after
    `install` did not mean ours.
    """
    ours, everything = logging.getLogger("midwatch"), logging.getLogger()
    for name in ("midwatch", *(f"midwatch.{part}" for part in ("request", "error", "audit", "health", "delivery"))):
        logging.getLogger(name).disabled = False
    reached = [*ours.handlers, *(everything.handlers if ours.propagate else ())]
    for handler in _handlers:
        if handler not in reached:
            ours.addHandler(handler)
