"""Where health is served, and which checks are asked there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from .checks import GROUPS
from .group import WHOLE, Group

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .probe import Probe

__all__ = ["Endpoint", "endpoints", "groups"]

KUBERNETES: Final = {"live": "/livez", "ready": "/readyz", "startup": "/startupz"}
SPRING: Final = {"live": "liveness", "ready": "readiness"}


class Endpoint(NamedTuple):
    """
    One path.

    Attributes:
        route: As it is shown.
        group: What is asked there.
        near: Only for who may see details, since its name is one.
    """

    route: str
    group: Group
    near: bool = False


def groups(probes: Sequence[Probe]) -> list[Group]:
    """The whole, our three groups, and those that the checks name."""
    own = dict.fromkeys(group for probe in probes for group in sorted(probe.check.groups) if group not in GROUPS)
    named = [Group(name, [probe for probe in probes if name in probe.check.groups]) for name in (*GROUPS, *own)]
    return [Group(WHOLE, probes), *named]


def endpoints(path: str, groups: Sequence[Group], profile: str) -> dict[str, Endpoint]:
    """
    What to answer, by path: the whole at *path* itself, each group below it, each check below its group.

    Raises:
        ValueError: *path* is none.
    """
    if not path.startswith("/") or not path.isprintable() or set(path) & set("?# "):
        raise ValueError(f"health.path: {path!r} is not a path such as '/health'")
    base = path.rstrip("/")
    found: dict[str, Endpoint] = {}
    for group in groups:
        for place in _places(base, group.name, profile):
            found[place] = Endpoint(place, group)
            if group.name != WHOLE:
                for probe in group.probes:
                    below = f"{place}/{probe.name}"
                    found.setdefault(below, Endpoint(below, Group(group.name, [probe], alone=True), near=True))
    return {place.rstrip("/") + end: endpoint for place, endpoint in found.items() for end in ("", "/")}


def _places(base: str, group: str, profile: str) -> Iterator[str]:
    if group == WHOLE:
        yield base or "/"
        return
    yield f"{base}/{group}"
    if profile == "k8s" and group in KUBERNETES:
        yield KUBERNETES[group]
    if profile == "spring" and group in SPRING:
        yield f"{base}/{SPRING[group]}"
