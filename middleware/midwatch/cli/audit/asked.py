"""Which events a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...audit.entry import OUTCOMES
from ...audit.stores import Filter
from ..values import moment

if TYPE_CHECKING:
    import argparse

__all__ = ["add_options", "wanted"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """One option for each field of a filter."""
    parser.add_argument("--since", type=moment, metavar="AGE", help="only later ones: 90s, 15m, 1h, 2d, a time")
    parser.add_argument("--until", type=moment, metavar="AGE", help="only earlier ones")
    parser.add_argument("--actor", metavar="ID", help="who did it")
    parser.add_argument("--action", metavar="NAME", help='what: "order.refund", "POST /orders"')
    parser.add_argument("--resource", metavar="TYPE[:ID]", help="to what")
    parser.add_argument("--outcome", choices=sorted(OUTCOMES), help="what became of it")
    parser.add_argument("--ip", metavar="ADDRESS", help="from where")
    parser.add_argument("--trace", metavar="ID", help="in which trace")
    parser.add_argument("--kind", choices=("request", "action", "auth", "system"), help="what made it an event")
    parser.add_argument("--tenant", metavar="ID", help="on whose behalf")


def wanted(arguments: argparse.Namespace) -> Filter:
    """What the options say."""
    return Filter(
        since=arguments.since,
        until=arguments.until,
        actor=arguments.actor,
        action=arguments.action,
        resource=arguments.resource,
        outcome=arguments.outcome,
        ip=arguments.ip,
        trace_id=arguments.trace,
        kind=arguments.kind,
        tenant=arguments.tenant,
    )
