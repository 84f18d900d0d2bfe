"""`midwatch audit show`: the timeline of an actor, a resource, a trace or an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...audit.export import Event
from ...audit.export.objects import as_line
from ...picture.words import counted
from ..answer import Answer
from ..values import count
from . import asked, where
from .latest import latest
from .rows import screen, table, told

if TYPE_CHECKING:
    import argparse

    from ..parser import Commands

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch audit show audit.db --actor u42 --since 1d\n"
    examples += "  midwatch audit show audit.db --resource order:17 --full\n"
    examples += "  midwatch audit show --settings orders.config:MIDWATCH --ip 192.0.2.7 --outcome denied"
    about = "The latest events that fit all options, the newest last."
    show = commands.add_parser("show", help="who did what, in order", description=about, examples=examples)
    where.add_options(show)
    asked.add_options(show)
    show.add_argument("--limit", type=count, default=50, metavar="N", help="how many (default 50)")
    form = show.add_mutually_exclusive_group()
    form.add_argument("--full", action="store_true", help="all that is in them, not a line each")
    form.add_argument("--json", action="store_true", help="for programs: one object a line")
    show.set_defaults(run=where.answered(_show))


def _show(arguments: argparse.Namespace) -> Answer:
    wanted = asked.wanted(arguments)
    with where.reading(arguments, wanted, "show") as (trail, words):
        rows, more = latest(trail, wanted, arguments.limit)
    events = list(map(Event, rows))
    if arguments.json:
        return Answer(0, "\n".join(as_line(event).decode(errors="replace") for event in events), words)
    if not events:
        return Answer(0, "", "\n".join(filter(None, [words, "no such event"])))
    on = screen()
    out = "\n\n".join(told(event, on) for event in events) if arguments.full else table(events, on)
    hint = "; --limit shows more" if more else ""
    total = f"the latest {counted(len(events), 'event')}{hint}" if more else counted(len(events), "event")
    return Answer(0, out, "\n".join(filter(None, [words, total])))
