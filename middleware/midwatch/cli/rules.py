"""`midwatch rules`: what Prometheus should record, alert about and scrape, from the settings."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from ..objectives import Objective
from ..objectives.besides import besides
from ..objectives.promql import spelled
from ..objectives.rules import rules, scrape
from ..picture.words import counted
from ..settings import Problem, SettingsError
from .answer import Answer, has_colour, refused
from .given import TARGET, given

if TYPE_CHECKING:
    import argparse

    from ..settings.metrics import MetricSettings
    from .parser import Commands

__all__ = ["add_to"]

UNNAMED: Final = "unknown_service"
"""`service.name` where nobody has said any."""

HELP: Final = "midwatch rules --help"


def add_to(commands: Commands) -> None:
    """Add the command."""
    examples = "  midwatch rules orders.config:MIDWATCH > orders.rules.yml\n"
    examples += "  midwatch rules orders.config:MIDWATCH --scrape --at orders:8000 > scrape.yml\n"
    examples += "  midwatch rules settings.json | promtool check rules /dev/stdin"
    about = (
        "Prints rules for Prometheus: the objectives of metrics.objectives recorded, alerts of how fast their error\n"
    )
    about += "budgets burn, and alerts that any service should have. With --scrape, what Prometheus fetches."
    command = commands.add_parser(
        "rules", help="recording and alert rules for Prometheus", description=about, examples=examples
    )
    command.add_argument("target", nargs="?", metavar="MODULE:NAME|FILE.json", help=TARGET)
    command.add_argument("--job", metavar="NAME", help="Prometheus' name of the service; service.name unless given")
    command.add_argument("--scrape", action="store_true", help="print the scrape configuration instead")
    command.add_argument(
        "--at", action="append", metavar="HOST:PORT", help="where the service is; with --scrape, may be repeated"
    )
    command.set_defaults(run=_rules)


def _rules(arguments: argparse.Namespace) -> Answer:
    if arguments.at and not arguments.scrape:
        return refused(Problem("--at", "is for --scrape: rules name no address", help=HELP))
    try:
        _, settings = given(arguments.target, "midwatch rules")
    except SettingsError as error:
        return Answer(2, "", error.rendered(colour=has_colour(sys.stderr)))
    metrics = settings.metrics
    if metrics is None:
        return refused(Problem("metrics", "switched off: there are no figures to make rules of", help=HELP))
    name = settings.service.known().name
    job = arguments.job if arguments.job is not None else "" if name == UNNAMED else name
    if arguments.scrape:
        return _scrape(metrics, job, arguments.at)
    try:
        objectives = _objectives(metrics)
    except ValueError as error:
        return refused(Problem("metrics.objectives", str(error), help="midwatch check --explain metrics.objectives"))
    printed = rules(
        objectives,
        names=metrics.names,
        job=job,
        besides=besides(settings),
        audit=settings.audit is not None,
        health=settings.health is not None,
    )
    words = [counted(len(objectives), "objective") if objectives else "no objectives in metrics.objectives"]
    if not job:
        words.append("no service.name and no --job: the rules are about everything that Prometheus scrapes")
    return Answer(0, printed.rstrip("\n"), "; ".join(words))


def _scrape(metrics: MetricSettings, job: str, at: list[str] | None) -> Answer:
    if metrics.path is None and metrics.listen is None:
        return refused(Problem("metrics.path", "False: the figures are served nowhere", help=HELP))
    port = metrics.listen.rpartition(":")[2] if metrics.listen else "8000"
    targets = at or [f"{job or 'localhost'}:{port}"]
    return Answer(0, scrape(path=metrics.path or "/metrics", targets=targets, job=job).rstrip("\n"))


def _objectives(metrics: MetricSettings) -> list[Objective]:
    """
    Those of the settings.

    Raises:
        ValueError: `within` of one is no bound of the histogram, so that no rule could tell.
    """
    found = [Objective(name, tuple(one.match), one.within, one.target) for name, one in metrics.objectives.items()]
    bounds = spelled(metrics.names).bounds
    for objective in found:
        objective.place(metrics.buckets)
        if bounds is not None and objective.within is not None and objective.within not in bounds:
            told = ", ".join(f"{bound:g}" for bound in bounds)
            raise ValueError(
                f"objective {objective.name!r}: under {metrics.names!r} names, Prometheus learns of each route only"
                f" what was answered within {told} seconds"
            )
    return found
