"""`midwatch audit tail`: events as they come."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

from ...audit.export import Event
from ...audit.export.objects import as_line
from ...audit.stores.scan import columns_of_row
from ...audit.stores.wanted import matches
from ..answer import Answer
from ..values import count
from . import asked, where
from .latest import latest
from .rows import line, screen

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ...audit.stores import Filter, Store
    from ..parser import Commands

__all__ = ["Follower", "add_to"]

PAUSE: Final = 1.0
"""Seconds between two looks."""

PAGE: Final = 500


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch audit tail audit.db\n  midwatch audit tail audit.db --outcome denied --once"
    about = "The latest events, and then those that come, until Ctrl-C."
    tail = commands.add_parser("tail", help="events as they come", description=about, examples=examples)
    where.add_options(tail)
    asked.add_options(tail)
    tail.add_argument("--limit", type=count, default=10, metavar="N", help="how many at first (default 10)")
    tail.add_argument("--once", action="store_true", help="do not wait for others")
    tail.add_argument("--json", action="store_true", help="for programs: one object a line")
    tail.set_defaults(run=where.answered(_tail))


def _tail(arguments: argparse.Namespace) -> Answer:
    wanted = asked.wanted(arguments)
    on = screen()

    def say(event: Event) -> None:
        sys.stdout.write((as_line(event).decode(errors="replace") if arguments.json else line(event, on)) + "\n")
        sys.stdout.flush()

    with where.reading(arguments, wanted, "tail") as (trail, words):
        if words:
            sys.stderr.write(f"{words}\n")
        follower = Follower(trail.store, wanted)
        rows, _ = latest(trail, wanted, arguments.limit)
        shown = {(row["stream"], row["seq"]) for row in rows}
        for row in rows:
            say(Event(row))
        while not arguments.once:
            for event in follower.new():
                # What came between the two looks at the beginning is there twice.
                if (event.columns["stream"], event.columns["seq"]) not in shown:
                    say(event)
            time.sleep(PAUSE)
    return Answer(0)


class Follower:
    """
    What comes into *store* from now on, stream by stream: by time, what is committed late would be missed.

    Raises:
        StoreError: from every method, if the store cannot be read.
    """

    def __init__(self, store: Store, wanted: Filter) -> None:
        self._store = store
        self._wanted = wanted
        self._last: dict[str, int] = {}
        for stream in store.streams():
            head = store.head(stream.stream)
            self._last[stream.stream] = -1 if head is None else head[0]

    def new(self) -> Iterator[Event]:
        """What came since the last time, by time within each page."""
        for stream in self._store.streams():
            name = stream.stream
            if stream.final_seq is not None and self._last.get(name, -1) >= stream.final_seq:
                continue
            while rows := self._store.chain_of(name, self._last.get(name, -1), PAGE):
                self._last[name] = rows[-1].seq
                for row in rows:
                    found = columns_of_row(row)
                    if matches(self._wanted, found):
                        yield Event(found | {"body": row.body, "detail": row.detail})
