"""All that is worth a look, together."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from .asking import conditions
from .bursts import bursts
from .clients import new_clients
from .finding import ORDER
from .firsts import new_actions, new_addresses
from .habits import habits
from .masses import mass_reads

if TYPE_CHECKING:
    from ..stores.store import Filter
    from .asking import Source
    from .finding import Finding, Thresholds

__all__ = ["judge"]


def judge(source: Source, wanted: Filter, thresholds: Thresholds) -> list[Finding]:
    """The findings of *wanted*, the worst first, and among equals the latest first."""
    if not _any(source, wanted):
        return []
    kinds = (bursts, habits, new_addresses, new_actions, new_clients, mass_reads)
    found = [finding for kind in kinds for finding in kind(source, wanted, thresholds)]
    found.sort(key=lambda one: (one.kind, ORDER[one.severity], -one.until))
    kept = [one for _, same in groupby(found, lambda one: one.kind) for one in list(same)[: thresholds.most]]
    return sorted(kept, key=lambda one: (ORDER[one.severity], -one.until, one.kind, one.subject))


def _any(source: Source, wanted: Filter) -> bool:
    where, values = conditions(wanted)
    return any(True for _ in source.each(f"SELECT 1 FROM audit_event{where} LIMIT 1", values))  # noqa: S608 - bound
