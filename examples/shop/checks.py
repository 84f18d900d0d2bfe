"""The demo checks itself: what was sent has to be found again, in each of the six."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from evidence import NAMES, Evidence, Span
from traffic import PLAN

__all__ = ["EXPECTED", "problems"]

EXPECTED: Final = {
    "shop": {
        "requests": len(PLAN),
        "aborted": sum(step.leaves for step in PLAN),
        "errors": sum(step.bug == "shop" for step in PLAN),
        "events": sum(step.events for step in PLAN),
    },
    "stock": {
        "requests": sum(step.calls for step in PLAN),
        "aborted": 0,
        "errors": sum(step.bug == "stock" for step in PLAN),
        "events": sum(step.stock_events for step in PLAN),
    },
}
"""What each service has to have seen."""


def problems(found: Evidence, *, stopped: bool) -> list[str]:
    """
    What is missing, a sentence each; empty when all is well.

    Args:
        found: What they left behind.
        stopped: The services have stopped, so that their audit chains have to be closed.
    """
    return [
        *_trace(found),
        *_log(found),
        *_errors(found),
        *_metrics(found),
        *_audit(found, stopped=stopped),
        *_health(found),
    ]


def _differs(what: str, service: str, number: int, expected: int) -> Iterator[str]:
    if number != expected:
        yield f"{what}: {number} of {service}, expected {expected}"


def _trace(found: Evidence) -> Iterator[str]:
    for service in NAMES:
        yield from _differs("trace: server spans", service, len(found.servers(service)), EXPECTED[service]["requests"])
    clients = {span.id: span for span in found.spans if span.service == "shop" and span.kind == "client"}
    yield from _differs("trace: client spans", "shop", len(clients), EXPECTED["stock"]["requests"])
    joined = Counter(span.parent for span in found.servers("stock") if _joins(span, clients))
    if len(joined) != len(clients) or any(number > 1 for number in joined.values()):
        yield f"trace: {len(joined)} of {len(clients)} calls of the shop have a server span of the stock below them"
    roots = {span.id: span.trace for span in found.servers("shop")}
    lost = sum(roots.get(span.parent or "") != span.trace for span in clients.values())
    if lost:
        yield f"trace: {lost} calls of the shop do not belong to the request that made them"


def _joins(span: Span, clients: dict[str, Span]) -> bool:
    caller = clients.get(span.parent or "")
    return caller is not None and caller.trace == span.trace


def _log(found: Evidence) -> Iterator[str]:
    for service in NAMES:
        lines, expected = found.requests(service), EXPECTED[service]
        yield from _differs("log: request lines", service, len(lines), expected["requests"])
        aborted = sum(line["outcome"] == "aborted" for line in lines)
        yield from _differs("log: lines of clients that hung up", service, aborted, expected["aborted"])
    shop, stock = ({line.get("trace_id") for line in found.requests(service)} for service in NAMES)
    strange = stock - shop
    if strange:
        yield f"log: {len(strange)} trace ids of the stock's lines are not in the shop's"


def _errors(found: Evidence) -> Iterator[str]:
    for service in NAMES:
        errors = found.errors(service)
        yield from _differs("errors: reports", service, len(errors), EXPECTED[service]["errors"])
        groups = {line["error.fingerprint"] for line in errors}
        yield from _differs("errors: groups, for its one bug,", service, len(groups), 1)


def _metrics(found: Evidence) -> Iterator[str]:
    for service in NAMES:
        scrape = found.scrapes.get(service)
        counted = 0 if scrape is None else scrape.counts.total()
        yield from _differs("metrics: requests counted", service, counted, EXPECTED[service]["requests"])


def _audit(found: Evidence, *, stopped: bool) -> Iterator[str]:
    for service in NAMES:
        events = sum(event["service"]["name"] == service for event in found.events)
        yield from _differs("audit: events", service, events, EXPECTED[service]["events"])
        chain = found.chains.get(service)
        if chain is None:
            yield f"audit: {service} wrote no chain"
        elif not chain.sound or chain.unreadable:
            yield f"audit: the chain of {service} is broken: {chain.problem or 'a line is unreadable'}"
        elif stopped and chain.open:
            yield f"audit: the chain of {service} was not closed when the service stopped"


def _health(found: Evidence) -> Iterator[str]:
    for service in NAMES:
        scrape = found.scrapes.get(service)
        status = None if scrape is None else scrape.health.get("status")
        if status != "pass":
            yield f"health: {service} says {status or 'nothing'}, expected pass"
