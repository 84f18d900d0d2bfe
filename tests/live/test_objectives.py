"""What `/health` says of objectives is what Prometheus makes of the same figures."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import pytest

from midwatch.objectives import Objective, Objectives
from midwatch.objectives.figures import quantile
from midwatch.objectives.rules import rules
from midwatch.objectives.yaml import to_yaml

from .prometheus import promtool

__all__ = ["promtool"]

pytestmark = pytest.mark.live

BOUNDS = (0.1, 0.25, 1.0)

FAMILY = "http_server_request_duration_seconds"

MINUTES = 400


class Series(NamedTuple):
    method: str
    route: str
    status: str
    error_type: str
    counts: tuple[float, ...]


LABELS = [
    ("GET", "/orders/{id}", "200", ""),
    ("GET", "/orders/{id}", "404", ""),
    ("GET", "/orders/{id}", "500", "500"),
    ("POST", "/orders", "201", ""),
    ("POST", "/orders", "", "aborted"),
    ("POST", "/orders", "201", "ValueError"),
    ("GET", "/health/ready", "503", "503"),
    ("overflow", "overflow", "overflow", "overflow"),
]


def _recorded(seed: int) -> list[list[tuple[int, ...]]]:
    """Counts by series and minute: random loads, and a restart in their midst."""
    chance = random.Random(seed)
    found = []
    for _ in LABELS:
        counts: tuple[int, ...] = (0, 0, 0, 0)
        readings = [counts]
        for minute in range(1, MINUTES + 1):
            base = (0, 0, 0, 0) if minute == MINUTES // 2 else counts
            more = [chance.choice([0, 0, 1, 5, 50]) for _ in base]
            counts = tuple(old + new for old, new in zip(base, more, strict=True))
            readings.append(counts)
        found.append(readings)
    return found


def _input(recorded: list[list[tuple[int, ...]]]) -> list[dict[str, str]]:
    """The same as promtool reads it."""
    series = []
    for (method, route, status, error), readings in zip(LABELS, recorded, strict=True):
        labels = f'http_request_method="{method}",http_route="{route}",http_response_status_code="{status}"'
        labels += f',error_type="{error}"'
        sums = [list(accumulate(counts)) for counts in readings]
        for index, bound in enumerate((*map(str, BOUNDS), "+Inf")):
            values = " ".join(str(row[index]) for row in sums)
            series.append({"series": f'{FAMILY}_bucket{{{labels},le="{bound}"}}', "values": values})
        values = " ".join(str(row[-1]) for row in sums)
        series.append({"series": f"{FAMILY}_count{{{labels}}}", "values": values})
    return series


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shares(promtool: Callable[..., str], tmp_path: Path, seed: int) -> None:
    """Over every window the same share is bad, through restarts, errors, slow answers and clients that left."""
    chosen = [
        Objective("orders", ("GET /orders/{id}", "POST /orders"), 0.25, 0.9),
        Objective("posts", ("POST /*",), None, 0.9),
        Objective("all", (), 1.0, 0.9),
    ]
    besides = ("/metrics", "/health", "/health/*")
    recorded, now = _recorded(seed), [0.0]

    def counted() -> list[Series]:
        return [Series(*labels, rows[int(now[0] // 60)]) for labels, rows in zip(LABELS, recorded, strict=True)]

    ours = Objectives(chosen, counted, BOUNDS, lambda: now[0], besides=besides)
    for minute in range(MINUTES + 1):
        now[0] = minute * 60.0
        ours.turn()
    block = ours.block()[1]
    expected = []
    for objective in chosen:
        for window in ("5m", "1h", "6h"):
            bad = 1 - block[objective.name]["windows"][window]["ratio"]
            # Ours are rounded to six digits.
            name = f'midwatch:objective_error:ratio_rate{window}{{objective="{objective.name}"}}'
            expr = f"abs({name} - {bad:.9f}) < bool 0.000001"
            samples = [{"labels": f'{{objective="{objective.name}"}}', "value": 1}]
            expected.append({"expr": expr, "eval_time": f"{MINUTES}m", "exp_samples": samples})
    (tmp_path / "rules.yml").write_text(rules(chosen, besides=besides))
    test = {"interval": "1m", "input_series": _input(recorded), "promql_expr_test": expected}
    (tmp_path / "tests.yml").write_text(
        to_yaml({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]})
    )
    promtool("test", "rules", "tests.yml", cwd=tmp_path)


def test_quantiles(promtool: Callable[..., str], tmp_path: Path) -> None:
    """Ours are those of histogram_quantile."""
    chance = random.Random(0)
    series, expected = [], []
    for number in range(40):
        counts = [chance.choice([0, 0, 1, 7, 1000]) for _ in range(4)]
        if not any(counts):
            continue
        for bound, total in zip((*map(str, BOUNDS), "+Inf"), accumulate(counts), strict=True):
            series.append({"series": f'x_bucket{{n="{number}",le="{bound}"}}', "values": f"{total}"})
        for share in (0.5, 0.95, 0.99):
            value = quantile(share, BOUNDS, counts)
            expr = f'abs(histogram_quantile({share}, x_bucket{{n="{number}"}}) - {value!r}) < bool 0.000000001'
            expected.append(
                {"expr": expr, "eval_time": "0m", "exp_samples": [{"labels": f'{{n="{number}"}}', "value": 1}]}
            )
    test = {"interval": "1m", "input_series": series, "promql_expr_test": expected}
    (tmp_path / "tests.yml").write_text(to_yaml({"evaluation_interval": "1m", "tests": [test]}))
    promtool("test", "rules", "tests.yml", cwd=tmp_path)
