"""A client that an actor never used before: a browser or a tool, whatever its version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .asking import REALLY, TIMED, conditions
from .behind import learnt_from
from .finding import Finding
from .stats import DAY
from .worst import Worst

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..stores.store import Filter
    from .asking import Source
    from .finding import Thresholds

__all__ = ["family", "new_clients"]

ACTORS: Final = 20_000
"""Actors whose clients are told apart; of more, those that came first."""

# Browsers say that they are others; the one that they are comes first here.
BROWSERS: Final = (
    ("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"), ("MSIE", "Explorer"), ("Trident", "Explorer"),
)  # fmt: skip

_product: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,39}")


class _Detail(msgspec.Struct):
    ua: str = ""


_detail: Final = msgspec.json.Decoder(_Detail).decode


def family(agent: str) -> str:
    """What *agent*, a user agent as RFC 9110 section 10.1.5 has it, is a version of; empty for none."""
    for sign, name in BROWSERS:
        if f"{sign}/" in agent or f"{sign} " in agent:
            return name
    found = _product.match(agent)
    return found[0].rstrip(".-_") if found else ""


def new_clients(source: Source, wanted: Filter, thresholds: Thresholds) -> Iterator[Finding]:
    """From the detail of events, as far as it was not erased."""
    where, values = conditions(
        learnt_from(wanted, thresholds), "actor IS NOT NULL", "detail IS NOT NULL", TIMED, REALLY
    )
    sql = f"SELECT actor, time, id, detail FROM audit_event{where} ORDER BY time, stream, seq"  # noqa: S608 - bound
    known: dict[str, dict[str, int]] = {}
    kept, begin = Worst(thresholds.most), wanted.since or 0
    for actor, time, event, detail in source.each(sql, values):
        name = family(_agent(detail))
        its = known.get(actor)
        if not name or (its is None and len(known) >= ACTORS):
            continue
        if its is None:
            its = known[actor] = {}
        if name in its or len(its) >= thresholds.roaming:
            continue
        first = min(its.values(), default=time)
        its[name] = time
        if time >= begin and time - first >= thresholds.known * DAY:
            kept.add(_finding(actor, name, time, event, [one for one in its if one != name], (time - first) // DAY))
    yield from kept.all()


def _finding(actor: str, name: str, time: int, event: str | None, others: list[str], days: int) -> Finding:
    said = f"{actor} used {name} for the first time in {days} days (until then {', '.join(others)})."
    numbers: dict[str, int | float | str] = {"client": name, "days": days, "known": len(others)}
    return Finding("new-client", "low", actor, said, time, time, numbers, (event,) if event else ())


def _agent(detail: Any) -> str:
    try:
        return _detail(bytes(detail)).ua
    except (ValueError, TypeError, RecursionError):
        return ""
