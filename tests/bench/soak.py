"""Very many traced requests against a collector that fails half the time: every span is sent, or counted as lost."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, Final

import msgspec

from midwatch import flush, install
from midwatch.delivery import channels, losses

from . import apps
from .calls import ASGICaller
from .memory import resident
from .processes import Broken, command
from .receiver import receiver

__all__ = ["Soak", "main", "measure_soak", "soak_lines"]

BATCH: Final = 1_000
WARM_UP: Final = 3
"""Requests, in sizes of the queue, after which it has been full: its size is its bound, not growth."""
GROWTH: Final = 4.0
"""MiB that an allocator may keep."""


class Soak(msgspec.Struct):
    """
    What became of the spans, and the resident MiB of the process that made them.

    Attributes:
        created: Spans that ended.
        sent, dropped: As our counters say; `pending` is what the flush at the end did not get rid of.
        taken: Spans that the collector says it took.
        failed: Of so many `requests`, the collector failed these.
    """

    created: int
    sent: int
    dropped: int
    pending: int
    before: float
    half: float
    after: float
    taken: int = 0
    requests: int = 0
    failed: int = 0

    @property
    def whole(self) -> bool:
        """Nothing is unaccounted for, and the two sides agree."""
        return self.created == self.sent + self.dropped + self.pending and self.taken == self.sent

    @property
    def flat(self) -> bool:
        """Memory is."""
        return self.after - self.before <= GROWTH


def measure_soak(requests: int, queue: int, failing: float = 0.5) -> Soak:
    """
    Ask in a process of its own, whose queue holds so many spans.

    Raises:
        Broken: the process failed.
    """
    with receiver(failing) as collector:
        arguments = ("soak", str(requests), str(collector.port), str(queue))
        done = subprocess.run(command(*arguments), stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise Broken(f"soak: ended with {done.returncode}; its words are above")
        collector.stop()
    soak = msgspec.json.decode(done.stdout, type=Soak)
    soak.taken, soak.requests, soak.failed = collector.taken.spans, collector.taken.requests, collector.taken.failed
    return soak


def main(requests: int, port: int, queue: int) -> int:
    """Send them; print the figures as JSON."""
    ended = 0

    def count(span: Any) -> None:
        nonlocal ended
        ended += 1

    off = dict.fromkeys(("log", "errors", "metrics", "audit", "health"), False)
    to = f"otlp://127.0.0.1:{port}?batch={min(2_048, queue // 5)}&queue={queue}"
    app = install(apps.starlette_app(), {**off, "trace": {"to": [to, count]}})
    caller = ASGICaller()
    (channel,) = [one for one in channels if one.name.startswith("spans to otlp")]
    _send(caller, app, WARM_UP * queue)
    before = resident()
    _send(caller, app, requests // 2)
    half = resident()
    _send(caller, app, requests - requests // 2)
    after = resident()
    flush(60)
    lost = sum(losses.values())
    print(
        msgspec.json.encode(
            Soak(ended, channel.sent, channel.dropped + lost, channel.pending, before, half, after)
        ).decode()
    )
    sys.stdout.flush()
    os._exit(0)  # Without last words: everything is told.


def _send(caller: ASGICaller, app: object, requests: int) -> None:
    for start in range(0, requests, BATCH):
        caller.call(app, [f"/items/{number}" for number in range(start, start + BATCH)])  # type: ignore[arg-type]


def soak_lines(soak: Soak) -> list[str]:
    """For a person."""
    whole, flat = "whole" if soak.whole else "NOT WHOLE", "flat" if soak.flat else "NOT FLAT"
    parts = f"{soak.sent} sent + {soak.dropped} dropped + {soak.pending} pending"
    held = f"{soak.before:.1f} MiB before, {soak.half:.1f} half way, {soak.after:.1f} after"
    return [
        f"The collector failed {soak.failed} of {soak.requests} requests.",
        f"Spans: {soak.created} created = {parts}; the collector took {soak.taken}: {whole}.",
        f"Memory: {held}: {flat}.",
    ]
