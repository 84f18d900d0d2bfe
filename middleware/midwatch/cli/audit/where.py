"""Which store a command is about, and how it is opened."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from ...audit.query import Trail
from ...audit.reading import Unrecorded, record
from ...audit.stores import StoreError, open_store
from ...settings import Problem, SettingsError
from ...settings.problem import render
from ..answer import Answer, has_colour
from ..given import given

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from ...audit.stores import Filter, Store
    from ...settings.schema import Settings

__all__ = ["Refusal", "add_options", "answered", "opened", "reading", "refusal", "settings_of", "store_url", "url_of"]

VARIABLE: Final = "MIDWATCH_AUDIT_STORE"

DATABASES: Final = frozenset({".db", ".sqlite", ".sqlite3"})

MAGIC: Final = b"SQLite format 3\0"


class Refusal(Exception):  # noqa: N818 - the answer to what cannot be done
    """It cannot be done; the text is for stderr."""


def answered(run: Callable[[argparse.Namespace], Answer]) -> Callable[[argparse.Namespace], Answer]:
    """*run*, with a refusal for what cannot be done."""

    def answer(arguments: argparse.Namespace) -> Answer:
        try:
            return run(arguments)
        except Refusal as refused:
            return Answer(2, "", str(refused))
        except StoreError as error:
            return Answer(2, "", str(refusal("STORE", str(error))))

    return answer


def add_options(parser: argparse.ArgumentParser, *, records: bool = True) -> None:
    """What names a store, and whether it has to be recorded that it is read."""
    parser.add_argument("store", nargs="?", metavar="STORE", help=f"URL or path; by default ${VARIABLE}")
    parser.add_argument("--settings", metavar="MODULE:NAME|FILE.json", help="settings that name the store")
    if records:
        help_text = "go on where reading cannot be recorded, as in a copy that is read-only"
        parser.add_argument("--no-record", action="store_true", help=help_text)


def settings_of(target: str) -> Settings:
    """
    The settings in *target*.

    Raises:
        Refusal: they cannot be read, or are wrong.
    """
    try:
        return given(target, "midwatch audit")[1]
    except SettingsError as error:
        raise Refusal(error.rendered(colour=has_colour(sys.stderr))) from None


def store_url(arguments: argparse.Namespace) -> str:
    """
    The URL of the store that is meant.

    Raises:
        Refusal: none is.
    """
    if arguments.store is not None:
        return url_of(arguments.store)
    if arguments.settings is not None:
        audit = settings_of(arguments.settings).audit
        if audit is not None and audit.store is not None:
            return audit.store
        if audit is not None and isinstance(audit.to, str) and audit.to.startswith("file:"):
            return audit.to
        raise refusal(arguments.settings, "names no store of an audit trail", "midwatch check --explain audit.store")
    told = os.environ.get(VARIABLE)
    if told:
        return url_of(told)
    raise refusal("STORE", f"which one? Name it, its --settings, or set {VARIABLE}", "midwatch audit --help")


def url_of(text: str) -> str:
    """*text* if it is a URL; for a path, the URL of what is there."""
    if "://" in text:
        return text
    path = Path(text).absolute()
    return f"{'sqlite:///' if _is_database(path) else 'file://'}{quote(str(path))}"


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            begin = file.read(len(MAGIC))
    except OSError:
        begin = b""
    return begin == MAGIC if begin else path.suffix in DATABASES


def refusal(what: str, reason: str, help_text: str = "") -> Refusal:
    """In the words of all problems."""
    return Refusal(render(Problem(what, reason, help=help_text), colour=has_colour(sys.stderr)))


@contextmanager
def opened(url: str, *, read_only: bool = True) -> Iterator[Store]:
    """
    The store of *url*, open.

    Raises:
        Refusal: it cannot be opened, or failed on the way.
    """
    try:
        store = open_store(url, read_only=read_only)
    except ValueError as error:
        raise refusal("STORE", str(error), "midwatch audit --help") from None
    try:
        store.open()
        try:
            yield store
        finally:
            store.close()
    except StoreError as error:
        raise refusal("STORE", str(error)) from None


@contextmanager
def reading(arguments: argparse.Namespace, wanted: Filter, command: str) -> Iterator[tuple[Trail, str]]:
    """
    The trail that *arguments* name, once it says who reads it; and words about that, if it does not.

    Raises:
        Refusal: it cannot be opened, or reading it cannot be recorded.
    """
    url = store_url(arguments)
    # First only looked at: the record would make a store where there is none.
    with opened(url) as store:
        _spare(store, url)
        words = recorded(url, wanted, command, anyway=arguments.no_record)
        yield Trail(store), words


def _spare(store: Store, url: str) -> None:
    """
    Leave a file alone that is something else, such as a log: the record of a reader has no business in it.

    Raises:
        Refusal: it is.
    """
    if not url.startswith("file:") or next(store.names(), None) is not None or store.streams():
        return
    with suppress(OSError):
        if not Path(unquote(urlsplit(url).path)).stat().st_size:
            return
        reason = f"{store.name}: no event of an audit trail in it; of lines in a log, midwatch audit verify tells"
        raise refusal("STORE", reason, "midwatch audit --help")


def recorded(url: str, wanted: Filter, command: str, *, anyway: bool) -> str:
    """
    Record that it is read; words if it cannot be.

    Raises:
        Refusal: it cannot be recorded, and nobody said that it is read *anyway*.
    """
    try:
        record(open_store(url), "audit.read", wanted, command=f"audit {command}")
    except Unrecorded as error:
        if anyway:
            return f"not recorded that it was read: {error}"
        reason = f"that it is read cannot be recorded: {error}"
        raise refusal("STORE", reason, "--no-record reads a copy that is read-only") from None
    return ""
