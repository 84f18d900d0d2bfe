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


DEVELOPMENT: Final = ("werkzeug", "django.server")
"""Of servers that say on the same logger where they listen."""

REQUEST: Final = '"%s" %s %s'
"""With it both end what they log of a request, and nothing else."""


@final
class _Muted(logging.Filter):
    """Lets nothing through."""

    def filter(self, record: logging.LogRecord) -> bool:
        return False


@final
class _MutedRequests(logging.Filter):
    """Lets through what is no line of a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (isinstance(record.msg, str) and record.msg.endswith(REQUEST))


_muted: Final = _Muted()
_muted_requests: Final = _MutedRequests()


def mute_access_logs() -> None:
    """Have uvicorn, gunicorn, hypercorn, granian, `flask run` and `runserver` keep their access logs to themselves."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_muted)  # Once, however often it is called.
    for name in DEVELOPMENT:
        logging.getLogger(name).addFilter(_muted_requests)


def unmute_access_logs() -> None:
    """Undo that."""
    for name in LOGGERS:
        logging.getLogger(name).removeFilter(_muted)
    for name in DEVELOPMENT:
        logging.getLogger(name).removeFilter(_muted_requests)
