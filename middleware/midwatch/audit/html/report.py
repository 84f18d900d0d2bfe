"""
The report as one page that needs nothing else: no script, no request, no font.

What a trail says comes from strangers, too: all of it is cleaned and escaped, and the page forbids itself to run or to
fetch anything.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from ...picture.words import clean, moment
from .charts import columns, share, week
from .style import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..query.finding import Finding
    from ..query.stats import Stats, Tally

__all__ = ["START", "page"]

START: Final = "<!doctype html>\n<!-- midwatch audit -->\n"
"""By which a page of ours is known."""

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

OPEN: Final = 12
FINDINGS: Final = 500
"""Findings that are seen at once, and those of a page."""

LONGEST: Final = 200
"""Characters of a name or an id."""

LEGEND: Final = (
    '<p class="legend"><i class="good"></i>went well<i class="failed"></i>failed<i class="denied"></i>denied</p>\n'
)


def page(stats: Stats, findings: Sequence[Finding], title: str) -> str:
    """The page."""
    head = (
        f'<html lang="en">\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{_text(title)}</title>\n<style>\n{STYLE}\n</style>\n"
    )
    return f"{START}{head}{''.join(_body(stats, findings, title))}</html>\n"


def _body(stats: Stats, findings: Sequence[Finding], title: str) -> Iterator[str]:
    yield f"<header>\n<h1>{_text(title)}</h1>\n"
    if stats.first is not None and stats.last is not None:
        yield f"<p>{_when(stats.first)} to {_when(stats.last)} UTC</p>\n"
    yield f"{_totals(stats)}</header>\n<main>\n"
    if not stats.total.events:
        yield "<p>No events.</p>\n</main>\n"
        return
    yield from _findings(findings)
    yield f"<h2>By day</h2>\n{LEGEND}{columns(stats.days, 'events by day')}"
    yield f"<h2>By hour <small>the last ones</small></h2>\n{columns(stats.hours, 'events by hour')}"
    yield f"<h2>Hours of the week <small>UTC</small></h2>\n{week(stats.week)}"
    yield '<div class="two">\n'
    yield _list("Actors", stats.actors, stats.distinct.get("actors"))
    yield _list("Actions", stats.actions, stats.distinct.get("actions"))
    yield _list("Resources", stats.resources, stats.distinct.get("resources"))
    yield _list("Addresses", stats.addresses, stats.distinct.get("addresses"))
    yield _list("Kinds", stats.kinds, None)
    yield _list("Outcomes", stats.outcomes, None)
    yield "</div>\n</main>\n<footer>Times are UTC. Made by <code>midwatch audit</code>.</footer>\n"


def _totals(stats: Stats) -> str:
    total = stats.total
    facts = [
        ("events", f"{total.events:,}"),
        ("denied", _ratio(total.denied_ratio)),
        ("failed", _ratio(total.failed_ratio)),
        *((name, f"{number:,}") for name, number in stats.distinct.items()),
    ]
    items = "".join(f"<li><b>{_text(value)}</b><span>{_text(name)}</span></li>" for name, value in facts)
    return f'<ul class="totals">{items}</ul>\n'


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    yield f"<h2>Worth a look <small>{len(findings)}</small></h2>\n"
    if not findings:
        yield "<p>Nothing was found.</p>\n"
        return
    yield '<ul class="findings">\n'
    yield from map(_finding, findings[:OPEN])
    yield "</ul>\n"
    if len(findings) > OPEN:
        rest = findings[OPEN:FINDINGS]
        yield f'<details><summary>{len(rest)} more</summary>\n<ul class="findings">\n'
        yield from map(_finding, rest)
        yield "</ul>\n</details>\n"
    if len(findings) > FINDINGS:
        yield f"<p>{len(findings) - FINDINGS} more are not on this page; --json has them.</p>\n"


def _finding(finding: Finding) -> str:
    numbers = " · ".join(f"{_text(name)} {_text(str(value))}" for name, value in finding.numbers.items())
    events = " ".join(f"<code>{_text(event)}</code>" for event in finding.events)
    when = _when(finding.since)
    if _when(finding.until) != when:
        when += f" to {_when(finding.until)}"
    return (
        f'<li><details class="{_text(finding.severity)}"><summary><b>{_text(finding.kind)}</b>'
        f" {_text(finding.sentence, 1000)}</summary>\n<p>{when} · {numbers}</p><p>{events}</p></details></li>\n"
    )


def _list(title: str, tallies: Sequence[Tally], distinct: int | None) -> str:
    if not tallies:
        return ""
    most = max(tally.events for tally in tallies)
    rows = "".join(_row(tally, most) for tally in tallies)
    more = f" <small>{distinct:,} in all</small>" if distinct is not None and distinct > len(tallies) else ""
    head = "".join(f"<th scope=col>{name}</th>" for name in ("", "events", "denied", "failed", ""))
    table = f'<table class="list"><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>'
    return f"<section><h2>{title}{more}</h2>\n{table}</section>\n"


def _row(tally: Tally, most: int) -> str:
    return (
        f"<tr><th scope=row>{_text(tally.name)}</th><td>{tally.events:,}</td>"
        f'<td class="{"said denied" if tally.denied else ""}">{_ratio(tally.denied_ratio)}</td>'
        f'<td class="{"said failed" if tally.failed else ""}">{_ratio(tally.failed_ratio)}</td>'
        f"<td>{share(tally, most)}</td></tr>\n"
    )


def _ratio(ratio: float) -> str:
    return f"{100 * ratio:.1f} %" if ratio else "0"


def _when(time: int) -> str:
    return moment(time)[:16].replace("T", " ")


def _text(text: str, most: int = LONGEST) -> str:
    return escape(clean(text if len(text) <= most else f"{text[: most - 1]}…"))
