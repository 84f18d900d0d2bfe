"""
The waterfall as one page that needs nothing else: no script, no request, no font, and still there in ten years.

Each row is a `<details>` element: the keyboard opens it, and so does a reader that shows no styles. Whatever a file
said is escaped, and the page forbids itself to run or to fetch anything.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from .details import details
from .screen import kind_of_trouble
from .style import HUES, STYLE
from .verdict import fate, verdict
from .words import clean, counted, duration, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .waterfall import Row, Waterfall

__all__ = ["START", "page"]

START: Final = "<!doctype html>\n<!-- midwatch trace -->\n"
"""By which a page of ours is known."""

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

ROWS: Final = 2_000
"""Rows of a page, all of which browsers show without waiting."""

TICKS: Final = 6

DEEPEST: Final = 14
"""Levels that move a name to the right; from there on, the depth is a number."""


def page(waterfall: Waterfall) -> str:
    """The page."""
    trace_id = escape(waterfall.trace.id)
    head = (
        f'<html lang="en">\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>trace {trace_id}</title>\n<style>\n{STYLE}\n</style>\n"
    )
    return f"{START}{head}{''.join(_body(waterfall))}</html>\n"


def _body(waterfall: Waterfall) -> Iterator[str]:
    yield from _header(waterfall)
    ticks = list(waterfall.ticks(TICKS))
    step = 100 * (ticks[1][0] if len(ticks) > 1 else 1)
    yield f'<main>\n<ol class="rows" style="--step:{step:.4f}%">\n<li class="axis" aria-hidden="true"><div>'
    for at, words in ticks:
        yield f'<span style="left:{100 * at:.3f}%"{" class=end" if at > 0.93 else ""}>{words}</span>'
    yield "</div></li>\n"
    for number, row in enumerate(waterfall.rows[:ROWS]):
        yield _row(waterfall, number, row)
    yield "</ol>\n"
    if len(waterfall.rows) > ROWS:
        yield f"<p>{counted(len(waterfall.rows) - ROWS, 'row')} more are not on this page; --json has them.</p>\n"
    yield "</main>\n<footer>Times are UTC. Drawn by <code>midwatch trace</code>.</footer>\n"


def _header(waterfall: Waterfall) -> Iterator[str]:
    """What it is, how it went, who took part, and what to know about the picture."""
    spans, rows = waterfall.trace.spans, waterfall.rows
    outcome = fate(spans.values())
    first = next(row.spans[0] for row in rows if row.spans)
    failed = [at for at, row in enumerate(rows[:ROWS]) if row.spans and row.spans[0].outcome == "error"]
    start = moment(waterfall.start).replace("T", " ").rstrip("Z")
    facts = [start, duration(waterfall.length), counted(len(waterfall.services), "service")]
    told = " · ".join(escape(fact) for fact in [*facts, counted(len(spans), "span")] if fact)
    yield f"<header>\n<h1>{escape(clean(first.label))}</h1>\n<p>trace <code>{escape(waterfall.trace.id)}</code></p>\n"
    yield f'<p>{told} · <span class="said {kind_of_trouble(outcome)}">{escape(outcome)}</span>'
    # The deepest is the likeliest cause of those above it.
    cause = max(failed, key=lambda at: rows[at].depth, default=None)
    yield "</p>\n" if cause is None else f' · <a href="#row{cause}">the deepest failure</a></p>\n'
    yield '<ul class="services">'
    for at, service in enumerate(waterfall.services):
        yield f'<li style="--own:var(--c{at % HUES})">{escape(clean(service))}</li>'
    yield "</ul>\n"
    if waterfall.remarks:
        yield '<ul class="remarks">'
        yield "".join(f"<li>{escape(clean(remark))}</li>" for remark in waterfall.remarks)
        yield "</ul>\n"
    yield "</header>\n"


def _row(waterfall: Waterfall, number: int, row: Row) -> str:
    if not row.spans:
        return f'<li class="note"><span>{escape(clean(row.note))}</span></li>\n'
    span = row.spans[0]
    service, name, lasted = span.service or "?", clean(span.label), duration(row.lasted)
    hue = waterfall.services.index(service) % HUES
    times = f"{len(row.spans)} × " if len(row.spans) > 1 else ""
    deep = f"⋯{row.depth} " if row.depth > DEEPEST else ""
    said = clean(verdict(row))
    said = f"✗ {said}" if span.outcome == "error" else said
    title = f"{times}{name}, {clean(service)}: {lasted}, {said or span.outcome}"
    kinds = [kind_of_trouble(span.outcome), "client" if span.kind == "client" else "", "many" if times else ""]
    return (
        f'<li id="row{number}"><details class="{" ".join(filter(None, kinds))}"'
        f' style="--depth:{min(row.depth, DEEPEST)};--own:var(--c{hue})"><summary>'
        f'<span class="name" title="{escape(name)}">{deep}{times}{escape(name)}</span>'
        f'<span class="service">{escape(clean(service))}</span><span class="lasted">{lasted}</span>'
        f"{_bar(row, title)}"
        f'<span class="verdict said" title="{escape(said)}">{escape(said)}</span></summary>\n'
        f'<div class="more">{details(row, waterfall.start)}</div></details></li>\n'
    )


def _bar(row: Row, title: str) -> str:
    """At least two pixels, so that nothing is invisible."""
    x, width = f"{100 * row.offset:.3f}%", f"{100 * row.length:.3f}%"
    shape = f'x="{x}" y="30%" width="{width}" height="40%" rx="2" style="width:max(2px,{width})"'
    return f'<svg role="img" aria-label="{escape(title)}"><title>{escape(title)}</title><rect {shape}/></svg>'
