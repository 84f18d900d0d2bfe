"""How the page looks: system fonts, grey for success, one quiet colour for each service, red and amber for trouble."""

from __future__ import annotations

from typing import Final

__all__ = ["HUES", "STYLE"]

HUES: Final = 8
"""Colours of services; more services begin again."""

STYLE: Final = """
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --raised: #f4f4f1; --ink: #22262b; --quiet: #676e78; --line: #e3e3de;
  --error: #c9302c; --warn: #a8690a; --focus: #2f6fde;
  --c0: #4a7fb5; --c1: #3c958b; --c2: #8a6cb8; --c3: #6b9a4b; --c4: #b5638f; --c5: #5a6fc0;
  --c6: #7f8791; --c7: #3f9dba;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --raised: #1e2228; --ink: #dfe3e8; --quiet: #959da8; --line: #2c3138;
    --error: #f2706b; --warn: #dda94a; --focus: #7fb0ff;
    --c0: #6ea3d8; --c1: #5bb8ad; --c2: #ad91d8; --c3: #8dbb6d; --c4: #d488b2; --c5: #8797e0;
    --c6: #a2a9b3; --c7: #62bfdb;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 90rem; padding: 1.75rem clamp(0.75rem, 3vw, 2.5rem) 3rem; background: var(--paper);
  color: var(--ink); font: 14px/1.45 system-ui, sans-serif; }
h1 { margin: 0 0 0.35rem; font-size: 1.35rem; font-weight: 600; overflow-wrap: anywhere; }
p { margin: 0.2rem 0; color: var(--quiet); }
code, td { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 0.93em; overflow-wrap: anywhere; }
a { color: inherit; }
b { font-weight: 600; color: var(--ink); }
.error { --mark: var(--error); }
.warn { --mark: var(--warn); }
.said { color: var(--mark, var(--quiet)); }
.services { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin: 0.7rem 0 0; padding: 0; list-style: none; }
.services li::before, .service::before { content: ""; display: inline-block; width: 0.6rem; height: 0.6rem;
  margin-right: 0.4rem; border-radius: 2px; background: var(--own); }
.remarks { margin: 0.7rem 0 0; padding: 0.45rem 0.8rem; border-left: 3px solid var(--warn); background: var(--raised);
  list-style: none; }
.rows { margin: 1.4rem 0 0; padding: 0; list-style: none; border-bottom: 1px solid var(--line); }
.rows > li { border-top: 1px solid var(--line); content-visibility: auto; contain-intrinsic-size: auto 1.95rem; }
.note, .axis, summary { display: grid; align-items: center; column-gap: 1rem; min-height: 1.9rem; padding: 0 0.4rem;
  grid-template-columns: minmax(0, 5fr) minmax(0, 1.4fr) 5.4rem minmax(0, 8fr) minmax(0, 2.6fr); }
.note { color: var(--quiet); font-style: italic; }
.note span { grid-column: 1 / -1; }
.axis { border: 0; font-size: 0.82rem; color: var(--quiet); }
.axis div { grid-column: 4; position: relative; height: 1.2rem; }
.axis span { position: absolute; white-space: nowrap; transform: translateX(-50%); }
.axis span:first-child { transform: none; }
.axis span.end { transform: translateX(-100%); }
summary { cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary:hover, li:target summary, details[open] > summary { background: var(--raised); }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--focus); outline-offset: -2px; border-radius: 3px; }
.name { padding-left: calc(var(--depth) * 1.05rem); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.name::before { content: "\\25b8"; display: inline-block; width: 1rem; color: var(--quiet); }
details[open] .name::before { content: "\\25be"; }
.error .name, .warn .name { color: var(--mark); }
.service { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: var(--quiet); }
.lasted { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.verdict { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
svg { display: block; width: 100%; height: 1.9rem; overflow: visible;
  background: repeat-x 0 0 / var(--step) 100% linear-gradient(90deg, var(--line) 1px, transparent 1px); }
rect { fill: var(--mark, var(--own)); }
.client rect { opacity: 0.5; }
.many rect { fill-opacity: 0.5; stroke: var(--mark, var(--own)); stroke-dasharray: 4 2; }
.more { padding: 0.7rem 1rem 1.1rem 1.8rem; background: var(--raised); }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 0.16rem 1.4rem 0.16rem 0; text-align: left; vertical-align: top; }
th { width: 1%; min-width: 9rem; font-weight: 400; color: var(--quiet); overflow-wrap: anywhere; }
td { white-space: pre-wrap; }
h2 { margin: 0.9rem 0 0.2rem; font-size: 0.95rem; font-weight: 600; overflow-wrap: anywhere; }
h2 small { font-weight: 400; color: var(--quiet); }
.scroll { max-height: 22rem; overflow: auto; }
footer { margin-top: 1.2rem; font-size: 0.85rem; color: var(--quiet); }
@media (min-width: 50rem) { th { white-space: nowrap; } }
@media (max-width: 50rem) {
  .axis, summary { grid-template-columns: minmax(0, 1fr) auto; row-gap: 0; padding: 0.3rem 0.2rem 0.2rem; }
  .axis { padding-bottom: 0; }
  .axis div { grid-column: 1 / -1; }
  .name { grid-area: 1 / 1; padding-left: calc(var(--depth) * 0.6rem); white-space: normal; overflow-wrap: anywhere; }
  .lasted { grid-area: 1 / 2; }
  .service { grid-area: 2 / 1; padding-left: calc(1rem + var(--depth) * 0.6rem); }
  .verdict { grid-area: 2 / 2; text-align: right; max-width: 60vw; }
  svg { grid-area: 3 / 1 / auto / -1; height: 1.1rem; margin-top: 0.15rem; }
  .more { padding: 0.5rem 0.4rem 0.8rem 1.2rem; }
  table, tbody, tr, th, td { display: block; width: auto; }
  td { padding-bottom: 0.4rem; }
}
@media print { .rows > li { content-visibility: visible; } }
""".strip()
