"""The event of a request that is over and that nobody waits for: made by the thread that writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from ..record import Actor
from .detail import split
from .event import event
from .parts import IDENTITY

if TYPE_CHECKING:
    from .event import Body
    from .seen import Seen

__all__ = ["Draft", "lasted", "lasting"]

FIXED: Final = 768
"""Bytes of keys, ids, numbers and words, at most."""

WIDEST: Final = 4
"""Bytes of a character, at most, as it is or escaped."""

_lasting: Final = frozenset({str, int, type(None)})


def lasting(actor: Any) -> bool:
    """Whether *actor* will be the same when the event is made."""
    return actor is None or (type(actor) is Actor and all(type(part) in _lasting for part in actor))


@final
class Draft:
    """
    What it will be made of.

    There it takes a third of the time that it takes between two requests, since many are made in a row.

    Args:
        seen: The request.
        time: When it was over, nanoseconds since the epoch.
        random: 74 bits for the id.
        service: From `service_part`.
        level: See `midwatch.audit.event.event`.

    Attributes:
        size: Bytes that it will have, at most, its detail included.
    """

    __slots__ = ("_level", "_random", "_seen", "_service", "_time", "size")

    def __init__(self, seen: Seen, time: int, random: int, service: Body, level: str) -> None:
        self._seen, self._time, self._random, self._service, self._level = seen, time, random, service, level
        source, actor = seen.source, seen.actor
        texts = 2 * len(seen.route or "") + 2 * len(seen.method) + len(seen.request_id or "")
        texts += len(source.ip) + len(source.peer_ip or "") + len(source.forwarded or "")
        texts += min(IDENTITY, len(seen.agent or ""))
        if actor is not None:
            texts += sum(len(str(part)) for part in actor)
        self.size = FIXED + WIDEST * (texts + sum(map(len, service.values())))

    def made(self) -> tuple[Body, bytes | None]:
        """The body, but for its place in a chain, and canonical JSON of what can be erased one day."""
        seen = self._seen
        body = event("request", self._time, self._random, self._service, seen=seen, level=self._level)
        body["duration_ms"] = lasted(self._time, seen)
        return body, split(body)


def lasted(time: int, seen: Seen) -> int:
    """Milliseconds from the start of the request until *time*."""
    return max(0, (time - seen.started_at) // 1_000_000)
