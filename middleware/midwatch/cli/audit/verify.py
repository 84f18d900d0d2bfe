"""`midwatch audit verify`: whether the trail is as it was written."""

from __future__ import annotations

import sys
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Final

from ...audit.anchors import read
from ...audit.keys import load_verifier
from ...audit.stores import StoreError
from ...audit.verify import verify_store
from ...picture.words import clean
from ..answer import SCHEMA, Answer, as_json
from ..values import moment
from . import lines, where

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import TextIO

    from ...audit.anchors import Published
    from ..parser import Commands

__all__ = ["add_to"]

OFTEN: Final = 0.2
"""Seconds between two states of the bar."""

BAR: Final = 30


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch audit verify audit.jsonl\n  midwatch audit verify --json audit.jsonl audit.jsonl.1\n"
    examples += "  midwatch audit verify audit.db --anchor /mnt/worm/orders.jsonl --key /etc/orders/audit.key.pub"
    about = (
        "Files of lines: the chains in them. A store: also its checkpoints, and with --anchor what was published\n"
        "of them elsewhere. Ends with 0 if it is sound, 1 if it was tampered with, 2 if that cannot be told."
    )
    verify = commands.add_parser("verify", help="whether it is as it was written", description=about, examples=examples)
    verify.add_argument("files", nargs="*", metavar="STORE|FILE", help="a store, files of events, or - for stdin")
    verify.add_argument("--settings", metavar="MODULE:NAME|FILE.json", help="settings that name the store, and its key")
    help_text = "published checkpoints: a file, logs that hold some, or the URL of a store"
    verify.add_argument("--anchor", action="append", default=[], metavar="FILE|URL", help=help_text)
    verify.add_argument("--key", action="append", default=[], metavar="FILE|env:NAME", help="a key that checkpoints"
                        " are signed with")  # fmt: skip
    verify.add_argument("--since", type=moment, metavar="AGE", help="only what is later: 1d, a time")
    verify.add_argument("--json", action="store_true", help="for programs")
    verify.set_defaults(run=where.answered(_verify))


def _verify(arguments: argparse.Namespace) -> Answer:
    asks_store = bool(arguments.anchor or arguments.key or arguments.since is not None or arguments.settings)
    names = arguments.files
    if names and not asks_store and not any("://" in name or _is_store(name) for name in names):
        return lines.verify_lines(names, as_json_=arguments.json)
    if len(names) > 1:
        raise where.refusal("STORE", "one store at a time", "midwatch audit verify --help")
    arguments.store = names[0] if names else None
    url = where.store_url(arguments)
    keys = [*arguments.key, *_key_of(arguments)]
    try:
        verifiers = [load_verifier(spec) for spec in keys]
    except ValueError as error:
        raise where.refusal("--key", str(error)) from None
    bar = Bar(sys.stderr)
    with where.opened(url) as store:
        try:
            verdict = verify_store(
                store,
                verifiers=verifiers,
                anchors=_anchors(arguments.anchor) if arguments.anchor else None,
                since=arguments.since,
                progress=bar.show,
            )
        except StoreError as error:
            raise where.refusal("STORE", str(error)) from None
        finally:
            bar.end()
    if arguments.json:
        return Answer(verdict.exit_code, as_json({"schema": SCHEMA, **verdict.as_dict()}))
    head, _, rest = clean(verdict.text(), lines=True).partition("\n")
    return Answer(verdict.exit_code, rest, head)


def _is_store(name: str) -> bool:
    return name != "-" and where.url_of(name).startswith("sqlite:")


def _key_of(arguments: argparse.Namespace) -> list[str]:
    """That of the settings, unless another one is named."""
    if arguments.settings is None or arguments.key:
        return []
    audit = where.settings_of(arguments.settings).audit
    return [] if audit is None or audit.key is None else [audit.key]


def _anchors(places: list[str]) -> Iterator[Published]:
    for place in places:
        try:
            yield from read(place)
        except OSError as error:
            raise where.refusal(place, error.strerror or str(error)) from None
        except (ValueError, StoreError) as error:
            raise where.refusal("--anchor", str(error)) from None


class Bar:
    """
    How far it is, in one line of a terminal that is gone in the end.

    Args:
        stream: Where to; nothing is said on what is no terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._say = partial(print, end="", file=stream, flush=True) if stream.isatty() else None
        self._due = monotonic() + OFTEN
        self._width = 0

    def show(self, done: int, total: int) -> None:
        """*done* of *total* events."""
        now = monotonic()
        if self._say is None or now < self._due:
            return
        self._due = now + OFTEN
        share = min(done / total, 1.0) if total > 0 else 0.0
        text = f"[{'#' * round(share * BAR):{BAR}}] {share:4.0%}  {done:,} of {total:,} events".replace(",", " ")
        self._say(f"\r{text:{self._width}}")
        self._width = max(self._width, len(text))

    def end(self) -> None:
        """Take it away."""
        if self._say is not None and self._width:
            self._say("\r" + " " * self._width + "\r")
