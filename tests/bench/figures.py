"""From timings to what they mean: overheads, ratios, and the targets of Midwatch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from .jsonlog import JSON_LOGGER
from .rounds import PROTOCOLS
from .watched import ALL, LOGGED

if TYPE_CHECKING:
    from .load import Load
    from .memory import Memory
    from .rounds import Measured
    from .spans import SpanCost

__all__ = ["Row", "Target", "part", "rows_of", "targets_of"]

OF_ASSEMBLED: Final = 1 / 30
OF_FLOOR: Final = {"asgi": 2.2, "wsgi": 1.5}
OF_JSON_LOGGER: Final = 1 / 3
SPAN: Final = 6.0
SENT_OF_SDK: Final = 1 / 10
MADE_OF_SDK: Final = 1 / 5
UNDER_LOAD: Final = 0.85
GROWTH: Final = 4.0
"""MiB; what an allocator may keep, far below what a hundred thousand paths would take."""


class Row(msgspec.Struct):
    """
    One variant: microseconds per request, and the overhead over the bare application by time and by CPU.

    Attributes:
        of_floor, of_assembled: The overhead (by time) as a multiple of the floor's and of the assembled stack's.
        cpu_of_floor, cpu_of_assembled: The same by CPU, the work of background threads included.
    """

    variant: str
    time: float
    over: float
    over_cpu: float
    of_floor: float | None = None
    of_assembled: float | None = None
    cpu_of_floor: float | None = None
    cpu_of_assembled: float | None = None


class Target(msgspec.Struct):
    """Something that was promised; *met* is None where it was not measured."""

    name: str
    figure: str
    target: str
    met: bool | None = None


def rows_of(measured: Measured) -> list[Row]:
    """The table of one protocol, in the order in which it is read."""
    best = measured.best
    rows: dict[str, Row] = {}
    for name in [name for name in best if name not in {"plain", "assembled"}] + ["assembled"] * ("assembled" in best):
        # Imports alone make a process slower: the assembled stack is compared with a bare app that has them too.
        bare = best["plain" if name == "assembled" else "bare"]
        rows[name] = Row(name, best[name].time, best[name].time - bare.time, best[name].cpu - bare.cpu)
    floor, assembled = rows["floor"], rows.get("assembled")
    for name, row in rows.items():
        if name != "bare":
            row.of_floor, row.cpu_of_floor = _ratio(row.over, floor.over), _ratio(row.over_cpu, floor.over_cpu)
            if assembled is not None:
                row.of_assembled = _ratio(row.over, assembled.over)
                row.cpu_of_assembled = _ratio(row.over_cpu, assembled.over_cpu)
    return list(rows.values())


def _ratio(over: float, reference: float) -> float | None:
    """None where noise has drowned the reference, as it may in a quick run."""
    return over / reference if reference > 0 else None


def part(ratio: float | None) -> str:
    """*ratio* as `1/N`."""
    if ratio is None or ratio <= 0:
        return "-"
    return f"1/{1 / ratio:.0f}" if ratio < 0.1 else f"1/{1 / ratio:.1f}" if ratio < 1 else f"{ratio:.1f}"


def targets_of(
    tables: dict[str, list[Row]],
    load: Load | None,
    memory: Memory | None,
    ours: SpanCost,
    sdk: SpanCost | None,
) -> list[Target]:
    """Every target of the design, with what this run says of it."""
    targets: list[Target] = []
    for protocol, title in PROTOCOLS.items():
        rows = {row.variant: row for row in tables[protocol]}
        targets += _all_six(protocol, f"all six, {title}", rows.get(ALL))
        targets.append(_logs(title, rows))
    targets += _spans(ours, sdk)
    targets.append(_load(load))
    targets.append(_memory(memory))
    return targets


def _all_six(protocol: str, name: str, row: Row | None) -> list[Target]:
    most = OF_FLOOR[protocol]
    of_assembled = Target(name, "not measured", "at most 1/30 of the assembled stack")
    of_floor = Target(name, "not measured", f"at most {most:g} x the floor")
    if row is not None and row.of_assembled is not None and row.cpu_of_assembled is not None:
        of_assembled.figure = f"{part(row.of_assembled)} by time, {part(row.cpu_of_assembled)} by CPU"
        of_assembled.met = max(row.of_assembled, row.cpu_of_assembled) <= OF_ASSEMBLED
    if row is not None and row.of_floor is not None and row.cpu_of_floor is not None:
        of_floor.figure = f"{row.of_floor:.2f} x by time, {row.cpu_of_floor:.2f} x by CPU"
        of_floor.met = max(row.of_floor, row.cpu_of_floor) <= most
    return [of_assembled, of_floor]


def _logs(title: str, rows: dict[str, Row]) -> Target:
    """The dearest destination of a request line, beside what people write themselves."""
    target = Target(f"a request line, {title}", "not measured", f"at most {part(OF_JSON_LOGGER)} of a JSON logger")
    peer = rows.get(JSON_LOGGER)
    dearest = max((rows[name] for name in ("RequestLog", *LOGGED) if name in rows), key=_over, default=None)
    if peer is not None and dearest is not None and peer.over > 0:
        ratio = dearest.over / peer.over
        target.figure, target.met = f"{part(ratio)} by time ({dearest.variant})", ratio <= OF_JSON_LOGGER
    return target


def _over(row: Row) -> float:
    return row.over


def _spans(ours: SpanCost, sdk: SpanCost | None) -> list[Target]:
    sent = Target("a span, encoded and sent", f"{ours.sent:.1f} us of CPU", f"at most {SPAN:g} us of CPU")
    sent.met = ours.sent <= SPAN
    targets = [sent]
    for name, most, one, other in (
        ("a span, encoded and sent", SENT_OF_SDK, ours.sent, sdk and sdk.sent),
        ("a span of a library", MADE_OF_SDK, ours.made, sdk and sdk.made),
    ):
        target = Target(name, "not measured", f"at most {part(most)} of the SDK's")
        if other:
            target.figure, target.met = f"{part(one / other)} by CPU", one / other <= most
        targets.append(target)
    return targets


def _load(load: Load | None) -> Target:
    target = Target("uvicorn with all six, under load", "not measured", f"at least {UNDER_LOAD:.0%} of the bare rate")
    if load is not None and ALL in load.rates:
        bare, ours = load.rates["bare"], load.rates[ALL]
        ratio = ours.per_second / bare.per_second
        target.figure = f"{ratio:.0%} by rate"
        if bare.cpu and ours.cpu:
            # A server that waits for its client hides what it works.
            target.figure += f", {bare.cpu / ours.cpu:.0%} by server CPU"
            ratio = min(ratio, bare.cpu / ours.cpu)
        target.met = ratio >= UNDER_LOAD
    return target


def _memory(memory: Memory | None) -> Target:
    target = Target("memory", "not measured", f"flat: within {GROWTH:g} MiB over all requests and paths")
    if memory is not None:
        grown = memory.after - memory.before
        target.figure, target.met = f"{grown:+.1f} MiB", grown <= GROWTH
    return target
