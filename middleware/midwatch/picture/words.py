"""Numbers, and what strangers wrote, as a person may see them."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["clean", "columns", "counted", "duration", "fit", "moment"]

UNITS: Final = ((60_000_000_000, "min"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns"))

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

HIDDEN: Final = "\N{REPLACEMENT CHARACTER}"


def clean(text: str, *, lines: bool = False) -> str:
    """
    *text* without what a terminal or a page would act on: control characters, directions, halves of characters.

    Args:
        lines: Whether it may have more than one line.
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(c if c.isprintable() or c in kept else " " if c.isspace() else HIDDEN for c in text)


def duration(nanoseconds: int, like: int | None = None) -> str:
    """*nanoseconds* in three digits or so; if *like* is given, exactly, in the unit of that."""
    if like is not None:
        # Ticks are decimal, and minutes are not.
        size, unit = next(((size, unit) for size, unit in UNITS[1:] if like >= size), UNITS[-1])
        return f"{nanoseconds / size:.10g} {unit}" if nanoseconds else "0"
    # 999.6 ms are 1.00 s.
    size, unit = next(((size, unit) for size, unit in UNITS if nanoseconds >= size * 0.9995), UNITS[-1])
    value = nanoseconds / size
    if unit == "min":
        seconds = round(nanoseconds / 1_000_000_000)
        return f"{seconds // 60} min {seconds % 60:02} s" if seconds < 60_000 else f"{seconds // 60} min"
    if unit == "ns":
        return f"{nanoseconds} ns"
    return f"{value:.2f} {unit}" if value < 9.995 else f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def moment(nanoseconds: int) -> str:
    """A time since the epoch as RFC 3339, UTC, microseconds; empty if there is none."""
    try:
        found = EPOCH + timedelta(microseconds=nanoseconds // 1_000)
    except OverflowError:
        return ""
    return f"{found.replace(tzinfo=None).isoformat(timespec='microseconds')}Z" if nanoseconds else ""


def counted(number: int, noun: str) -> str:
    """`1 span`, `2 spans`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}".replace(",", " ")


def columns(text: str) -> int:
    """How many columns of a terminal *text* takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, width: int, ellipsis: str = "…") -> str:
    """*text* in exactly *width* columns."""
    taken = columns(text)
    if taken > width:
        kept: list[str] = []
        room = max(width - len(ellipsis), 0)
        for character in text:
            room -= _width(character)
            if room < 0 or len(kept) > 4 * width:
                break
            kept.append(character)
        text = ("".join(kept) + ellipsis)[:width] if width < len(ellipsis) else "".join(kept) + ellipsis
        taken = columns(text)
    return text + " " * (width - taken)
