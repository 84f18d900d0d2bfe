"""Figures of a trail on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...picture.words import counted, moment
from .charts import bar, sparkline, week
from .grid import grid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...audit.query import Bucket, Stats, Tally
    from ...picture.screen import Screen

__all__ = ["figures", "summary"]

BAR: Final = 20
"""Columns of the longest bar."""

NUMBERS: Final = frozenset({"events", "denied", "failed"})

PARTS: Final = (("actors", "actor"), ("actions", "action"), ("resources", "resource"), ("addresses", "address"))


def figures(stats: Stats, screen: Screen) -> str:
    """*stats* as tables and charts, a blank line between each two."""
    parts = [_tallies("outcome", stats.outcomes, stats.total.events, screen)]
    for name, head in PARTS:
        found: tuple[Tally, ...] = getattr(stats, name)
        if found:
            parts.append(_tallies(_of(head, len(found), stats.distinct.get(name, 0)), found, found[0].events, screen))
    parts.append(_course("per hour", stats.hours, 13, screen))
    parts.append(_course("per day", stats.days, 10, screen))
    if any(stats.week):
        parts.append("\n".join([screen.ink("2", "by hour of the week, UTC"), *week(stats.week, screen)]))
    return "\n\n".join(filter(None, parts))


def _of(head: str, shown: int, all_of_them: int) -> str:
    return head if all_of_them <= shown else f"{head} ({shown} of {all_of_them})"


def _tallies(head: str, found: Sequence[Tally], most: int, screen: Screen) -> str:
    if not found:
        return ""
    most = max(most, 1) if head != "outcome" else max(tally.events for tally in found)
    rows = [
        (
            screen.clean(tally.name[:200]) or "unknown",
            f"{tally.events:,}".replace(",", " "),
            _share(tally.denied_ratio),
            _share(tally.failed_ratio),
            bar(tally.events, most, BAR, screen),
        )
        for tally in found
    ]
    return grid((head, "events", "denied", "failed", ""), rows, screen, right=NUMBERS, ink=_ink)


def _ink(at: int, text: str) -> str:
    return "33" if at == 2 and text else "31" if at == 3 and text else "36" if at == 4 else ""


def _share(ratio: float) -> str:
    """In percent; nothing for none, and never 0 for some."""
    if not ratio:
        return ""
    return f"{ratio:.1%}" if ratio >= 0.001 else "<0.1%"


def _course(head: str, buckets: Sequence[Bucket], digits: int, screen: Screen) -> str:
    if not buckets:
        return ""
    shown = list(buckets)[-max(screen.width - 20, 10) :]
    lines = [screen.ink("2", f"{head}, {_time(shown[0].start, digits)} to {_time(shown[-1].start, digits)}, UTC")]
    lines += _lines(shown, screen)
    return "\n".join(lines)


def _lines(shown: Sequence[Bucket], screen: Screen) -> Iterator[str]:
    for name, code in (("events", "36"), ("denied", "33"), ("failed", "31")):
        values = [getattr(bucket, name) for bucket in shown]
        if any(values):
            drawn = sparkline(values, len(values), screen)
            yield f"{name}  {screen.ink(code, drawn)}  at most {max(values):,}".replace(",", " ")


def _time(nanoseconds: int, digits: int) -> str:
    return moment(nanoseconds).replace("T", " ")[:digits] + (":00" if digits == 13 else "")


def summary(stats: Stats) -> str:
    """In a line."""
    if not stats.total.events or stats.first is None or stats.last is None:
        return "no such event"
    total = stats.total
    begin, end = (moment(one).replace("T", " ")[:19] for one in (stats.first, stats.last))
    denied, failed = _share(total.denied_ratio) or "none", _share(total.failed_ratio) or "none"
    return f"{counted(total.events, 'event')} from {begin} to {end}; {denied} denied, {failed} failed"
