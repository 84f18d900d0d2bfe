"""`midwatch audit export`: events for other programs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...audit.export import FORMATS, Event, exporter
from ...picture.words import counted
from ..answer import Answer
from . import asked, where

if TYPE_CHECKING:
    import argparse
    from typing import BinaryIO

    from ..parser import Commands

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch audit export audit.db --since 30d > events.jsonl\n"
    examples += "  midwatch audit export audit.db --format csv --output events.csv\n"
    examples += "  midwatch audit export audit.db --format ocsf --actor u42"
    about = (
        "jsonl: as it is kept. csv: cells that no spreadsheet runs. parquet: the same, typed (needs pyarrow).\n"
        "ocsf: API Activity, class 6003. cadf: DMTF DSP0262."
    )
    export = commands.add_parser("export", help="events for other programs", description=about, examples=examples)
    where.add_options(export)
    asked.add_options(export)
    export.add_argument("--format", choices=FORMATS, default="jsonl", help="default jsonl")
    export.add_argument("--output", type=Path, metavar="FILE", help="made, mode 0600; by default stdout")
    export.set_defaults(run=where.answered(_export))


def _export(arguments: argparse.Namespace) -> Answer:
    try:
        write = exporter(arguments.format)
    except ValueError as error:
        raise where.refusal("--format", str(error)) from None
    if arguments.output is None and arguments.format == "parquet" and sys.stdout.isatty():
        raise where.refusal("--output", "parquet is nothing for a terminal", "midwatch audit export --help")
    wanted = asked.wanted(arguments)
    with where.reading(arguments, wanted, "export") as (trail, words):
        try:
            with _output(arguments.output) as out:
                count = write(map(Event, trail.events(wanted)), out)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise where.refusal(str(arguments.output or "stdout"), error.strerror or str(error)) from None
    return Answer(0, "", "\n".join(filter(None, [words, f"{counted(count, 'event')} exported"])))


def _output(path: Path | None) -> BinaryIO:
    if path is None:
        return open(sys.stdout.fileno(), "wb", closefd=False)
    # What is there is not written over: it may be evidence, or a link to something else.
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return open(fd, "wb")  # noqa: PTH123
