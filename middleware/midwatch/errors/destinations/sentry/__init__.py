"""
Trackers that speak Sentry's protocol (https://develop.sentry.dev/sdk/): one event for an occurrence, in an envelope.

What is sent is bounded for each fingerprint, by what the tracker asks for, and by a queue; what is left out is counted
and told to the tracker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .address import Tracker
from .destination import Sentry

if TYPE_CHECKING:
    from ....service import Service

__all__ = ["Sentry", "check", "sentry_to"]

_open: dict[tuple[str, Service], Sentry] = {}


def check(url: str) -> None:
    """
    Look at *url* without opening anything.

    Raises:
        ValueError: it cannot be meant; says what is wrong, without credentials.
    """
    Tracker.of(url)


def sentry_to(url: str, service: Service) -> Sentry:
    """
    The tracker at *url*; two callers that name the same one share its queue and its limits.

    Raises:
        ValueError: as `check` does.
    """
    known = _open.get((url, service))
    if known is None:
        known = _open[url, service] = Sentry(Tracker.of(url), service)
    return known
