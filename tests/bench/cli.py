"""The command: what is measured in which order, and how it is told. Figures on stdout, progress on stderr."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from . import child, counting, polling, scraping, ship, soak, spans, trail
from .figures import Row, Target, rows_of, targets_of
from .load import Load, measure_load
from .memory import Memory, measure_memory
from .processes import Broken
from .rounds import measure
from .spans import SpanCost, span_lines
from .tables import load_table, machine, memory_lines, overhead_table, target_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Report", "main"]

BEHIND_UVICORN = ("bare", "floor", "midwatch", "midwatch+spans", "assembled")


class Report(msgspec.Struct):
    """Everything that one run found out."""

    machine: str
    rounds: int
    requests: int
    overhead: dict[str, list[Row]]
    load: Load | None
    memory: Memory | None
    span: SpanCost
    span_of_sdk: SpanCost | None
    targets: list[Target]
    skipped: dict[str, str]
    versions: dict[str, str]


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; the exit code."""
    options = _options(arguments)
    try:
        if options.soak:
            return _soak(options)
        if options.shipping:
            return _shipping(options)
        if options.audit:
            return _audit(options)
        if options.metrics:
            return _metrics(options)
        report = _kept(options.read) if options.read else _run(options)
    except Broken as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        print("\n".join(_text(report)))
    return 0


def _kept(name: str) -> Report:
    try:
        return msgspec.json.decode(Path(name).read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError) as error:
        raise Broken(f"{name}: {error}") from None


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="What Midwatch costs, as ratios within one run.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--read", metavar="FILE", help="print the tables of an earlier run that was kept as JSON")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works, not what it costs")
    parser.add_argument("--long", action="store_true", help="a million requests for the memory check")
    parser.add_argument("--soak", action="store_true", help="only 200000 requests against a collector that fails")
    parser.add_argument("--shipping", action="store_true", help="only latencies while log servers come and go")
    parser.add_argument(
        "--audit", action="store_true", help="only the audit trail: acknowledgements, verification, stalls"
    )
    parser.add_argument("--metrics", action="store_true", help="only metrics and health: counting, scrapes, pollers")
    parser.add_argument("--no-load", action="store_true", help="without uvicorn")
    parser.add_argument("--no-memory", action="store_true", help="without the memory check")
    return parser.parse_args(arguments)


def _soak(options: argparse.Namespace) -> int:
    found = soak.measure_soak(*((2_000, 2_000) if options.quick else (200_000, 20_000)))
    print(msgspec.json.encode(found).decode() if options.json else "\n".join(soak.soak_lines(found)))
    return 0 if found.whole and found.flat else 1


def _shipping(options: argparse.Namespace) -> int:
    count, rounds = (500, 1) if options.quick else (40_000, 3)
    found = ship.measure_shipping(count, rounds, _tell)
    print(msgspec.json.encode(found).decode() if options.json else "\n".join(ship.shipping_lines(found)))
    return 0


def _audit(options: argparse.Namespace) -> int:
    found = trail.measure_trail(_tell, quick=options.quick)
    print(msgspec.json.encode(found).decode() if options.json else "\n".join(trail.trail_lines(found)))
    return 0


def _metrics(options: argparse.Namespace) -> int:
    rounds, requests = (2, 60) if options.quick else (16, 300)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    child.pin(cores[-1] if cores else None)
    counted = counting.measure_counting(rounds, requests, _tell)
    if cores:
        os.sched_setaffinity(0, cores)
    scraped = scraping.measure_scraping(_tell, quick=options.quick)
    polled = polling.measure_polling(*((50, 0.06) if options.quick else (500, 0.3)), _tell)
    if options.json:
        print(msgspec.json.encode([counted, scraped, polled]).decode())
    else:
        lines = [machine(), "", *counting.counting_lines(counted), ""]
        print("\n".join([*lines, *scraping.scraping_lines(scraped), "", *polling.polling_lines(polled)]))
    return 0


def _run(options: argparse.Namespace) -> Report:
    rounds, requests = (2, 60) if options.quick else (16, 300)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    child.pin(cores[-1] if cores else None)
    measured = measure(rounds, requests, _tell)
    if cores:
        os.sched_setaffinity(0, cores)
    first, *others = measured.values()
    skipped, versions = dict(first.skipped), dict(first.versions)
    for other in others:
        skipped |= other.skipped
        versions |= other.versions
    tables = {protocol: rows_of(each) for protocol, each in measured.items()}
    load = None
    if not options.no_load:
        variants = [name for name in BEHIND_UVICORN if name not in skipped]
        load = measure_load(variants, *((1, 1.0) if options.quick else (3, 3.0)), _tell)
    held = None
    if not options.no_memory:
        count = 4_000 if options.quick else 1_000_000 if options.long else 200_000
        _tell(f"memory over {count} requests")
        held = measure_memory(count)
    _tell("spans, made and sent")
    ours, sdk, reason = spans.measure_spans(*((1, 1) if options.quick else (3, 7)))
    if reason:
        skipped["SDK"] = reason
    targets = targets_of(tables, load, held, ours, sdk)
    return Report(machine(), rounds, requests, tables, load, held, ours, sdk, targets, skipped, versions)


def _text(report: Report) -> list[str]:
    lines = [report.machine, f"Best of {report.rounds} interleaved rounds of {report.requests} requests.", ""]
    for protocol, rows in report.overhead.items():
        lines += [*overhead_table(protocol, rows), ""]
    if report.load is not None:
        lines += [*load_table(report.load), ""]
    if report.memory is not None:
        lines += [*memory_lines(report.memory), ""]
    lines += [*span_lines(report.span, report.span_of_sdk), ""]
    lines += target_lines(report.targets)
    if report.versions:
        lines += ["", "assembled: " + ", ".join(f"{name} {version}" for name, version in report.versions.items())]
    lines += [f"not measured: {name}: {reason}" for name, reason in report.skipped.items()]
    return lines


def _tell(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)
