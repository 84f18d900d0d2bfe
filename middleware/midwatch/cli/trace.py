"""`midwatch trace`: the picture of one trace, out of the files of any number of services."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..picture.choose import Index
from ..picture.document import summaries, whole
from ..picture.page import START, page
from ..picture.read import Reader
from ..picture.screen import Screen
from ..picture.sources import Sources
from ..picture.table import table
from ..picture.terminal import draw
from ..picture.trace import Trace
from ..picture.waterfall import lay_out
from ..picture.words import clean, counted
from ..settings import Problem
from .answer import SCHEMA, Answer, as_json, has_colour, refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..picture.choose import Summary
    from .parser import Commands

__all__ = ["add_to"]

HELP: Final = "midwatch trace --help"

SHOWN: Final = 5
"""Traces that an ambiguous id is answered with."""


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch trace shop.spans.jsonl stock.spans.jsonl\n  midwatch trace *.log.jsonl --list\n"
    examples += "  midwatch trace spans.jsonl --id 4bf92f35 --html trace.html"
    about = "Draws one trace as a waterfall: the last that failed, else the slowest. Reads OTLP JSON lines, Zipkin v2"
    about += "\nlists and JSON request logs, mixed as you like. A trace failed if a request in any service did; it is"
    about += "\nas slow as its longest span."
    trace = commands.add_parser("trace", help="draw one trace of some files", description=about, examples=examples)
    trace.add_argument("files", nargs="+", metavar="FILE", help="files of spans or request lines, or - for stdin")
    which = trace.add_mutually_exclusive_group()
    which.add_argument("--id", metavar="PREFIX", help="the trace whose id begins so")
    which.add_argument("--slowest", action="store_true", help="the trace with the longest span")
    which.add_argument("--failed", action="store_true", help="the last that failed")
    which.add_argument("--list", action="store_true", help="a table of all traces, the newest last")
    trace.add_argument("--limit", type=_count, default=20, metavar="N", help="rows of the table (default 20)")
    form = trace.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--html", metavar="PAGE", help="write a page that needs nothing else")
    trace.set_defaults(run=_trace)


def _count(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or not int(text[:9]):
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text[:40]!r}")
    return int(text[:9])


def _trace(arguments: argparse.Namespace) -> Answer:
    if arguments.html and arguments.list:
        return refused(Problem("midwatch trace", "argument --html: not allowed with argument --list", help=HELP))
    with Sources(arguments.files) as sources:
        try:
            return _drawn(sources, arguments)
        except OSError as error:
            return refused(Problem(sources.name, error.strerror or str(error), help=HELP))


def _drawn(sources: Sources, arguments: argparse.Namespace) -> Answer:
    """
    Choose a trace, collect it, show it.

    Raises:
        OSError: a file cannot be read.
    """
    reader = Reader(sources)
    index = Index(reader.spans(), arguments.id or "")
    words = list(_losses(reader, sources, index))
    if arguments.list:
        return _listed(index, arguments, words)
    found = _chosen(index, arguments)
    if isinstance(found, Problem):
        return _nothing(found, words)
    return _shown(Trace(found.id, reader.spans(found.id)), index, arguments, words)


def _losses(reader: Reader, sources: Sources, index: Index) -> Iterator[str]:
    if reader.broken:
        what = "line or span" if reader.broken == 1 else "lines or spans"
        yield f"{reader.broken} {what} could not be read"
    if sources.cut:
        yield f"{counted(sources.cut, 'line')} too long, and left out"
    if sources.torn:
        yield f"{counted(sources.torn, 'compressed file')} damaged or cut off; what came before was read"
    if index.forgotten:
        yield f"{counted(index.forgotten, 'trace')} too many, and forgotten: the oldest"


def _chosen(index: Index, arguments: argparse.Namespace) -> Summary | Problem:
    """The trace that was asked for, or why there is none."""
    if arguments.id is not None:
        wanted, ids = f"--id {clean(arguments.id[:40])}", tuple(summary.id for summary in index.first(SHOWN))
        if not ids:
            return Problem(wanted, "no such trace", help="midwatch trace --list FILE...")
        if len(index) > 1:
            return Problem(wanted, f"{counted(len(index), 'trace')} begin so", known=ids)
        return index.first(1)[0]
    if not len(index):
        return Problem(", ".join(arguments.files), "no trace in it")
    failed = None if arguments.slowest else index.last_failed()
    found = failed if arguments.failed else failed or index.slowest()
    return found or Problem("--failed", f"none of {counted(len(index), 'trace')} did")


def _nothing(problem: Problem, words: Sequence[str]) -> Answer:
    told = refused(problem).words
    return Answer(1, "", "\n".join([told, *words]))


def _listed(index: Index, arguments: argparse.Namespace, words: Sequence[str]) -> Answer:
    traces = index.newest(arguments.limit)
    if not traces:
        return _nothing(Problem(", ".join(arguments.files), "no trace in it"), words)
    if arguments.json:
        out = as_json({"schema": SCHEMA, "traces": summaries(traces)})
        return Answer(0, out, "\n".join(words))
    more = f"the newest {len(traces)} of {counted(len(index), 'trace')}"
    hint = "midwatch trace --id TRACE draws one"
    return Answer(0, table(traces, index.digits(), _screen()), "\n".join([*words, f"{more}; {hint}"]))


def _shown(trace: Trace, index: Index, arguments: argparse.Namespace, words: Sequence[str]) -> Answer:
    if not trace.spans:
        return _nothing(Problem(f"trace {trace.id}", "its file changed while it was read"), words)
    waterfall = lay_out(trace)
    told = [*waterfall.remarks, *words]
    if arguments.json:
        return Answer(0, as_json({"schema": SCHEMA, **whole(waterfall)}), "\n".join(told))
    if arguments.html:
        return _written(page(waterfall), arguments.html, told)
    if arguments.id is None and len(index) > 1:
        why = "the last that failed" if index.last_failed() and not arguments.slowest else "the slowest"
        told.append(f"{why} of {counted(len(index), 'trace')}; midwatch trace --list shows them")
    return Answer(0, draw(waterfall, _screen()), "\n".join(told))


def _written(text: str, name: str, words: Sequence[str]) -> Answer:
    """The page goes into a file, but never over one that is something else: `--html` is easily given a span file."""
    if name == "-":
        # Whatever standard output can carry, a page of ASCII says the same.
        return Answer(0, text.encode("ascii", "xmlcharrefreplace").decode().rstrip("\n"), "\n".join(words))
    path = Path(name)
    try:
        if path.is_file():
            with path.open("rb") as file:
                if file.read(len(START)) not in {b"", START.encode()}:
                    return refused(Problem(name, "exists and is no page of a trace; nothing was written", help=HELP))
        path.write_text(text, "utf-8")
    except OSError as error:
        return refused(Problem(name, error.strerror or str(error), help=HELP))
    return Answer(0, "", "\n".join([*words, f"wrote {name}"]))


def _screen() -> Screen:
    width = shutil.get_terminal_size((100, 24)).columns
    return Screen(width, has_colour(sys.stdout), getattr(sys.stdout, "encoding", None) or "utf-8")
