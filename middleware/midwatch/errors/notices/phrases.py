"""
Pieces of notices, each one line.

All that comes from outside goes through `midwatch.errors.text`: bounded, known kinds of secrets masked.
"""

from __future__ import annotations

from time import gmtime, strftime
from typing import TYPE_CHECKING, Any, Final

from ..text import one_line, shown

if TYPE_CHECKING:
    from ..occurrence import Occurrence

__all__ = ["causes", "duration", "flat", "many", "moment", "request", "stack", "where"]

SHORT: Final = 200
"""Characters of one piece."""

FRAMES: Final = 5
CAUSES: Final = 3
"""Of one error."""


def flat(text: str, limit: int = SHORT) -> str:
    """*text* as one printable line; what turns the direction of writing, say, would change what is read."""
    line = one_line(shown(text, limit), limit)
    if not line.isprintable():
        line = "".join(character if character.isprintable() else "?" for character in line)
    return line


def where(described: dict[str, Any]) -> str:
    """The innermost frame of the application, or else of all."""
    frames = _own(described)
    return _frame(frames[-1]) if frames else "unknown"


def stack(described: dict[str, Any]) -> list[str]:
    """The innermost frames, where there are several."""
    frames = _own(described)[-FRAMES:]
    return ["Stack, innermost last:", *(f"  {_frame(frame)}" for frame in frames)] if len(frames) > 1 else []


def _own(described: dict[str, Any]) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = described.get("exception.frames", [])
    return [frame for frame in frames if frame["in_app"]] or frames


def _frame(frame: dict[str, Any]) -> str:
    return flat(f"{frame['file']}:{frame['line']} in {frame['function']}")


def causes(described: dict[str, Any]) -> list[str]:
    """What led to it, nearest first."""
    links = described.get("exception.chain", [])[:CAUSES]
    return [f"Caused by {flat(link['type'] + ': ' + link['message'])}" for link in links]


def request(occurrence: Occurrence) -> list[str]:
    """Which request failed, and what failed where it was none."""
    known = occurrence.request
    place = known.get("http.route") or known.get("url.path") or ""
    told = {
        "Of": None if occurrence.where == "request" else occurrence.where,
        "Request": f"{known.get('http.request.method', '')} {place}".strip(),
        "Request id": known.get("request_id"),
        "Trace": known.get("trace_id"),
    }
    return [f"{name}: {flat(value)}" for name, value in told.items() if value]


def many(number: int, what: str) -> str:
    """So many of them."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def moment(seconds: float) -> str:
    """Seconds since the epoch, as people say it."""
    return strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(seconds))


def duration(seconds: float) -> str:
    """Seconds, as people say it."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
