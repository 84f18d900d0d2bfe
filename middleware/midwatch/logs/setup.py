"""
Where log lines go.

The logger `midwatch` gets a handler for each destination, so that request lines are written whatever the application
does with its own logging; they go on to the root logger too, for its handlers and for tests. An application whose root
logger has no handler gets ours there instead: then every line of the process is JSON and carries its trace.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..destinations import entries_to, is_network, lines_to
from ..redaction import DEFAULT, Redactor
from ..service import Service
from .access import mute_access_logs, unmute_access_logs
from .formatter import JsonFormatter
from .handler import DELIVERY, DeliveryHandler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..destinations import SpillTo

__all__ = ["configure_logging", "reassert"]


def configure_logging(
    *,
    to: Sequence[str] = ("stdout",),
    service: Service | None = None,
    fields: str = "otel",
    project: str | None = None,
    root: bool | None = None,
    level: str = "INFO",
    propagate: bool = True,
    access_logs: bool | None = None,
    spill: SpillTo | None = None,
    redactor: Redactor = DEFAULT,
) -> None:
    """
    Send log lines to their destinations. A second call replaces the handlers of the first.

    Args:
        to: `stdout`, `stderr`, `file:///path`, `syslog+tls://host`, `fluentd://host` and their like, one or several.
        service: Named in every line.
        fields: How fields are called: `otel`, `ecs`, `gcp` or `datadog`.
        project: Of Google Cloud, for `gcp`.
        root: Whether the root logger gets our handlers: None for "if it has none of its own".
        level: Level of the root logger, where it gets our handlers.
        propagate: Whether request lines also reach the handlers of the root logger.
        access_logs: Whether servers go on with access logs of their own: None for "unless the root logger is ours".
        spill: Where lines wait on disk for a network that does not take them.
        redactor: Hides secrets in what the application logs.

    Raises:
        ValueError: a destination that is not known or cannot be opened.
    """
    service = service or Service.known()
    formatter = JsonFormatter(service, fields=fields, project=project, redactor=redactor)
    handlers = [_handler(url, formatter, service, spill) for url in dict.fromkeys(to)]
    ours, everything = logging.getLogger("midwatch"), logging.getLogger()
    _remove_ours(ours, everything, logging.getLogger(DELIVERY))
    ours.propagate = propagate
    if ours.level == logging.NOTSET:
        ours.setLevel(logging.INFO)
    at_root = not everything.handlers if root is None else root
    if at_root:
        _take_over(everything, level)
    (mute_access_logs if (at_root if access_logs is None else not access_logs) else unmute_access_logs)()
    for logger in [everything] * at_root + [ours] * (not (at_root and propagate)):
        for handler in handlers:
            logger.addHandler(handler)
    _handlers[:] = handlers
    if all(map(is_network, to)):
        # Somebody has to say that they fail.
        logging.getLogger(DELIVERY).addHandler(DeliveryHandler(lines_to("stderr"), formatter))


def _remove_ours(*loggers: logging.Logger) -> None:
    for logger in loggers:
        for handler in [handler for handler in logger.handlers if isinstance(handler, DeliveryHandler)]:
            logger.removeHandler(handler)


def _take_over(root: logging.Logger, level: str) -> None:
    root.setLevel(level)
    # At INFO, httpx logs each URL with its query; the client spans say the same without.
    for talkative in (logging.getLogger("httpx"), logging.getLogger("httpcore")):
        if talkative.level == logging.NOTSET:
            talkative.setLevel(logging.WARNING)


def _handler(url: str, formatter: JsonFormatter, service: Service, spill: SpillTo | None) -> DeliveryHandler:
    if is_network(url):
        return DeliveryHandler(entries_to(url, service, spill), formatter, entries=True)
    return DeliveryHandler(lines_to(url), formatter)


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
