"""`midwatch errors`: the errors in some logs, grouped."""

from __future__ import annotations

import shlex
import shutil
import sys
from typing import TYPE_CHECKING, Final

from ..errors.history import Groups, seen_in
from ..errors.history.details import described, document
from ..errors.history.table import table
from ..picture.screen import Screen
from ..picture.sources import Sources
from ..picture.words import clean, counted
from ..settings import Problem
from .answer import SCHEMA, Answer, as_json, has_colour, refused
from .progress import Progress
from .values import count, moment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from ..errors.history import Group, Seen
    from .parser import Commands

__all__ = ["add_to"]

HELP: Final = "midwatch errors --help"

KNOWN: Final = 5
"""Groups that an ambiguous fingerprint is answered with."""


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch errors app.log app.log.1.gz --since 1h\n  midwatch errors app.log --by count --limit 5\n"
    examples += "  midwatch errors app.log --fingerprint 8c5cdda4\n  kubectl logs deploy/shop | midwatch errors -"
    about = (
        "Groups the unhandled exceptions in JSON logs by their fingerprints. Reads lines of the logger\nmidwatch.error"
    )
    about += (
        " by the names of any log.fields, among any others, plain or gzipped. Ends with 1 if there are\nany, 0 if not."
    )
    errors = commands.add_parser("errors", help="group the errors in logs", description=about, examples=examples)
    errors.add_argument("files", nargs="+", metavar="FILE", help="JSON logs, or - for stdin")
    errors.add_argument("--fingerprint", metavar="PREFIX", help="show the group whose fingerprint begins so")
    errors.add_argument(
        "--since", type=moment, default=0, metavar="AGE", help="only later ones: 90s, 15m, 1h, 2d, a time"
    )
    errors.add_argument("--by", choices=("last", "count"), default="last", help="what the table is sorted by")
    errors.add_argument("--limit", type=count, default=20, metavar="N", help="rows of the table (default 20)")
    errors.add_argument("--json", action="store_true", help="for programs")
    errors.set_defaults(run=_errors)


class _Reader:
    """Occurrences in some files; `broken` counts the lines that should tell of one and cannot be read."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.broken = 0

    def occurrences(self) -> Iterator[Seen]:
        for found in Progress(sys.stderr).through(self._sources.documents()):
            try:
                seen = seen_in(found)
            except ValueError:
                self.broken += 1
            else:
                if seen is not None:
                    yield seen


def _errors(arguments: argparse.Namespace) -> Answer:
    with Sources(arguments.files, once=True) as sources:
        reader = _Reader(sources)
        try:
            groups = Groups(reader.occurrences(), arguments.fingerprint or "", arguments.since)
        except OSError as error:
            return refused(Problem(sources.name, error.strerror or str(error), help=HELP))
    words = list(_losses(reader, sources, groups))
    if arguments.fingerprint is not None and len(groups) > 1:
        known = tuple(clean(group.fingerprint) for group in reversed(groups.latest(KNOWN)))
        wanted = f"--fingerprint {clean(arguments.fingerprint[:40])}"
        told = refused(Problem(wanted, f"{counted(len(groups), 'group')} begin so", known=known)).words
        return Answer(1, "", "\n".join([told, *words]))
    shown = groups.most(arguments.limit) if arguments.by == "count" else groups.latest(arguments.limit)
    code = 1 if shown else 0
    if arguments.json:
        out = as_json(_document(shown, groups, reader, sources, stack=arguments.fingerprint is not None))
        return Answer(code, out, "\n".join(words))
    if not shown:
        where = clean(", ".join(arguments.files))
        return Answer(
            code, "", "\n".join([f"{where}: no {'such error' if arguments.fingerprint else 'error in it'}", *words])
        )
    if arguments.fingerprint is not None:
        return Answer(code, described(shown[0], _screen()), "\n".join([*words, *_next(shown[0], arguments.files)]))
    order = "most frequent" if arguments.by == "count" else "latest"
    total = f"the {order} {len(shown)} of {counted(len(groups), 'group')}, {counted(groups.occurrences, 'error')}"
    hint = "midwatch errors --fingerprint GROUP shows one"
    return Answer(code, table(shown, groups.digits(), _screen()), "\n".join([*words, f"{total}; {hint}"]))


def _losses(reader: _Reader, sources: Sources, groups: Groups) -> Iterator[str]:
    if reader.broken:
        yield f"{counted(reader.broken, 'line')} of errors could not be read"
    if sources.cut:
        yield f"{counted(sources.cut, 'line')} too long, and left out"
    if sources.torn:
        yield f"{counted(sources.torn, 'compressed file')} damaged or cut off; what came before was read"
    if groups.forgotten:
        yield f"{counted(groups.forgotten, 'group')} too many, and forgotten: the oldest and rarest"


def _document(shown: Sequence[Group], groups: Groups, reader: _Reader, sources: Sources, *, stack: bool) -> object:
    lost = {"broken": reader.broken, "too_long": sources.cut, "torn_files": sources.torn, "forgotten": groups.forgotten}
    # The one that matters most comes last in a table, and first here.
    told = [document(group, stack=stack) for group in reversed(shown)]
    return {"schema": SCHEMA, "errors": groups.occurrences, "of": len(groups), "lost": lost, "groups": told}


def _next(group: Group, files: Sequence[str]) -> Iterator[str]:
    """What to run next: request lines of the same log make a picture of the trace."""
    latest = group.latest
    if latest.trace_id and latest.drawn:
        names = "FILE..." if "-" in files else clean(shlex.join(files))
        yield f"midwatch trace --id {latest.trace_id} {names if len(names) < 80 else 'FILE...'} draws its last request"


def _screen() -> Screen:
    width = shutil.get_terminal_size((100, 24)).columns
    return Screen(width, has_colour(sys.stdout), getattr(sys.stdout, "encoding", None) or "utf-8")
