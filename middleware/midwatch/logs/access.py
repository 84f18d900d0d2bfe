"""
The access logs of servers, which say less of each request and are of no use beside ours.

They are muted by a filter on their loggers: servers configure logging again when they start, which replaces handlers
and levels and leaves filters as they are.
"""

from __future__ import annotations

import logging
from typing import Final, final

__all__ = ["mute_access_logs", "unmute_access_logs"]

LOGGERS: Final = ("uvicorn.access", "gunicorn.access", "hypercorn.access", "_granian.access", "granian.access")


@final
class _Muted(logging.Filter):
    """Lets nothing through."""

    def filter(self, record: logging.LogRecord) -> bool:
        return False


_muted: Final = _Muted()


def mute_access_logs() -> None:
    """Have uvicorn, gunicorn, hypercorn and granian keep their access logs to themselves."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_muted)  # Once, however often it is called.


def unmute_access_logs() -> None:
    """Undo that."""
    for name in LOGGERS:
        logging.getLogger(name).removeFilter(_muted)
