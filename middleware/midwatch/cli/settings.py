"""`midwatch settings`: every setting there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..settings.reference import explained, markdown, rows
from .answer import SCHEMA, Answer, as_json

if TYPE_CHECKING:
    import argparse

    from .parser import Commands

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch settings\n  midwatch settings --markdown > docs/settings.md"
    settings = commands.add_parser("settings", help="every setting there is", examples=examples)
    form = settings.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as a page")
    form.add_argument("--json", action="store_true", help="for programs")
    settings.set_defaults(run=_settings)


def _settings(arguments: argparse.Namespace) -> Answer:
    if arguments.markdown:
        return Answer(0, markdown().rstrip("\n"))
    if arguments.json:
        return Answer(0, as_json({"schema": SCHEMA, "settings": [row._asdict() for row in rows()]}))
    return Answer(0, "\n\n".join(explained(row) for row in rows()), "midwatch check shows what is in force")
