"""`midwatch audit findings`: what is worth a look."""

from __future__ import annotations

import argparse
import math
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from ...audit.query import Thresholds
from ...picture.words import counted, moment
from ..answer import SCHEMA, Answer, as_json
from . import asked, where
from .rows import screen

if TYPE_CHECKING:
    from ...audit.query import Finding
    from ...picture.screen import Screen
    from ..parser import Commands

__all__ = ["add_to"]

COLOURS: Final = {"high": "31", "medium": "33", "low": "2"}

SHOWN: Final = 3
"""Ids of events below a finding; `--json` has all of them."""

MEANINGS: Final = {
    "window": "seconds within which failures belong together",
    "burst": "failed authentications of an actor or from an address",
    "spray": "actors that one address fails to be",
    "stuffing": "addresses from which one actor fails",
    "guesses": "failures before a success",
    "known": "days after which something new is news",
    "roaming": "addresses, actions or clients beyond which one more is no news",
    "rare": "share of events below which an hour of the week is unusual",
    "habit": "events before an actor has habits",
    "habit_days": "days before an actor has habits",
    "spike": "deviations above the median of 14 days",
    "spike_events": "events of a day below which it is no spike",
    "dormant": "days without any event",
    "mass": "distinct resources of an actor within an hour",
    "history": "days before, that habits are learnt from",
    "most": "findings of one kind",
    "ids": "events named by one finding",
}


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch audit findings audit.db --since 1d\n"
    examples += "  midwatch audit findings audit.db --set burst=20 --set mass=500 --json"
    about = "Bursts of failures, guessed passwords, new addresses, unusual hours and amounts. Each proves nothing.\n"
    about += "Ends with 1 if there are any, 0 if not. For --set, with defaults:\n\n"
    about += "\n".join(
        f"  {field.name + '=' + str(field.default):18} {MEANINGS.get(field.name, '')}" for field in fields(Thresholds)
    )
    findings = commands.add_parser("findings", help="what is worth a look", description=about, examples=examples)
    where.add_options(findings)
    asked.add_options(findings)
    findings.add_argument(
        "--set", type=_threshold, action="append", default=[], metavar="NAME=N", help="from when on something is"
    )
    findings.add_argument("--json", action="store_true", help="for programs")
    findings.set_defaults(run=where.answered(_findings))


def _threshold(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    known = {field.name: field for field in fields(Thresholds)}
    if name not in known:
        raise argparse.ArgumentTypeError(f"no such threshold: {name[:40]!r}; known are {', '.join(known)}")
    try:
        number = float(value[:40])
    except ValueError:
        number = math.nan
    whole = isinstance(known[name].default, int) and known[name].type != "float"
    if not 0 < number < 1e9 or (whole and number != int(number)):
        raise argparse.ArgumentTypeError(f"{name}: expected a {'whole ' if whole else ''}number above 0")
    return name, int(number) if whole else number


def _findings(arguments: argparse.Namespace) -> Answer:
    wanted = asked.wanted(arguments)
    thresholds = Thresholds(**dict(arguments.set))
    with where.reading(arguments, wanted, "findings") as (trail, words):
        found = trail.findings(wanted, thresholds=thresholds)
    code = 1 if found else 0
    if arguments.json:
        return Answer(code, as_json({"schema": SCHEMA, "findings": [one.as_dict() for one in found]}), words)
    on = screen()
    # The one that matters most comes last, where a person looks first.
    out = "\n\n".join(_told(one, on) for one in reversed(found))
    total = counted(len(found), "finding") if found else "nothing found"
    return Answer(code, out, "\n".join(filter(None, [words, total])))


def _told(found: Finding, on: Screen) -> str:
    head = on.ink(COLOURS.get(found.severity, ""), f"{found.severity:6}")
    times = [moment(one).replace("T", " ")[:19] for one in (found.since, found.until)]
    when = times[0] if times[0] == times[1] else f"{times[0]} to {times[1]}"
    ids = ", ".join(on.clean(one) for one in found.events[:SHOWN])
    if len(found.events) > SHOWN:
        ids += f" and {len(found.events) - SHOWN} more"
    lines = [f"{head}  {found.kind}  {when}", f"  {on.clean(found.sentence)}"]
    return "\n".join(lines + ([f"  events {ids}"] if ids else []))
