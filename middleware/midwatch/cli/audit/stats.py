"""`midwatch audit stats`: how much happened, and who did most of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ...picture.words import clean
from ..answer import SCHEMA, Answer, as_json
from ..values import count
from . import asked, where
from .figures import figures, summary
from .rows import screen

if TYPE_CHECKING:
    import argparse

    from ...audit.query import Stats, Trail
    from ...audit.stores import Filter
    from ..parser import Commands

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch audit stats audit.db --since 30d\n  midwatch audit stats audit.db --html report.html\n"
    examples += "  midwatch audit stats audit.db --actor u42 --json"
    stats = commands.add_parser("stats", help="how much happened, and who did most of it", examples=examples)
    where.add_options(stats)
    asked.add_options(stats)
    stats.add_argument("--top", type=count, default=10, metavar="N", help="rows of a table (default 10)")
    form = stats.add_mutually_exclusive_group()
    form.add_argument("--html", type=Path, metavar="FILE", help="a page of it, with the findings; mode 0600")
    form.add_argument("--json", action="store_true", help="for programs")
    stats.set_defaults(run=where.answered(_stats))


def _stats(arguments: argparse.Namespace) -> Answer:
    wanted = asked.wanted(arguments)
    with where.reading(arguments, wanted, "stats") as (trail, words):
        found = trail.stats(wanted, top=arguments.top)
        if arguments.html is not None:
            _write(arguments.html, _page(trail, found, wanted))
    words = "\n".join(filter(None, [words, summary(found)]))
    if arguments.html is not None:
        return Answer(0, clean(str(arguments.html)), words)
    if arguments.json:
        return Answer(0, as_json({"schema": SCHEMA, **found.as_dict()}), words)
    return Answer(0, figures(found, screen()) if found.total.events else "", words)


def _page(trail: Trail, found: Stats, wanted: Filter) -> str:
    from ...audit.html.report import page  # noqa: PLC0415 - nothing else needs it

    return page(found, trail.findings(wanted), f"Audit trail {trail.store.name}")


def _write(path: Path, text: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
    except OSError as error:
        raise where.refusal(str(path), error.strerror or str(error)) from None
