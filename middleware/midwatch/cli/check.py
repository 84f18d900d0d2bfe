"""`midwatch check`: validate settings, show what is in force, explain one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..nearest import nearest
from ..settings import Problem, SettingsError
from ..settings.loading import in_force
from ..settings.reference import explained, find, rows
from ..settings.shown import literal
from .answer import SCHEMA, Answer, as_json, has_colour
from .given import TARGET, given

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from .parser import Commands

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch check orders.config:MIDWATCH\n  midwatch check settings.json --json\n"
    examples += "  midwatch check --explain log.to"
    check = commands.add_parser("check", help="validate settings and show what is in force", examples=examples)
    check.add_argument("target", nargs="?", metavar="MODULE:NAME|FILE.json", help=TARGET)
    check.add_argument("--explain", metavar="PATH", help="explain one setting")
    check.add_argument("--json", action="store_true", help="for programs")
    check.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> Answer:
    try:
        if arguments.explain is not None:
            return _explain(arguments)
        raw, settings = given(arguments.target, "midwatch check")
    except SettingsError as error:
        told = error.rendered(colour=has_colour(sys.stderr))
        return Answer(2, _refusal(error.problems) if arguments.json else "", told)
    found = in_force(settings, raw)
    if arguments.json:
        rows = [setting._asdict() for setting in found]
        return Answer(0, as_json({"schema": SCHEMA, "valid": True, "settings": rows}))
    width = max(len(setting.path) for setting in found)
    origins = max(len(setting.origin) for setting in found)
    lines = [
        f"{path:{width}}  {origin:{origins}}  {'not set' if value is None else literal(value)}"
        for path, value, origin in found
    ]
    return Answer(0, "\n".join(lines), "valid; midwatch check --explain PATH explains a setting")


def _explain(arguments: argparse.Namespace) -> Answer:
    found = find(arguments.explain)
    if not found:
        guess = nearest(arguments.explain, [row.path for row in rows()])
        hint = f'did you mean "{guess}"?' if guess else ""
        raise SettingsError([Problem(arguments.explain, "unknown setting", hint, help="midwatch settings")], "")
    if arguments.json:
        return Answer(0, as_json({"schema": SCHEMA, "settings": [row._asdict() for row in found]}))
    return Answer(0, "\n\n".join(explained(row) for row in found))


def _refusal(problems: Sequence[Problem]) -> str:
    told = [{"path": problem.path, "reason": problem.reason, "hint": problem.hint} for problem in problems]
    return as_json({"schema": SCHEMA, "valid": False, "problems": told})
