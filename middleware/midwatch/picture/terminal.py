"""The waterfall in a terminal, or in a file of plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .bar import blocks, signs
from .screen import colour_of
from .verdict import fate, verdict
from .words import columns, counted, duration, fit, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .screen import Screen
    from .waterfall import Row, Waterfall

__all__ = ["draw"]

NARROWEST: Final = 60
WIDEST: Final = 240
"""Columns of a picture; beyond, the eye does not find the bar that belongs to a name."""

LEAST: Final = 10
"""Columns of the bars, whatever else has to be cut."""

APART: Final = 12
"""Columns between two ticks, at least."""

GAPS: Final = 8
"""Columns between the five: name, service, duration, bar, verdict."""

COLOURS: Final = ("36", "35", "34", "32", "96", "95", "94", "92")
"""Of services, in the order of their appearance. Red and yellow are for trouble."""


def draw(waterfall: Waterfall, screen: Screen) -> str:
    """The picture, without a newline at its end."""
    drawing = _Drawing(waterfall, screen)
    return "\n".join([*drawing.head(), drawing.axis(), *drawing.lines()])


class _Drawing:
    """One picture: the widths of its columns, and what stands in them."""

    def __init__(self, waterfall: Waterfall, screen: Screen) -> None:
        self._waterfall = waterfall
        self._screen = screen
        self._colours = {name: COLOURS[at % len(COLOURS)] for at, name in enumerate(waterfall.services)}
        width = min(max(screen.width, NARROWEST), WIDEST)
        self._names = list(self._all_names(waterfall.rows, width // 10))
        rows = [row for row in waterfall.rows if row.spans]
        self._service = min(_widest([screen.clean(name) for name in waterfall.services]), width // 6)
        self._lasted = _widest([screen.plain(duration(row.lasted)) for row in rows])
        self._verdict = min(_widest([self._said(row) for row in rows]), width // 5)
        spare = width - self._service - self._lasted - self._verdict - GAPS
        named = [name for row, name in zip(waterfall.rows, self._names, strict=True) if row.spans]
        self._name = max(min(_widest(named), spare - LEAST, width * 2 // 5), LEAST)
        self._bar = max(spare - self._name, LEAST)
        ticks = waterfall.ticks(max(self._bar // APART, 2))
        self._ticks = [(min(int(at * self._bar), self._bar - 1), words) for at, words in ticks]

    def head(self) -> Iterator[str]:
        """What it is a picture of."""
        waterfall, ink = self._waterfall, self._screen.ink
        spans, services = waterfall.trace.spans, waterfall.services
        took, worst = self._screen.plain(duration(waterfall.length)), fate(spans.values())
        start = moment(waterfall.start).replace("T", " ").replace("Z", " UTC")
        facts = [start, took, counted(len(services), "service"), counted(len(spans), "span")]
        between = self._screen.plain(" · ")
        yield ink("1", f"trace {waterfall.trace.id}")
        yield ink("2", between.join(fact for fact in facts if fact) + between) + ink(colour_of(worst), worst)
        yield ""

    def axis(self) -> str:
        """The times above the bars."""
        axis = ""
        for column, words in self._ticks:
            words = self._screen.plain(words)
            column = min(column, self._bar - len(words))
            if column > len(axis) or not axis:
                axis += " " * (column - len(axis)) + words
        return " " * (self._name + self._service + self._lasted + 6) + self._screen.ink("2", axis)

    def lines(self) -> Iterator[str]:
        """A line for each row."""
        for row, name in zip(self._waterfall.rows, self._names, strict=True):
            yield self._line(row, name) if row.spans else self._screen.ink("2", name)

    def _line(self, row: Row, name: str) -> str:
        ink, ellipsis, span = self._screen.ink, self._screen.plain("…"), row.spans[0]
        trouble, colour = colour_of(span.outcome), self._colours[span.service or "?"]
        cells = [
            ink(trouble, fit(name, self._name, ellipsis)),
            ink(colour, fit(self._screen.clean(span.service) or "?", self._service, ellipsis)),
            self._screen.plain(duration(row.lasted)).rjust(self._lasted),
            self._drawn(row, trouble or (f"2;{colour}" if span.kind == "client" else colour)),
            ink(trouble or "2", fit(self._said(row), self._verdict, ellipsis).rstrip()),
        ]
        return "  ".join(cells).rstrip()

    def _drawn(self, row: Row, colour: str) -> str:
        """The bar, between the lines that come down from the ticks."""
        start, bar = (blocks if self._screen.blocks else signs)(row, self._bar)
        ticks = {column for column, _ in self._ticks} if self._screen.blocks else set()
        ground = "".join("┊" if at in ticks else " " for at in range(self._bar))
        end = start + len(bar)
        ink = self._screen.ink
        return ink("2", ground[:start]) + ink(colour, bar) + ink("2", ground[end:])

    def _all_names(self, rows: Sequence[Row], deepest: int) -> Iterator[str]:
        """Names behind the branches of the tree, down to *deepest*; from there on, the depth is a number."""
        fork, corner, pipe = ("├ ", "└ ", "│ ") if self._screen.blocks else ("|-", "`-", "| ")
        pipes: list[str] = []
        for row in rows:
            name = self._screen.clean(row.spans[0].label) if row.spans else row.note
            name = self._screen.plain(f"{len(row.spans)} × ") + name if len(row.spans) > 1 else name
            if row.depth > deepest:
                yield "".join(pipes) + self._screen.plain(f"⋯{row.depth} ") + name
                continue
            del pipes[max(row.depth - 1, 0) :]
            yield "".join(pipes) + ((corner if row.last else fork) if row.depth else "") + name
            if row.depth:
                pipes.append("  " if row.last else pipe)

    def _said(self, row: Row) -> str:
        """What came of it, with a mark that needs no colour."""
        said = self._screen.clean(verdict(row))
        return self._screen.plain(f"✗ {said}" if row.spans[0].outcome == "error" else said)


def _widest(texts: Sequence[str]) -> int:
    return max(map(columns, texts), default=0)
