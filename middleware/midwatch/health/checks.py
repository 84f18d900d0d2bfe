"""What a check is, and what may stand for one in the settings."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ..named import UnnamedError, imported
from ..nearest import suggested
from .tolerance import Limit, Patience, limit

__all__ = ["GROUPS", "SCOPES", "Check", "CheckLike", "Loaded", "Scope", "load", "seconds"]

GROUPS: Final = ("live", "ready", "startup")
"""What an orchestrator asks: restart me? send me traffic? have I started?"""

SCOPES: Final = ("local", "shared", "external")

RESERVED: Final = frozenset({"drain", "health", "liveness", "readiness"})
"""What else is served below the path of the whole, and what the whole is called."""

MAX_NAME: Final = 64

Call: TypeAlias = Callable[[], object]
Scope: TypeAlias = Literal["local", "shared", "external"]
Gate: TypeAlias = bool | Literal["force"]


@dataclass(frozen=True, slots=True, kw_only=False)
class Check:
    """
    A check with more than its name.

    Attributes:
        call: Callable without arguments, plain or async, its name as `"module:callable"`, or a built-in check such as
            `"tcp://db:5432"`. It passes by returning None or True and fails by raising or returning False; or it
            returns a status or a `Result`.
        groups: Who asks it: `live`, `ready`, `startup` and groups of your own; `/health` asks all. Only what a restart
            of this process would cure belongs into `live`. By default what *call* says, else `ready`.
        timeout: Seconds after which it fails; None for the default of the `HealthCheck`.
        interval: Seconds from one run to the next; None for the default.
        max_age: Seconds after which a result says nothing any more; by default three intervals.
        fail_after: How many runs in a row, or seconds as `"30s"`, have to fail before it counts; till then it warns.
        recover_after: The same for passing again.
        scope: Whose fault a failure is: `local` (this process or machine), `shared` (what all instances use) or
            `external` (what others run). By default what *call* says, else `local`.
        gate: Whether its groups fail with it; by default only for the scope `local`, since what all share fails for all
            at once, and taking all away from traffic helps nobody. `"force"` even in `live`.
        affects: Routes that suffer, as in `"/orders/{id}"`; shown while it does not pass.
        tags: Words that are shown with it.
    """

    call: Call | str
    groups: Iterable[str] | None = None
    timeout: float | None = None
    interval: float | None = None
    max_age: float | None = None
    fail_after: Limit = 1
    recover_after: Limit = 1
    scope: Scope | None = None
    gate: Gate | None = None
    affects: Iterable[str] = ()
    tags: Iterable[str] = ()


CheckLike: TypeAlias = Call | str | Check


class Loaded(NamedTuple):
    """A check with nothing left to look up."""

    call: Call
    groups: frozenset[str]
    timeout: float
    interval: float = 10.0
    max_age: float = 30.0
    fail: Patience = Patience()
    recover: Patience = Patience()
    scope: str = "local"
    gates: bool = True
    affects: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def load(name: str, given: CheckLike, timeout: float, interval: float = 10.0) -> Loaded:
    """
    Make a check of what the settings *given* for *name* say.

    Raises:
        ValueError: a name that cannot be of a path, nothing that can be called without arguments, a group that is
            nearly one of ours, a shared check in `live`, a number that cannot be.
    """
    if not isinstance(name, str) or not name.strip("/ ") == name != "" or not name.isprintable():
        raise ValueError(f"health.checks: {name!r} is not a name such as 'database'")
    if len(name) > MAX_NAME:
        raise ValueError(f"health.checks: a name has {MAX_NAME} characters at most: {name[:MAX_NAME]!r}")
    place = f"health.checks.{name}"
    found = _found(place, given)
    check = found if isinstance(found, Check) else Check(_callable(place, found))
    call = _callable(place, _found(place, check.call))
    limits = seconds(f"{place}.timeout", timeout if check.timeout is None else check.timeout)
    every = seconds(f"{place}.interval", interval if check.interval is None else check.interval)
    age = max(3 * every, every + 2 * limits) if check.max_age is None else seconds(f"{place}.max_age", check.max_age)
    if age <= every:
        raise ValueError(f"{place}.max_age: {age:g} s have to be more than the interval, {every:g} s")
    groups = _groups(place, _own(call, "groups", ("ready",)) if check.groups is None else check.groups)
    scope: Any = _scope(place, call, check.scope)
    gates = _gates(place, groups, scope, _own(call, "gate", None) if check.gate is None else check.gate)
    return Loaded(
        call,
        groups,
        limits,
        every,
        age,
        limit(f"{place}.fail_after", check.fail_after),
        limit(f"{place}.recover_after", check.recover_after),
        scope,
        gates,
        tuple(_path(f"{place}.affects", route) for route in _listed(f"{place}.affects", check.affects)),
        _listed(f"{place}.tags", check.tags),
    )


def seconds(place: str, value: float) -> float:
    """
    *value* as a time to wait.

    Raises:
        ValueError: not a finite number above 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{place}: {value!r} is not a number of seconds above 0")
    return float(value)


def _found(place: str, given: object) -> object:
    """What text stands for: a built-in check, or what a module holds; and what an object is a check of."""
    if isinstance(given, str):
        from . import builtin  # noqa: PLC0415 - its checks import this package, and most services need none of them

        if builtin.known(given):
            return _built(place, builtin.builtin, given)
        try:
            given = imported(given)
        except UnnamedError as error:
            reason = error.reason or f"{given!r} is not module:callable"
            raise ValueError("; ".join(filter(None, (f"{place}: {reason}", error.hint)))) from None
    if isinstance(given, Check) or callable(given):
        return given
    from . import builtin  # noqa: PLC0415 - as above

    return _built(place, builtin.engine_check, given) if builtin.is_engine(given) else given


def _built(place: str, build: Callable[[Any], object], given: object) -> object:
    try:
        return build(given)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


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


def _own(call: Call, name: str, otherwise: Any) -> Any:
    """What our own checks say of themselves; attributes of others may mean anything."""
    value = getattr(call, name, None)
    if name == "scope":
        return value if isinstance(value, str) and value in SCOPES else otherwise
    if name == "gate":
        return value if isinstance(value, bool) else otherwise
    sound = isinstance(value, tuple | frozenset) and all(isinstance(word, str) for word in value)
    return value if sound else otherwise


def _groups(place: str, groups: Iterable[str]) -> frozenset[str]:
    for group in _listed(f"{place}.groups", groups):
        if group not in GROUPS:
            if group in RESERVED:
                raise ValueError(f"{place}.groups: {group!r} is what else is served there; choose another name")
            near = suggested(group, GROUPS)
            if near or not _name.fullmatch(group):
                raise ValueError(f"{place}.groups: {group!r} is unknown{near}")
    return frozenset(groups)


_name: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _listed(place: str, words: Iterable[str]) -> tuple[str, ...]:
    if isinstance(words, str):
        raise ValueError(f"{place}: a list is needed, as in [{words!r}]")  # noqa: TRY004
    listed = tuple(words)
    for word in listed:
        if not isinstance(word, str):
            raise ValueError(f"{place}: {word!r} is unknown")  # noqa: TRY004
    return listed


def _scope(place: str, call: Call, scope: str | None) -> str:
    if scope is None:
        return str(_own(call, "scope", "local"))
    if scope not in SCOPES:
        hint = suggested(scope, SCOPES) or f"; known are {', '.join(SCOPES)}"
        raise ValueError(f"{place}.scope: {scope!r} is unknown{hint}")
    return scope


def _gates(place: str, groups: frozenset[str], scope: str, gate: object) -> bool:
    if gate not in (None, True, False, "force"):
        raise ValueError(f"{place}.gate: {gate!r} is neither True nor False nor 'force'")
    if "live" in groups and scope != "local" and gate != "force":
        raise ValueError(
            f"{place}: what is {scope} does not belong into 'live': when it fails, all instances are restarted, which"
            " cures nothing. Ask it in 'ready'; or say gate='force' to have it so nevertheless"
        )
    return scope == "local" if gate is None else bool(gate)


def _path(place: str, route: str) -> str:
    path = route.rpartition(" ")[2]
    if not path.startswith("/"):
        raise ValueError(f"{place}: {route!r} is not a route such as '/orders/{{id}}'")
    return path
