"""One span as a picture needs it, whichever format it came in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OUTCOMES", "Event", "Key", "Scalar", "Span", "worse"]

Scalar: TypeAlias = "str | int | float | bool"

Key: TypeAlias = "tuple[str, bool]"
"""What tells the spans of one trace apart: the id, and whether it is the server's half of a shared one."""

OUTCOMES: Final = ("ok", "cancelled", "aborted", "incomplete", "error")
"""From the best to the worst."""


class Event(NamedTuple):
    """Something that happened during a span. *time* is in nanoseconds since the epoch, 0 where unknown."""

    name: str
    time: int
    attributes: Mapping[str, Scalar]


class Span(NamedTuple):
    """
    One operation within a trace.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: None for a root, and where nobody said (`source` is then `"line"`).
        kind: `server`, `client`, `producer`, `consumer`, `internal`, or empty.
        start: Nanoseconds since the epoch, 0 where unknown.
        duration: Nanoseconds.
        outcome: One of `OUTCOMES`.
        source: `"span"`; `"line"` for a line of a request log; `"note"` for any other line, which is only an event.
        shared: The server's half of a span that client and server share (Zipkin, B3).
    """

    trace_id: str
    span_id: str
    parent_id: str | None = None
    service: str = ""
    name: str = ""
    kind: str = ""
    start: int = 0
    duration: int = 0
    outcome: str = "ok"
    error_type: str | None = None
    attributes: Mapping[str, Scalar] = {}
    events: tuple[Event, ...] = ()
    source: str = "span"
    shared: bool = False

    @property
    def key(self) -> Key:
        """What it is known by within its trace."""
        return self.span_id, self.shared

    @property
    def entry(self) -> bool:
        """Whether a service was entered here: what became of it is what a caller saw."""
        return self.kind in {"server", "consumer"} or self.parent_id is None

    @property
    def status(self) -> str:
        """Of the HTTP response; empty if there was none."""
        found = self.attributes.get("http.response.status_code", self.attributes.get("http.status_code", ""))
        return str(found)[:3]

    @property
    def label(self) -> str:
        """Its name, and where that is only a method, what was asked."""
        name = self.name or "?"
        if "/" in name or " " in name or self.kind not in {"client", "server"}:
            return name
        said = self.attributes
        host, path = str(said.get("server.address", "")), str(said.get("url.path", ""))
        if self.kind == "client":
            whole = str(said.get("url.full") or said.get("http.url") or "").partition("?")[0].partition("#")[0]
            target = whole.partition("://")[2].rpartition("@")[2] or host + path
        else:
            target = path
        return f"{name} {target}" if target else name


def worse(one: str, other: str) -> str:
    """The worse of two outcomes."""
    return max(one, other, key=OUTCOMES.index)
