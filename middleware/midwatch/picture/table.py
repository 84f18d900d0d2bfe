"""All traces as a table, the newest last, where a person looks first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .screen import colour_of
from .words import columns, duration, fit, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .choose import Summary
    from .screen import Screen

__all__ = ["table"]

HEAD: Final = ("trace", "start", "duration", "spans", "outcome", "services", "name")

OUTCOME: Final = HEAD.index("outcome")

RIGHT: Final = frozenset({"duration", "spans"})
"""Columns of numbers."""


def table(traces: Sequence[Summary], digits: int, screen: Screen) -> str:
    """*traces*, by the first *digits* digits of their ids."""
    rows = [_row(trace, digits, screen) for trace in traces]
    widths = [max(columns(row[at]) for row in (HEAD, *rows)) for at in range(len(HEAD))]
    # Where it is too wide, the names give way, and the services to a third of what there is.
    spare = max(screen.width - sum(widths[:-2]) - 2 * (len(HEAD) - 1), 24)
    widths[-2] = min(widths[-2], max(spare // 3, spare - widths[-1]))
    widths[-1] = min(widths[-1], spare - widths[-2])
    lines = [screen.ink("2", "  ".join(_cells(HEAD, widths, screen)).rstrip())]
    for trace, row in zip(traces, rows, strict=True):
        cells = _cells(row, widths, screen)
        cells[OUTCOME] = screen.ink(colour_of(trace.outcome), cells[OUTCOME])
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _row(trace: Summary, digits: int, screen: Screen) -> tuple[str, ...]:
    start = moment(trace.start).replace("T", " ")[:23] or "unknown"
    services = screen.clean(", ".join(trace.services))
    took = screen.plain(duration(trace.duration))
    return trace.id[:digits], start, took, str(trace.spans), trace.outcome, services, screen.clean(trace.name)


def _cells(row: Sequence[str], widths: Sequence[int], screen: Screen) -> list[str]:
    ellipsis = screen.plain("…")
    return [
        text.rjust(width) if name in RIGHT else fit(text, width, ellipsis)
        for name, text, width in zip(HEAD, row, widths, strict=True)
    ]
