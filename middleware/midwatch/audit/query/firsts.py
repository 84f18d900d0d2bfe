"""What an actor who is known does for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .asking import REALLY, TIMED, conditions
from .behind import ids_of, learnt_from
from .finding import Finding
from .stats import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..stores.store import Filter
    from .asking import Source
    from .finding import Thresholds

__all__ = ["new_actions", "new_addresses"]

# An actor who is everywhere is nowhere new.
NEW: Final = """
WITH pair AS (SELECT actor, {what} AS what, min(time) AS first, count(*) AS n FROM audit_event{where} GROUP BY 1, 2),
known AS (SELECT actor, min(first) AS born, count(*) AS places FROM pair GROUP BY actor)
SELECT pair.actor, pair.what, pair.first, pair.n, known.born, known.places FROM pair
JOIN known ON known.actor = pair.actor
WHERE pair.first >= :begin AND pair.first >= known.born + :known AND known.places <= :roaming
ORDER BY pair.first DESC, pair.actor, pair.what LIMIT :most
"""


def new_addresses(source: Source, wanted: Filter, thresholds: Thresholds) -> Iterator[Finding]:
    """An address that an actor never came from before."""
    for actor, address, first, count, days, others in _new(source, wanted, thresholds, "ip"):
        said = f"{actor} came from {address} for the first time in {days} days ({_others(others, 'address', 'es')})."
        its = wanted._replace(actor=actor, ip=address, since=first)
        ids = ids_of(source, its, thresholds.ids)
        numbers = {"address": address, "days": days, "known": others, "events": count}
        yield Finding("new-address", "medium", actor, said, first, first, numbers, ids)


def new_actions(source: Source, wanted: Filter, thresholds: Thresholds) -> Iterator[Finding]:
    """An action that an actor never did before."""
    for actor, action, first, count, days, others in _new(source, wanted, thresholds, "action"):
        said = f"{actor} did {action} for the first time in {days} days ({_others(others, 'action', 's')})."
        its = wanted._replace(actor=actor, action=action, since=first)
        ids = ids_of(source, its, thresholds.ids)
        numbers = {"action": action, "days": days, "known": others, "events": count}
        yield Finding("new-action", "low", actor, said, first, first, numbers, ids)


def _new(source: Source, wanted: Filter, thresholds: Thresholds, what: str) -> Iterator[tuple[Any, ...]]:
    """Actor, news, when first, how often since then, days that the actor is known, and how many others there are."""
    conditioned = ("actor IS NOT NULL", f"{what} IS NOT NULL", TIMED, "kind <> 'system'", REALLY)
    where, values = conditions(learnt_from(wanted, thresholds), *conditioned)
    values |= {"begin": wanted.since or 0, "known": int(thresholds.known * DAY)}
    values |= {"roaming": thresholds.roaming, "most": thresholds.most}
    # All of them at once: while one question is answered, others wait.
    for actor, name, first, count, born, places in list(source.each(NEW.format(what=what, where=where), values)):
        yield actor, name, first, count, (first - born) // DAY, places - 1


def _others(number: int, noun: str, plural: str) -> str:
    return f"{number} other {noun}{plural if number != 1 else ''} known"
