"""`midwatch audit erase`: removing what is about a person, and nothing that is hashed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...audit.erase import erase
from ...audit.reading import operator
from ...audit.stores import Filter
from ...picture.words import counted
from ..answer import Answer
from . import asked, where

if TYPE_CHECKING:
    import argparse

    from ..parser import Commands

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch audit erase audit.db --actor u42 --reason GDPR-118 --yes\n"
    examples += "  midwatch audit erase audit.db --id 019b7a3c-5e00-7000-8000-000000000001 --reason GDPR-118 --yes"
    about = (
        "Removes the detail of events: names, changes, user agents. The events stay, and still verify. A record says\n"
        "who did it and why. It cannot be undone."
    )
    erasing = commands.add_parser("erase", help="remove personal detail", description=about, examples=examples)
    where.add_options(erasing, records=False)
    asked.add_options(erasing)
    erasing.add_argument("--id", action="append", default=[], metavar="ID", help="of these events")
    erasing.add_argument("--reason", required=True, metavar="TEXT", help="why, for the record; not what it was")
    erasing.add_argument("--yes", action="store_true", help="do it")
    erasing.set_defaults(run=where.answered(_erase))


def _erase(arguments: argparse.Namespace) -> Answer:
    wanted = asked.wanted(arguments)
    chosen = wanted != Filter()
    if chosen == bool(arguments.id):
        raise where.refusal("erase", "of which events? Name their --id, or some of the other options, not both")
    url = where.store_url(arguments)
    if not arguments.yes:
        raise where.refusal("erase", "would remove the detail of these events", "--yes removes it")
    with where.opened(url, read_only=False) as store:
        done = erase(
            store,
            ids=None if chosen else arguments.id,
            wanted=wanted if chosen else None,
            actor=operator(),
            reason=arguments.reason,
        )
    return Answer(0, "", f"the detail of {counted(done.events, 'event')} removed")
