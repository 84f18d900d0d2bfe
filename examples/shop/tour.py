"""The tour: what one operator sees of two services, in six sections of at most 100 columns."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from checks import EXPECTED
from evidence import NAMES, Evidence, Span
from paint import Paint, fit, log_bar, milliseconds, span_bar
from traffic import PLAN

__all__ = ["tour"]

NOTHING: Final = "  nothing was found"


def tour(found: Evidence, paint: Paint, *, sound: bool) -> str:
    """All six sections and the sum, which adds up if *sound*."""
    order = _an_order(found)
    sections = (
        ("One trace through both services", f"trace_id {order[0].trace}" if order else "", _trace(order, paint)),
        ("Its log lines, from both services", "the same trace_id in each of them", _lines(found, order, paint)),
        ("Errors, grouped by fingerprint", "whatever their messages said", _errors(found, paint)),
        ("Latency by route", "count from /metrics, p50 █ and p99 ░ in ms from the log lines", _latency(found, paint)),
        ("Audit trail", "who did what, and that nobody touched it since", _audit(found, order, paint)),
        ("Health", "what the load balancer is told", _health(found, paint)),
    )
    text = []
    for number, (title, note, lines) in enumerate(sections, 1):
        text += ["", f"{paint.bold(f'{number}  {title}')}  {paint.dim(note)}", "", *(list(lines) or [NOTHING])]
    return "\n".join([*text, "", _sum(found), *(["Everything adds up."] if sound else []), ""])


def _an_order(found: Evidence) -> list[Span]:
    """The spans of the last order that went well, the root first."""
    roots = [span for span in found.servers("shop") if span.name == "POST /orders" and span.status == "201"]
    if not roots:
        return []
    root = max(roots, key=lambda span: span.start)
    return [root, *sorted((s for s in found.spans if s.trace == root.trace and s is not root), key=lambda s: s.start)]


def _trace(spans: list[Span], paint: Paint) -> Iterator[str]:
    """A tree, with a bar for the time that each span took within the whole."""
    if not spans:
        return
    root, below = spans[0], defaultdict(list)
    for span in spans[1:]:
        below[span.parent].append(span)

    def branch(span: Span, stem: str, rest: str) -> Iterator[str]:
        name = fit(f"{stem}{'→ ' if span.kind == 'client' else ''}{span.name}", 43)
        offset, length = (span.start - root.start) / root.duration, span.duration / root.duration
        bar = paint.service(span.service, span_bar(offset, length, 26, "░" if span.kind == "client" else "█"))
        status = paint.outcome(span.outcome, f"{span.status:>4}")
        yield f"  {name} {paint.service(span.service)} {status} {milliseconds(span.duration)}  {bar}"
        children = below[span.id]
        for child in children:
            last = child is children[-1]
            yield from branch(child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))

    yield from branch(root, "", "")


def _lines(found: Evidence, order: list[Span], paint: Paint) -> Iterator[str]:
    for line in found.lines:
        if order and line.get("trace_id") == order[0].trace:
            seconds = line.get("http.server.request.duration")
            took = f"{'':10}" if seconds is None else milliseconds(1000 * seconds)
            level = paint.outcome(line["level"], f"{line['level']:7}")
            head = f"  {paint.service(line['service.name'])} {paint.dim(line['timestamp'][11:23])}  {level}"
            yield f"{head} {fit(line['message'], 38)} {took}  {paint.dim(line['logger'])}"


def _errors(found: Evidence, paint: Paint) -> Iterator[str]:
    groups = defaultdict(list)
    for line in (line for name in NAMES for line in found.errors(name)):
        groups[line["service.name"], line["error.fingerprint"]].append(line)
    for (service, fingerprint), lines in groups.items():
        messages = Counter(line["exception.message"] for line in lines)
        own = [frame for frame in lines[-1]["exception.frames"] if frame["in_app"]]
        others = f", and {len(messages) - 1} other messages" if len(messages) > 1 else ""
        kind = paint.outcome("error", fit(lines[-1]["exception.type"], 36))
        yield f"  {paint.service(service)} {len(lines):3} × {kind} {paint.dim(fingerprint)}"
        yield f"               {messages.most_common(1)[0][0]!r}{others}"
        if own:
            path = " › ".join(frame["function"] for frame in own)
            yield paint.dim(f"               {path}  {own[-1]['file']}:{own[-1]['line']}")


def _latency(found: Evidence, paint: Paint) -> Iterator[str]:
    rows = [(name, *row) for name in NAMES if name in found.scrapes for row in found.scrapes[name].counts.most_common()]
    if not rows:
        return
    yield paint.dim(f"  {'':44} count      p50      p99  {'0.1':7}{'1':7}{'10':7}{'100':4}1 s")
    for name, (method, route), count in rows:
        took = sorted(
            1000 * line["http.server.request.duration"]
            for line in found.requests(name)
            if (line["http.request.method"], line.get("http.route", "unmatched")) == (method, route)
        )
        p50, p99 = _quantile(took, 0.5), _quantile(took, 0.99)
        solid, light = log_bar(p50, p99)
        bar = paint.service(name, solid) + paint.dim(light)
        yield f"  {paint.service(name)} {fit(f'{method} {route}', 37)} {count:5} {p50:8.1f} {p99:8.1f}  {bar}"


def _quantile(values: list[float], share: float) -> float:
    """The nearest rank; *values* are sorted."""
    return values[math.ceil(share * len(values)) - 1] if values else 0.0


def _audit(found: Evidence, order: list[Span], paint: Paint) -> Iterator[str]:
    groups: Counter[tuple[str, str, str, str]] = Counter()
    for event in found.events:
        actor: dict[str, Any] = event["actor"]
        who = f"{actor['type']} {actor.get('id', '')}".rstrip()
        groups[event["service"]["name"], who, event["action"], event["outcome"]] += 1
        if order and event.get("trace_id") == order[0].trace and event.get("resource"):
            thing = "{type}:{id}".format_map(event["resource"][0])
            told = f"{event['action']} {thing} by {who} from {event['source']['ip']}"
            yield f"  {paint.dim('the order above:')} {told}, {event['outcome']}, {event['time'][11:23]}"
            yield ""
    for (service, who, action, outcome), count in sorted(groups.items()):
        what = f"{count:3} × {fit(who, 14)} {fit(action, 38)}"
        yield f"  {paint.service(service)} {what} {paint.outcome(outcome, outcome)}"
    if found.chains:
        yield ""
    for service, chain in found.chains.items():
        end = "now, the service runs" if chain.open else "its close"
        sound = f"sound from its opening to {end}, {chain.events} events"
        verdict = sound if chain.sound else paint.outcome("broken", f"BROKEN: {chain.problem}")
        yield f"  {paint.service(service)} chain {verdict}  {paint.dim(', '.join(s.id[:8] for s in chain.streams))}"


def _health(found: Evidence, paint: Paint) -> Iterator[str]:
    for service, scrape in found.scrapes.items():
        if scrape.health:
            status = scrape.health["status"]
            checks = ", ".join(
                f"{name} {reading['status']} ({1000 * reading['observedValue']:.1f} ms)"
                for name, (reading, *_) in scrape.health.get("checks", {}).items()
            )
            release = scrape.health.get("releaseId", "")
            yield f"  {paint.service(service)} {paint.outcome(status, f'{status:5}')} {release:7} {checks}"


def _sum(found: Evidence) -> str:
    lines, errors = (sum(len(of(name)) for name in NAMES) for of in (found.requests, found.errors))
    left = f"{lines} request lines, {len(found.spans)} spans, {errors} errors, {len(found.events)} audit events."
    return f"{len(PLAN)} requests, {EXPECTED['stock']['requests']} calls to the stock: {left}"
