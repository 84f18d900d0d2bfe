"""`midwatch audit prune`: removing old events, with a record that proves what is left."""

from __future__ import annotations

import sys
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING

from ...audit.prune import prune
from ...audit.query.stats import DAY
from ...audit.reading import operator
from ...picture.words import clean, counted
from ...picture.words import moment as written
from ..answer import Answer
from ..values import moment
from . import where
from .verify import Bar

if TYPE_CHECKING:
    import argparse

    from ..parser import Commands

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch audit prune audit.db --before 400d --policy DP-7 --export old.jsonl.gz --yes\n"
    examples += "  midwatch audit prune --settings orders.config:MIDWATCH --yes"
    about = (
        "Removes what a checkpoint from before then covers. First it is verified, and written to --export; then\n"
        "a record says who removed what, so that the rest still verifies. It cannot be undone."
    )
    pruning = commands.add_parser("prune", help="remove old events", description=about, examples=examples)
    where.add_options(pruning, records=False)
    pruning.add_argument("--before", type=moment, metavar="AGE", help="400d, a time; by default audit.retention")
    pruning.add_argument("--policy", default="retention", metavar="TEXT", help="why, for the record")
    pruning.add_argument("--export", type=Path, metavar="FILE", help="a new file for what is removed (gzip)")
    pruning.add_argument("--yes", action="store_true", help="do it")
    pruning.set_defaults(run=where.answered(_prune))


def _prune(arguments: argparse.Namespace) -> Answer:
    url, before = where.store_url(arguments), _before(arguments)
    if not arguments.yes:
        raise where.refusal("prune", f"would remove events from before {written(before)}", "--yes removes them")
    bar = Bar(sys.stderr)
    with where.opened(url, read_only=False) as store:
        try:
            gone = prune(
                store, before=before, actor=operator(), policy=arguments.policy, export=arguments.export,
                progress=bar.show,
            )  # fmt: skip
        except OSError as error:
            raise where.refusal(clean(str(arguments.export)), error.strerror or str(error)) from None
        finally:
            bar.end()
    return Answer(0, "", f"{counted(gone.events, 'event')} of {counted(gone.streams, 'stream')} removed")


def _before(arguments: argparse.Namespace) -> int:
    if arguments.before is not None:
        before: int = arguments.before
        return before
    audit = None if arguments.settings is None else where.settings_of(arguments.settings).audit
    if audit is None or audit.retention is None:
        raise where.refusal(
            "--before", "from before when? Nothing says how long to keep", "midwatch audit prune --help"
        )
    return max(time_ns() - audit.retention * DAY, 1)
