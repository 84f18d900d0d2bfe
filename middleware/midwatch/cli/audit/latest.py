"""The latest events: a store hands them out from the oldest on."""

from __future__ import annotations

from collections import deque
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from ...audit.query.stats import DAY, HOUR

if TYPE_CHECKING:
    from ...audit.query import Trail
    from ...audit.stores import Filter

__all__ = ["latest"]

SPANS: Final = (HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY)


def latest(trail: Trail, wanted: Filter, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """
    The last *limit* events that are wanted, by time, and whether there are earlier ones.

    Raises:
        StoreError: no answer.
    """
    # Further and further back: the end of a long trail is found without reading all of it.
    now = time_ns() if wanted.until is None else wanted.until
    for begin in (*(now - span for span in SPANS), None):
        since = max((one for one in (begin, wanted.since) if one is not None), default=None)
        found: deque[dict[str, Any]] = deque(trail.events(wanted._replace(since=since)), limit + 1)
        if len(found) > limit or since == wanted.since:
            break
    return list(found)[-limit:], len(found) > limit
