"""What counting requests costs: ours beside its peers, with one worker and with several that share their figures."""

from __future__ import annotations

import random
import tempfile
from contextlib import ExitStack
from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from .child import Timing
from .figures import part
from .peers import OURS, PEERS, SHARED
from .rounds import PROTOCOLS, Child
from .tables import columns

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Cost", "Counting", "counting_lines", "measure_counting"]

TARGET: Final = 1 / 5
WORKERS: Final = {"one worker": False, "several workers": True}


class Cost(msgspec.Struct):
    """Microseconds that one package adds to a request, by time and by CPU."""

    protocol: str
    workers: str
    name: str
    over: float
    over_cpu: float


class Counting(msgspec.Struct):
    """All of them, what was measured, and why some are missing."""

    costs: list[Cost]
    versions: dict[str, str]
    skipped: dict[str, str]


def measure_counting(rounds: int, count: int, tell: Callable[[str], None]) -> Counting:
    """
    Time each package in a process of its own, beside the bare application there.

    Raises:
        Broken: a process ended early.
    """
    best: dict[tuple[str, str, str], dict[str, Timing]] = {}
    found = Counting([], {}, {})
    with ExitStack() as stack:
        children: dict[tuple[str, str, str], Child] = {}
        for protocol in PROTOCOLS:
            for name in (OURS, *PEERS[protocol]):
                for workers, shared in WORKERS.items():
                    tell(f"starting {name}, {workers}")
                    folder = stack.enter_context(tempfile.TemporaryDirectory()) if shared else None
                    environment = {} if folder is None else {SHARED: folder}
                    child = stack.enter_context(Child(protocol, f"counted {name}", environment))
                    found.versions |= child.hello.versions
                    found.skipped |= child.hello.skipped
                    if name in child.hello.answers:
                        children[protocol, workers, name] = child
        jobs = [(key, variant) for key, child in children.items() for variant in child.hello.answers]
        order = random.Random(7)
        for done in range(rounds):
            tell(f"round {done + 1} of {rounds}: {len(jobs)} variants, {count} requests each")
            order.shuffle(jobs)
            for key, variant in jobs:
                timing = children[key].time(variant, count)
                known = best.setdefault(key, {}).setdefault(variant, Timing(inf, inf))
                known.time, known.cpu = min(known.time, timing.time), min(known.cpu, timing.cpu)
    for protocol, workers, name in children:
        timings = best[protocol, workers, name]
        bare, own = timings["bare"], timings[name]
        found.costs.append(Cost(protocol, workers, name, own.time - bare.time, own.cpu - bare.cpu))
    return found


def counting_lines(found: Counting) -> list[str]:
    """For a person."""
    lines: list[str] = []
    for protocol, title in PROTOCOLS.items():
        for workers in WORKERS:
            costs = {cost.name: cost for cost in found.costs if (cost.protocol, cost.workers) == (protocol, workers)}
            peers = [cost for name, cost in costs.items() if name != OURS]
            cheapest = min((cost.over for cost in peers), default=None)
            rows = [("counting requests", "us over bare", "of the cheapest", "CPU over")]
            for name, cost in costs.items():
                ratio = "" if not cheapest or name != OURS else part(cost.over / cheapest)
                rows.append((name, f"{cost.over:.1f}", ratio, f"{cost.over_cpu:.1f}"))
            lines += [f"{title}, {workers}", "", *columns(rows)]
            if cheapest and OURS in costs:
                met = costs[OURS].over / cheapest <= TARGET
                lines.append(f"target: at most a fifth of the cheapest: {'met' if met else 'NOT MET'}")
            lines.append("")
    lines += ["measured: " + ", ".join(f"{name} {number}" for name, number in found.versions.items())]
    return lines + [f"not measured: {name}: {reason}" for name, reason in found.skipped.items()]
