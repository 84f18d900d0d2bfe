"""Bars and the week, as SVG and as a table: sizes are shares of what is drawn, so any width will do."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from ...picture.words import counted, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..query.stats import Bucket, Tally

__all__ = ["columns", "share", "week"]

GAP: Final = 0.15
"""Of the room of a column."""

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def columns(buckets: Sequence[Bucket], name: str) -> str:
    """*buckets* side by side: what went well at the bottom, failed and denied above it."""
    if not buckets:
        return "<p>Nothing has a time.</p>\n"
    top = max(bucket.events for bucket in buckets) or 1
    told = f"{name}: at most {counted(top, 'event')}"
    drawn = "".join(_column(at, bucket, top) for at, bucket in enumerate(buckets))
    axis = f"<span>{_when(buckets[0].start)}</span><span>at most {top:,}</span><span>{_when(buckets[-1].start)}</span>"
    return (
        f'<div class="chart"><svg viewBox="0 0 {len(buckets)} 100" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(told)}">{drawn}</svg><div class="axis">{axis}</div></div>\n'
    )


def _column(at: int, bucket: Bucket, top: int) -> str:
    title = f"{_when(bucket.start)}: {counted(bucket.events, 'event')}, {bucket.denied} denied, {bucket.failed} failed"
    return f"<g><title>{title}</title>{''.join(_parts(at, bucket, top))}</g>"


def _parts(at: int, bucket: Bucket, top: int) -> Iterator[str]:
    good = max(bucket.events - bucket.denied - bucket.failed, 0)
    y = 100.0
    for name, events in (("good", good), ("failed", bucket.failed), ("denied", bucket.denied)):
        if events:
            height = 100 * events / top
            y -= height
            yield f'<rect class="{name}" x="{at + GAP / 2}" y="{y:.2f}" width="{1 - GAP}" height="{height:.2f}"/>'


def share(tally: Tally, most: int) -> str:
    """A bar as long as the events of *tally* are to *most*, in the same colours."""
    x, drawn = 0.0, []
    good = max(tally.events - tally.denied - tally.failed, 0)
    for name, events in (("good", good), ("failed", tally.failed), ("denied", tally.denied)):
        if events:
            width = 100 * events / max(most, 1)
            drawn.append(f'<rect class="{name}" x="{x:.2f}%" width="{width:.2f}%" height="100%"/>')
            x += width
    return f'<svg aria-hidden="true">{"".join(drawn)}</svg>'


def week(hours: Sequence[int]) -> str:
    """168 numbers from Monday as seven rows, darker where more happened."""
    top = max(hours, default=0) or 1
    head = "".join(f"<th scope=col>{hour:02}</th>" if not hour % 3 else "<th></th>" for hour in range(24))
    rows = "".join(_day(name, hours[24 * at : 24 * at + 24], top) for at, name in enumerate(DAYS))
    return f'<div class="week"><table><thead><tr><th></th>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>\n'


def _day(name: str, hours: Sequence[int], top: int) -> str:
    cells = "".join(
        f'<td style="--share:{100 * events / top:.0f}%" title="{name} {hour:02}:00: {counted(events, "event")}"></td>'
        for hour, events in enumerate(hours)
    )
    return f"<tr><th scope=row>{name}</th>{cells}</tr>\n"


def _when(time: int) -> str:
    return moment(time)[:16].replace("T", " ")
