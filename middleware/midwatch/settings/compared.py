"""What settings of metrics and health have to do with each other, which each by itself cannot tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .shown import shown

if TYPE_CHECKING:
    from .place import Place
    from .schema import Settings

__all__ = ["compare_addresses", "compare_checks", "compare_objectives"]


def compare_addresses(found: Settings, place: Place) -> None:
    """The port of the metrics is not HAProxy's: they would share it, and answer by turns."""
    metrics, health = found.metrics, found.health
    if metrics is None or metrics.listen is None or health is None or health.agent is None:
        return
    (host, port), (other, others) = (_heard(one) for one in (metrics.listen, health.agent))
    if port == others and (host == other or "" in {host, other}):
        here = _entry(place, "health", "agent", documented="agent")
        told = f"HAProxy is answered at {shown(health.agent)}, and metrics.listen is {shown(metrics.listen)}"
        here.wrong(told, "take another port")


def _heard(address: str) -> tuple[str, int]:
    """Host and port where one listens; no host for all of them."""
    host, _, port = address.rpartition(":")
    return {"0.0.0.0": "", "[::]": "", "localhost": "127.0.0.1"}.get(host, host), int(port)  # noqa: S104 - compared


def compare_checks(found: Settings, place: Place) -> None:
    """Each check makes sense as a whole, with the interval and the timeout of all."""
    health = found.health
    if health is None or not health.checks:
        return
    # Only where there are checks: settings are also read by commands that need none.
    from ..health.checks import Check, load  # noqa: PLC0415

    for name, one in health.checks.items():
        check = Check(
            one.call, one.groups, one.timeout, one.interval, one.max_age, one.fail_after, one.recover_after,
            one.scope, one.gate, one.affects, one.tags,
        )  # fmt: skip
        try:
            load(name, check, health.timeout, health.interval)
        except ValueError as error:
            path, _, reason = str(error).partition(": ")
            here = _entry(place, "health", "checks", name, documented="NAME")
            field = path.removeprefix(f"health.checks.{name}").removeprefix(".")
            if field and isinstance(here.value, dict) and field in here.value:
                here = here.entry(field, here.value[field], field)
            here.wrong(reason)


def compare_objectives(found: Settings, place: Place) -> None:
    """The histogram can tell what an objective asks for."""
    metrics = found.metrics
    if metrics is None or not metrics.objectives:
        return
    from ..metrics.classic import LOW  # noqa: PLC0415 - as above
    from ..objectives import Objective  # noqa: PLC0415

    bounds, remedy = metrics.buckets, "put it into `metrics.buckets`, or take one that is there"
    if metrics.names == "classic":
        bounds, remedy = LOW, 'the histogram of each route has these bounds under the name "classic"'
    for name, one in metrics.objectives.items():
        try:
            Objective(name, one.match, one.within, one.target).place(bounds)
        except ValueError as error:
            here = _entry(place, "metrics", "objectives", name, documented="NAME")
            if one.within is not None and isinstance(here.value, dict) and "within" in here.value:
                here = here.entry("within", one.within, "within")
            here.wrong(str(error).partition(": ")[2] or str(error), remedy)


def _entry(place: Place, *keys: str, documented: str) -> Place:
    """The place of what is there by those *keys*; the last is a name that the user chose."""
    given: Any = place.value
    for index, key in enumerate(keys):
        given = given[key]
        place = place.entry(key, given, documented if index == len(keys) - 1 else key)
    return place
