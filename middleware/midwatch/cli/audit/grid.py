"""A table on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...picture.words import columns, fit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...picture.screen import Screen

__all__ = ["grid"]

LEAST = 8
"""Columns that a cell keeps, however narrow the terminal is."""


def grid(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    screen: Screen,
    *,
    right: frozenset[str] = frozenset(),
    whole: frozenset[str] = frozenset(),
    ink: Callable[[int, str], str] | None = None,
) -> str:
    """
    *rows* under *head*, as wide as the screen at most: the widest columns give way.

    Args:
        head: Names of the columns.
        rows: Clean text.
        screen: What it is drawn on.
        right: Columns of numbers.
        whole: Columns that do not give way.
        ink: Code of the colour of a cell, by the number of its column and its text.
    """
    widths = [max(map(columns, column)) for column in zip(head, *rows, strict=True)]
    room = screen.width - 2 * (len(head) - 1)
    narrows = [at for at, name in enumerate(head) if name not in whole]
    while sum(widths) > room:
        widest = max(narrows, key=widths.__getitem__)
        if widths[widest] <= LEAST:
            break
        widths[widest] = max(LEAST, widths[widest] - max(1, (sum(widths) - room) // 2))
    lines = [screen.ink("2", "  ".join(_cells(head, head, widths, right, screen)).rstrip())]
    for row in rows:
        cells = _cells(row, head, widths, right, screen)
        if ink is not None:
            cells = [screen.ink(ink(at, row[at]), cell) for at, cell in enumerate(cells)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _cells(
    row: Sequence[str], head: Sequence[str], widths: Sequence[int], right: frozenset[str], screen: Screen
) -> list[str]:
    ellipsis = screen.plain("…")
    return [
        text.rjust(width) if name in right and columns(text) <= width else fit(text, width, ellipsis)
        for name, text, width in zip(head, row, widths, strict=True)
    ]
