"""Bars of characters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .waterfall import Row

__all__ = ["EIGHTHS", "blocks", "signs"]

EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
"""No to eight eighths of a column, from the left."""


def blocks(row: Row, width: int) -> tuple[int, str]:
    """The column where the bar of *row* begins, and the bar, to an eighth of a column; never invisible."""
    first = min(round(row.offset * width * 8), width * 8 - 1)
    end = min(max(round((row.offset + row.length) * width * 8), first + 1), width * 8)
    column, within = divmod(first, 8)
    if end <= column * 8 + 8:
        # On the right of a column stand only a half and an eighth.
        return column, EIGHTHS[end - first] if within < 4 else "▐" if end - first > 2 else "▕"
    fill = "▒" if len(row.spans) > 1 else "█"
    head = fill if within < 2 else "▐" if within < 6 else "▕"
    full, part = divmod(end - column * 8 - 8, 8)
    return column, head + fill * full + (EIGHTHS[part] if part else "")


def signs(row: Row, width: int) -> tuple[int, str]:
    """The same in ASCII, to a whole column."""
    start = min(int(row.offset * width), width - 1)
    end = min(max(round((row.offset + row.length) * width), start + 1), width)
    return start, ("=" if len(row.spans) > 1 else "#") * (end - start)
