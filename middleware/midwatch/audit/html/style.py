"""How the report looks: system fonts, one blue for what went well, red for denied, amber for failed."""

from __future__ import annotations

from typing import Final

__all__ = ["STYLE"]

STYLE: Final = """
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --raised: #f4f4f1; --ink: #22262b; --quiet: #676e78; --line: #e3e3de;
  --good: #4a7fb5; --denied: #c9302c; --failed: #d08a1c; --focus: #2f6fde;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --raised: #1e2228; --ink: #dfe3e8; --quiet: #959da8; --line: #2c3138;
    --good: #6ea3d8; --denied: #f2706b; --failed: #dda94a; --focus: #7fb0ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.75rem clamp(0.75rem, 3vw, 2.5rem) 3rem; background: var(--paper);
  color: var(--ink); font: 14px/1.45 system-ui, sans-serif; }
h1 { margin: 0 0 0.35rem; font-size: 1.35rem; font-weight: 600; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 0.5rem; font-size: 1.02rem; font-weight: 600; }
h2 small { font-weight: 400; color: var(--quiet); }
p { margin: 0.2rem 0; color: var(--quiet); }
a { color: inherit; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 0.93em; overflow-wrap: anywhere; }
.totals { display: flex; flex-wrap: wrap; gap: 0.6rem; margin: 1rem 0 0; padding: 0; list-style: none; }
.totals li { min-width: 7.5rem; padding: 0.5rem 0.9rem; border-radius: 6px; background: var(--raised); }
.totals b { display: block; font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.totals span, .legend { color: var(--quiet); font-size: 0.88rem; }
.legend i { display: inline-block; width: 0.65rem; height: 0.65rem; margin: 0 0.3rem 0 0.9rem; border-radius: 2px; }
.legend i:first-child { margin-left: 0; }
i.good { background: var(--good); } i.denied { background: var(--denied); } i.failed { background: var(--failed); }
svg { display: block; width: 100%; }
svg .good { fill: var(--good); } svg .denied { fill: var(--denied); } svg .failed { fill: var(--failed); }
svg .base { stroke: var(--line); }
.chart svg { height: 9rem; border-bottom: 1px solid var(--line); }
.axis { display: flex; justify-content: space-between; color: var(--quiet); font-size: 0.82rem; }
.week { overflow-x: auto; }
.week table { width: 100%; min-width: 34rem; table-layout: fixed; border-spacing: 2px; border-collapse: separate; }
.week td, .week th { padding: 0; height: 1.25rem; text-align: left; font-weight: 400; font-size: 0.8rem;
  color: var(--quiet); }
.week th:first-child { width: 2.8rem; }
.week td { border-radius: 2px; background: color-mix(in srgb, var(--good) var(--share), var(--raised)); }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(32rem, 100%), 1fr)); column-gap: 2.5rem; }
.list { width: 100%; border-collapse: collapse; }
.list th, .list td { padding: 0.22rem 0.5rem; border-top: 1px solid var(--line); text-align: right;
  font-variant-numeric: tabular-nums; font-weight: 400; white-space: nowrap; }
.list thead th { border: 0; color: var(--quiet); font-size: 0.85rem; }
.list th:first-child { width: 45%; padding-left: 0; text-align: left; white-space: normal; overflow-wrap: anywhere; }
.list td:last-child { width: 24%; padding-right: 0; }
.list svg { height: 0.7rem; }
.said.denied { color: var(--denied); } .said.failed { color: var(--failed); }
.findings { margin: 0; padding: 0; list-style: none; }
.findings details { padding: 0.4rem 0.8rem; border-left: 3px solid var(--mark, var(--line)); background: var(--raised);
  margin-bottom: 0.4rem; }
.high { --mark: var(--denied); } .medium { --mark: var(--failed); } .low { --mark: var(--good); }
summary { cursor: pointer; overflow-wrap: anywhere; }
summary:focus-visible { outline: 2px solid var(--focus); border-radius: 3px; }
summary b { color: var(--mark); font-weight: 600; }
.findings p { margin: 0.3rem 0 0; }
footer { margin-top: 2rem; font-size: 0.85rem; color: var(--quiet); }
@media print { details > * { display: block; } }
""".strip()
