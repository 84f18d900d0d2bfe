"""CSV (RFC 4180) whose cells are nothing but text."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, BinaryIO, Final

from ...picture.words import clean
from .flat import NAMES, flat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .opened import Event

__all__ = ["cell", "write_csv"]

ACTIVE: Final = frozenset("=+-@\t\r\n|%＝＋－＠")
"""What makes a spreadsheet take a cell for a formula, or for the start of another one, if it comes first."""


def cell(value: str | float | None) -> str:
    """
    *value* as a cell that no spreadsheet acts on (CWE-1236, OWASP "CSV injection").

    Text that begins with something active gets an apostrophe before it; control characters and ends of lines are
    replaced. A number is left as it is.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    text = clean(value)
    begin = text.lstrip()[:1] or value[:1]
    return f"'{text}" if begin in ACTIVE or value[:1] in ACTIVE else text


def write_csv(events: Iterable[Event], out: BinaryIO) -> int:
    """Write a head and *events*; how many there were."""
    text = io.TextIOWrapper(out, "utf-8", "replace", newline="", write_through=True)
    try:
        rows = csv.writer(text, lineterminator="\r\n")
        rows.writerow(NAMES)
        count = 0
        for count, event in enumerate(events, 1):  # noqa: B007 - counts them
            found = flat(event)
            rows.writerow([cell(found[name]) for name in NAMES])
        return count
    finally:
        text.detach()
