"""What a check is, and what may stand for one in the settings."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from .resolve import nearest, resolve

__all__ = ["GROUPS", "Check", "CheckLike", "Loaded", "load"]

GROUPS: Final = ("live", "ready", "startup")
"""What an orchestrator asks: restart me? send me traffic? have I started?"""

Call: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=False)
class Check:
    """
    A check with more than its name.

    Attributes:
        call: Callable without arguments, plain or async, or its name as `"module:callable"`. It passes by returning
            None or True and fails by raising or returning False; or it returns a status or a `Result`.
        groups: Which of `live`, `ready` and `startup` ask it; `/health` asks all. Only what a restart of this process
            would cure belongs into `live`.
        timeout: Seconds after which it fails; None for the default of the `HealthCheck`.
    """

    call: Call | str
    groups: Iterable[str] = ("ready",)
    timeout: float | None = None


CheckLike: TypeAlias = Call | str | Check


class Loaded(NamedTuple):
    """A check with nothing left to look up."""

    call: Call
    groups: frozenset[str]
    timeout: float


def load(name: str, given: CheckLike, timeout: float) -> Loaded:
    """
    Make a check of what the settings *given* for *name* say.

    Raises:
        ValueError: nothing that can be called without arguments, an unknown group, a timeout that is none.
    """
    place = f"health.checks.{name}"
    found: object = resolve(place, given) if isinstance(given, str) else given
    check = found if isinstance(found, Check) else Check(_callable(place, found))
    call: object = resolve(place, check.call) if isinstance(check.call, str) else check.call
    own = timeout if check.timeout is None else check.timeout
    return Loaded(_callable(place, call), _groups(place, check.groups), seconds(f"{place}.timeout", own))


def seconds(place: str, value: float) -> float:
    """
    *value* as a time to wait.

    Raises:
        ValueError: not a finite number above 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{place}: {value!r} is not a number of seconds above 0")
    return float(value)


def _callable(place: str, found: object) -> Call:
    if isinstance(found, type) or not callable(found):
        raise ValueError(f"{place}: {found!r} is no function, no Check and no 'module:callable'")  # noqa: TRY004
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return found  # Some builtins do not tell.
    try:
        signature.bind()
    except TypeError as error:
        raise ValueError(f"{place}: a check is called without arguments: {error}") from error
    return found


def _groups(place: str, groups: Iterable[str]) -> frozenset[str]:
    if isinstance(groups, str):
        raise ValueError(f"{place}.groups: a list is needed, as in [{groups!r}]")  # noqa: TRY004
    for group in groups:
        if group not in GROUPS:
            raise ValueError(f"{place}.groups: {group!r} is unknown{nearest(str(group), GROUPS)}")
    return frozenset(groups)
