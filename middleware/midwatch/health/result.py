"""What a check may say, and how it is read."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from ..logs.safe import safe_text

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Failed", "Reading", "Result", "Status", "class_name", "judge", "now", "worst"]

MAX_OUTPUT: Final = 1000
"""Characters of `output`, and of what was observed as text, that are shown; Consul stores the first 4 KiB of a body."""

MAX_UNIT: Final = 32


class Status(StrEnum):
    """
    Of a check and of the whole, in order of trouble.

    All but `UNKNOWN` are those of draft-inadarei-api-health-check-06 section 3.1.
    """

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    """Works, with concerns; traffic still comes."""
    UNKNOWN = "unknown"
    """Not asked yet, or too long ago: a failure where much depends on it, else a concern."""
    FAIL = "fail"


class Result(NamedTuple):
    """
    What a check found, for checks that have more to say than pass or fail.

    Args:
        status: `"pass"`, `"warn"`, `"fail"` or `"unknown"`; also `ok`, `up`, `error` and `down`, in any case.
        output: A word to the operator. It leaves the service: nothing secret.
        observed: What was measured; the seconds that the check took where that is None.
        unit: Of *observed*.
    """

    status: str
    output: str | None = None
    observed: float | str | None = None
    unit: str | None = None


class Failed(Result):
    """
    What a built-in check found, with what it caught.

    Attributes:
        error: For the log, never for a client; it is no part of the value, which may be shown.
    """

    error: BaseException | None = None

    @classmethod
    def by(cls, error: BaseException, output: str) -> Failed:
        """A failure that is shown as *output*."""
        failed = cls("fail", output)
        failed.error = error
        return failed


class Reading(NamedTuple):
    """
    One run of one check, as reported.

    Attributes:
        time: When it was over (RFC 3339, UTC).
        seconds: How long it took.
        error: What the check raised; for the log, never for a client.
    """

    status: Status
    output: str | None
    observed: float | str
    unit: str | None
    time: str
    error: BaseException | None = None
    seconds: float = 0.0


STATUSES: Final = {
    "pass": Status.PASS,
    "ok": Status.PASS,
    "up": Status.PASS,
    "warn": Status.WARN,
    "unknown": Status.UNKNOWN,
    "fail": Status.FAIL,
    "error": Status.FAIL,
    "down": Status.FAIL,
}
ORDER: Final = tuple(Status)


def worst(statuses: Iterable[Status]) -> Status:
    """The status of a whole from those of its parts; nothing to check is a pass."""
    return max(statuses, key=ORDER.index, default=Status.PASS)


def now() -> str:
    """The wall clock, as RFC 3339 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def class_name(value: object) -> str:
    """The name of the class of *value*, whatever its metaclass says."""
    name: str = type.__dict__["__name__"].__get__(type(value))
    return name


def judge(value: object, seconds: float, error: BaseException | None = None) -> Reading:
    """
    Read what a check returned after so many *seconds*: None and True pass, False fails, a status is a status.

    Anything else fails, for a check that answers nonsense checks nothing. The value itself is not repeated: it could
    hold what clients may not see.
    """
    result = value if isinstance(value, Result) else _plain(value)
    status = STATUSES.get(result.status.strip().lower()) if isinstance(result.status, str) else None
    if status is None or not _is_sound(result):
        status, result = Status.FAIL, Result("fail", f"returned nonsense ({class_name(value)})")
    if isinstance(value, Failed):
        error = value.error
    output = None if result.output is None else safe_text(result.output)[:MAX_OUTPUT]
    observed, unit = result.observed, result.unit
    if observed is None:
        observed, unit = round(seconds, 6), "s"
    elif isinstance(observed, float) and not math.isfinite(observed):
        observed = str(observed)  # JSON has no such numbers.
    elif isinstance(observed, str):
        observed = safe_text(observed)[:MAX_OUTPUT]
    unit = None if unit is None else safe_text(unit)[:MAX_UNIT]
    return Reading(status, output, observed, unit, now(), error, seconds)


def _plain(value: object) -> Result:
    if value is None or value is True:
        return Result("pass")
    if value is False:
        return Result("fail", "returned False")
    return Result(value if isinstance(value, str) else "")


def _is_sound(result: Result) -> bool:
    return (
        isinstance(result.output, str | None)
        and isinstance(result.unit, str | None)
        and isinstance(result.observed, int | float | str | None)
    )
