"""A tracker as a destination: who decides in the thread of the request, and sends in that of a worker."""

from __future__ import annotations

import os
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Final, final

from ....delivery import Channel, Refused, lost
from ....logs.timestamp import rfc3339
from ....posting import Poster
from ..sdk import carries
from .allowance import Allowance
from .discards import Discards, report
from .envelope import envelope
from .event import Events, Ready
from .limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from ....service import Service
    from ...occurrence import Occurrence
    from .address import Tracker

__all__ = ["Sentry"]

TYPE: Final = "application/x-sentry-envelope"

MAX_BYTES: Final = 16 << 20
"""Of events that wait."""


@final
class Sentry:
    """
    Sends events to one tracker, or to nobody where the SDK has the exception.

    An event that is sent again, since nobody knows whether it arrived, has the same id: trackers keep one of them.

    Args:
        tracker: Where to, and how.
        service: Whose they are.
        clock: Seconds, of any start; for limits.

    Attributes:
        channel: What waits.
    """

    def __init__(self, tracker: Tracker, service: Service, clock: Callable[[], float] = monotonic) -> None:
        options = tracker.options
        self._tracker = tracker
        self._events = Events(service, options.get("server_name"))
        self._limits = Limits(clock)
        self._allowance = Allowance(int(options.get("burst", 5)), options.get("every", 10.0), clock)
        self._discards = Discards()
        headers = {"content-type": TYPE, "x-sentry-auth": tracker.authorization}
        self._poster = Poster(tracker.url, headers, options.get("timeout", 10.0), gzip=True, heard=self._limits.heed)
        self._most = int(options.get("queue", 100))
        self._failing: tuple[int, list[Ready]] | None = None
        self.channel = Channel[Ready](
            f"errors to {tracker.name}",
            self._deliver,
            max_items=self._most,
            max_bytes=MAX_BYTES,
            batch=1,  # An envelope takes one event.
            give_up=options.get("give_up", 60.0),
            apart=True,
        )

    def take(self, occurrence: Occurrence) -> None:
        """Queue an event, unless the tracker wants none, or has had enough of its fingerprint."""
        if carries(occurrence):
            return
        if self._limits.active():
            self._discards.add("ratelimit_backoff")
            lost(f"errors beyond the limit of {self._tracker.name}")
        elif not self._allowance.grants(occurrence.fingerprint):
            self._discards.add("sample_rate")
        elif self.channel.pending >= self._most:
            self._discards.add("queue_overflow")
            lost(f"errors beyond the queue of {self._tracker.name}")
        else:
            ready = self._events.event(occurrence)
            if not self.channel.put(ready, len(ready.body)):
                self._discards.add("queue_overflow")

    def close(self, deadline: float) -> None:
        """Have the tracker told what was left out."""
        if self._discards and not self._limits.active():
            self.channel.put(Ready())

    def _deliver(self, batch: list[Ready]) -> int:
        """
        Send an event, with what was left out; how many the tracker did not take.

        Raises:
            Refused: it never will.
            Exception: it could not be asked.
        """
        self._note_given_up(batch)
        ready = batch[0]
        events = 1 if ready.id else 0
        if self._limits.active():
            self._discards.add("ratelimit_backoff", events)
            return events
        counts = self._discards.take()
        try:
            self._poster.post(self._envelope(ready, counts))
        except Refused:
            # The report goes with it: a tracker that refuses reports would refuse every event.
            self._discards.add("send_error", events)
            raise
        except BaseException:
            self._discards.give_back(counts)
            if self._limits.active():
                return events  # The tracker has counted what it refused by its limit.
            self._failing = os.getpid(), batch
            raise
        return 0

    def _note_given_up(self, batch: list[Ready]) -> None:
        """Count the event that failed last, if another one comes now that it never arrived."""
        failed, self._failing = self._failing, None
        if failed is not None and failed[0] == os.getpid() and failed[1] is not batch:
            self._discards.add("network_error", 1 if failed[1][0].id else 0)

    def _envelope(self, ready: Ready, counts: Any) -> bytes:
        now = time()
        headers = {"dsn": self._tracker.dsn, "sent_at": rfc3339(now)}
        items = []
        if ready.id:
            headers["event_id"] = ready.id
            items.append(("event", ready.body))
        if counts:
            items.append(("client_report", report(counts, now)))
        return envelope(headers, items)
