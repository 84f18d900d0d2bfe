"""All groups as a table, the one that matters most last, where a person looks first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...picture.words import columns, fit, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...picture.screen import Screen
    from .groups import Group

__all__ = ["table"]

HEAD: Final = ("group", "count", "last", "first", "error", "route", "culprit")

COUNT: Final = HEAD.index("count")

LEAST: Final = 40
"""Columns of the last three together, whatever the screen."""


def table(groups: Sequence[Group], digits: int, screen: Screen) -> str:
    """*groups*, in this order, by the first *digits* characters of their names; without a newline at its end."""
    rows = [_row(group, digits, screen) for group in groups]
    widths = [max(columns(row[at]) for row in (HEAD, *rows)) for at in range(len(HEAD))]
    # Where it is too wide, route and culprit give way first, each to a quarter of what there is.
    spare = max(screen.width - sum(widths[:-3]) - 2 * (len(HEAD) - 1), LEAST)
    for at in (-1, -2):
        widths[at] = min(widths[at], max(spare // 4, spare - sum(widths[-3:]) + widths[at]))
    widths[-3] = min(widths[-3], spare - widths[-2] - widths[-1])
    lines = [screen.ink("2", _line(HEAD, widths, screen)), *(_line(row, widths, screen) for row in rows)]
    return "\n".join(lines)


def _row(group: Group, digits: int, screen: Screen) -> tuple[str, ...]:
    latest = group.latest
    routes = sorted(group.routes, key=group.routes.__getitem__, reverse=True)
    route = screen.clean(routes[0]) if routes else "" if latest.where == "request" else screen.clean(latest.where)
    if len(routes) > 1:
        route += f" +{len(routes) - 1}"
    return (
        screen.clean(group.name[:digits]),
        str(group.count),
        _minute(group.last),
        _minute(group.first),
        screen.clean(latest.title),
        route,
        screen.clean(latest.culprit),
    )


def _line(row: Sequence[str], widths: Sequence[int], screen: Screen) -> str:
    ellipsis = screen.plain("…")
    cells = [
        text.rjust(width) if at == COUNT else fit(text, width, ellipsis)
        for at, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _minute(time: int) -> str:
    """Without the year: the room is needed, and logs are not kept that long."""
    return moment(time).replace("T", " ")[5:16] or "unknown"
