"""`midwatch audit describe`: what is recorded, where it goes, for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...audit.describe import inventory
from ...picture.words import clean
from ...settings import load
from ..answer import SCHEMA, Answer, as_json
from . import where

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ..parser import Commands

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch audit describe orders.config:MIDWATCH\n  midwatch audit describe settings.json --json"
    about = "The inventory of logging that OWASP ASVS 5.0 asks for (16.1.1), from the settings in force."
    describe = commands.add_parser(
        "describe", help="what is recorded, where it goes, for how long", description=about, examples=examples
    )
    describe.add_argument("settings", nargs="?", metavar="MODULE:NAME|FILE.json", help="nothing for the defaults")
    describe.add_argument("--json", action="store_true", help="for programs")
    describe.set_defaults(run=where.answered(_describe))


def _describe(arguments: argparse.Namespace) -> Answer:
    settings = load(None) if arguments.settings is None else where.settings_of(arguments.settings)
    told = inventory(settings)
    if arguments.json:
        return Answer(0, as_json({"schema": SCHEMA, **told}))
    return Answer(0, "\n".join(_lines(told)))


def _lines(told: dict[str, Any]) -> Iterator[str]:
    for name, value in told.items():
        if isinstance(value, dict):
            yield f"\n{name}"
            for key, inner in value.items():
                yield f"  {key}: {_text(inner)}"
        elif isinstance(value, list):
            yield f"\n{name}"
            yield from (f"  {_text(one)}" for one in value)
        else:
            yield f"{name}: {_text(value)}"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "nowhere"
    return clean("none" if value is None else "yes" if value is True else "no" if value is False else str(value))
