"""Authentications: what the application recorded of them, and requests that were answered with 401."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from .asking import conditions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..stores.store import Filter
    from .asking import Source

__all__ = ["Attempt", "attempts"]

UNAUTHORISED: Final = 401
"""RFC 9110 section 15.5.2: credentials are missing, or do not do."""

TRACES: Final = 1_000
"""Requests whose recorded failure is remembered until the request itself ends."""

ATTEMPT: Final = "(kind = 'auth' OR (kind = 'request' AND outcome = 'denied'))"


class Attempt(NamedTuple):
    """One of them: when (nanoseconds since the epoch), as whom, from where, how it ended, and which event says so."""

    time: int
    actor: str | None
    ip: str | None
    outcome: str | None
    event: str | None


class _Http(msgspec.Struct):
    status: int | None = None


class _Body(msgspec.Struct):
    http: _Http | None = None
    amends: str | None = None


_body: Final = msgspec.json.Decoder(_Body).decode


def attempts(source: Source, wanted: Filter) -> Iterator[Attempt]:
    """
    Those of *wanted*, in the order of time.

    A request is one failure, whether the application recorded it, or its status says so, or both, or it was amended.
    """
    where, values = conditions(wanted._replace(kind=None, outcome=None), ATTEMPT)
    sql = "SELECT time, actor, ip, outcome, id, trace_id, CASE WHEN kind = 'request' THEN body END"
    recorded: OrderedDict[str, int] = OrderedDict()
    for *one, trace, body in source.each(f"{sql} FROM audit_event{where} ORDER BY time, stream, seq", values):
        attempt = Attempt(*one)
        if type(attempt.time) is not int:
            # SQLite keeps text there, too, if somebody insists.
            continue
        if body is None:
            if trace and attempt.outcome in {"failure", "denied"}:
                recorded[trace] = recorded.get(trace, 0) + 1
                if len(recorded) > TRACES:
                    recorded.popitem(last=False)
        elif not _unauthorised(body):
            continue
        elif trace and recorded.get(trace):
            # Once for each: whoever sends the trace id of others does not get away with it.
            recorded[trace] -= 1
            continue
        yield attempt


def _unauthorised(body: Any) -> bool:
    try:
        found = _body(body)
    except (ValueError, TypeError, RecursionError):
        return False
    return found.amends is None and found.http is not None and found.http.status == UNAUTHORISED
