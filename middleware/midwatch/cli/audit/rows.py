"""Events for people: a line each, or all that is in one."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any, Final

from ...picture.screen import Screen
from ..answer import has_colour
from .grid import grid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...audit.export.opened import Event

__all__ = ["COLOURS", "line", "screen", "table", "told"]

HEAD: Final = ("time", "outcome", "actor", "action", "resource", "ip", "reason")

OUTCOME: Final = HEAD.index("outcome")

WHOLE: Final = frozenset({"time", "outcome"})
"""Where half of it says nothing."""

COLOURS: Final = {"denied": "33", "failure": "33", "error": "31", "aborted": "2", "unknown": "2"}

LONGEST: Final = 1024
"""Characters of one value."""


def screen() -> Screen:
    """What stdout is drawn on."""
    width = shutil.get_terminal_size((120, 24)).columns
    return Screen(width, has_colour(sys.stdout), getattr(sys.stdout, "encoding", None) or "utf-8")


def table(events: Sequence[Event], on: Screen) -> str:
    """*events*, one row each."""

    def ink(at: int, text: str) -> str:
        return COLOURS.get(text, "") if at == OUTCOME else ""

    return grid(HEAD, [_cells(event, on) for event in events], on, whole=WHOLE, ink=ink)


def line(event: Event, on: Screen) -> str:
    """*event* alone, for who cannot know how wide the next ones will be."""
    time, outcome, *others = _cells(event, on)
    return "  ".join([time, on.ink(COLOURS.get(outcome, ""), outcome.ljust(7)), *(text for text in others if text)])


def _cells(event: Event, on: Screen) -> tuple[str, ...]:
    actor = event.text("actor", "id") or event.text("actor", "type") or "unknown"
    behind = event.text("actor", "impersonator", "id")
    resources = [f"{one.get('type', '')}:{one.get('id', '')}".rstrip(":") for one in event.resources]
    resource = resources[0] if resources else ""
    if len(resources) > 1:
        resource += f" +{len(resources) - 1}"
    status = event.number("http", "status")
    reason = event.reason or event.text("reason", "policy") or ("" if status is None else str(status))
    stage = "intent" if event.text("stage") == "intent" else event.text("outcome") or "unknown"
    time = (event.text("time") or "unknown").replace("T", " ")[:23]
    cells = (
        time,
        stage,
        f"{actor} (by {behind})" if behind else actor,
        event.text("action") or "unknown",
        resource,
        event.text("source", "ip") or "",
        reason,
    )
    return tuple(on.clean(cell[:LONGEST]) for cell in cells)


def told(event: Event, on: Screen) -> str:
    """All that is in *event*: a line for each value, by its path."""
    lines = [line(event, on)]
    lines += [f"  {on.clean(path)}: {on.clean(value)}" for path, value in _values(event.body, "")]
    if event.detail:
        lines += [f"  detail.{on.clean(path)}: {on.clean(value)}" for path, value in _values(event.detail, "")]
    elif event.text("detail_digest"):
        lines.append("  detail: erased")
    return "\n".join(lines)


def _values(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _values(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _values(inner, f"{path}[{at}]")
    else:
        yield path, str(value)[:LONGEST]
