"""
What became of a call, told by what it returned or raised.

| what the call did | outcome |
| --- | --- |
| returned | `success`; of a response, or of `(body, status)`, that of its status |
| raised `PermissionError`, Django's `PermissionDenied`, or an HTTP exception with 401, 403, 407 or 451 | `denied` |
| raised an HTTP exception with another 4xx, or Django's `Http404` | `failure` |
| was cancelled or closed before its end | `aborted` |
| raised anything else | `error` |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .event import DENIED

if TYPE_CHECKING:
    from .entry import EventOutcome

__all__ = ["outcome_of_error", "outcome_of_value"]

NAMED: Final[dict[tuple[str, str], EventOutcome]] = {
    ("django.core.exceptions", "PermissionDenied"): "denied",
    ("django.http.response", "Http404"): "failure",
}
"""Exceptions that carry no status, by module and name."""


def outcome_of_error(error: BaseException) -> EventOutcome:
    """What an exception that leaves a call says of it."""
    if not isinstance(error, Exception):
        return "aborted"
    if isinstance(error, PermissionError):
        return "denied"
    for kind in type(error).__mro__:
        if kind.__name__ == "HTTPException":
            return _outcome_of_http(error)
        named = NAMED.get((kind.__module__, kind.__name__))
        if named is not None:
            return named
    return "error"


def _outcome_of_http(error: Exception) -> EventOutcome:
    """Starlette's have a `status_code`; Werkzeug's a `code`, or a whole response."""
    status = _status(error, "status_code", "code")
    if status is None:
        status = _status(getattr(error, "response", None), "status_code")
    return "error" if status is None else _outcome_of_status(status)


def outcome_of_value(value: object) -> EventOutcome:
    """What a call says that returned *value*, which may be a response."""
    if isinstance(value, tuple):
        status = value[1] if len(value) in {2, 3} and type(value[1]) is int and 400 <= value[1] < 600 else None
    else:
        status = _status(value, "status_code")
    return "success" if status is None else _outcome_of_status(status)


def _outcome_of_status(status: int) -> EventOutcome:
    if status < 400:
        return "success"
    return "denied" if status in DENIED else "failure" if status < 500 else "error"


def _status(thing: object, *names: str) -> int | None:
    """The HTTP status of *thing*, if it has one."""
    for name in names:
        try:
            status = getattr(thing, name, None)
        except Exception:
            return None
        if isinstance(status, int) and 100 <= status < 600:
            return int(status)
    return None
