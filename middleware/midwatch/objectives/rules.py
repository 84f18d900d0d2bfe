"""Recording and alert rules for Prometheus, of the objectives and of what any service of ours should be watched for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .alerts import general
from .objective import burn_limit
from .promql import matcher, objective_error, spelled
from .yaml import to_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .objective import Objective
    from .promql import Names

__all__ = ["BURNS", "Burn", "rules", "scrape"]

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")

RECORD: Final = "midwatch:objective_error:ratio_rate"
"""The recorded share of bad requests; the window follows."""


class Burn(NamedTuple):
    """
    One alert of how fast an error budget burns.

    Attributes:
        factor: Times as fast as would spend it exactly.
        short, long: Windows in which it must.
        severity: `page` wakes somebody up, `ticket` waits for the morning.
    """

    factor: float
    short: str
    long: str
    severity: str


BURNS: Final = (
    Burn(14.4, "5m", "1h", "page"),
    Burn(6, "30m", "6h", "page"),
    Burn(3, "2h", "1d", "ticket"),
    Burn(1, "6h", "3d", "ticket"),
)
"""
The Site Reliability Workbook, "Alerting on SLOs", table 5-8 and its example: they fire when of a month's budget 2 % are
spent in an hour, 5 % in six, 10 % in a day or in three.
"""

HEADER: Final = """\
# Made by `midwatch rules`; `promtool check rules` reads it. Rules of one service: of several, each has its own file.
"""


def rules(
    objectives: Iterable[Objective],
    *,
    names: str = "otel",
    job: str = "",
    besides: Sequence[str] = (),
    audit: bool = True,
    health: bool = True,
) -> str:
    """
    A file of rules.

    Args:
        objectives: Recorded, with four alerts each.
        names: `otel` or `classic`, as in `metrics.names`.
        job: Prometheus' name of the service; empty for rules about all that it scrapes.
        besides: Routes of probes and pages of metrics, left out by whatever is about all routes.
        audit, health: With the alerts about them.
    """
    our = spelled(names)
    chosen = matcher("job", job)
    # Groups are known by their names within a file, and rules of several services may end up in one.
    suffix = f"-{job}" if job else ""
    groups: list[Any] = []
    wanted = list(objectives)
    if wanted:
        # One group, whose rules have their turns in this order: alerts see what was recorded a moment before.
        recorded = [rule for objective in wanted for rule in _recorded(objective, our, chosen, job, besides)]
        alerts = [rule for objective in wanted for rule in _alerts(objective, job)]
        groups.append({"name": f"midwatch-objectives{suffix}", "interval": "30s", "rules": [*recorded, *alerts]})
    general_rules = general(our, chosen, besides, audit=audit, health=health)
    groups.append({"name": f"midwatch-service{suffix}", "rules": general_rules})
    return HEADER + to_yaml({"groups": groups})


def scrape(*, path: str, targets: Sequence[str], job: str) -> str:
    """The part of Prometheus' configuration that fetches our page."""
    config = {
        "job_name": job or "midwatch",
        "metrics_path": path,
        "scrape_interval": "15s",
        "static_configs": [{"targets": list(targets)}],
    }
    told = "# Exemplars, the traces beside the latencies, need --enable-feature=exemplar-storage.\n"
    return told + to_yaml({"scrape_configs": [config]})


def _recorded(
    objective: Objective, names: Names, chosen: str, job: str, besides: Sequence[str]
) -> Iterator[dict[str, Any]]:
    for window in WINDOWS:
        yield {
            "record": f"{RECORD}{window}",
            "expr": objective_error(objective, names, window, chosen, besides),
            "labels": _labels(objective, job),
        }


def _alerts(objective: Objective, job: str) -> Iterator[dict[str, Any]]:
    labels = _labels(objective, job)
    chosen = ",".join(matcher(label, value) for label, value in labels.items())
    budget = round(1 - objective.target, 12)
    for burn in BURNS:
        subject = f"The error budget of {_literal(objective.name)}"
        factor = round(burn_limit(burn.factor, objective.target), 6)
        limit = f"{factor:g} * {budget:g}"
        yield {
            "alert": f"MidwatchObjectiveBurns{'Fast' if burn.severity == 'page' else 'Slowly'}",
            "expr": f"{RECORD}{burn.long}{{{chosen}}} > {limit}\nand {RECORD}{burn.short}{{{chosen}}} > {limit}",
            "labels": {"objective": _literal(objective.name), "severity": burn.severity, "long_window": burn.long},
            "annotations": {
                "summary": f"{subject} is spent {_faster(factor)} it may be.",
                "description": f"{{{{ $value | humanizePercentage }}}} of its requests were bad in {burn.long};"
                f" {100 * budget:g} % may be.",
            },
        }


def _faster(factor: float) -> str:
    """An alert knows what it is above, and not by how much."""
    return "faster than" if factor == 1 else f"more than {factor:g} times as fast as"


def _labels(objective: Objective, job: str) -> dict[str, str]:
    return {"objective": objective.name} | ({"job": job} if job else {})


def _literal(text: str) -> str:
    """*text* in a template of Prometheus, which would run what stands in double braces."""
    return re.sub(r"\{\{", '{{ "{{" }}', text)
