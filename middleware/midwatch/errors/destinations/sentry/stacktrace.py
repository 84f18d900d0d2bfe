"""
The frames of an exception as trackers show them: with the source around them, and never with variables.

https://develop.sentry.dev/sdk/data-model/event-payloads/stacktrace/
"""

from __future__ import annotations

import linecache
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ....redaction.said import utf8
from ...anatomy import middle_cut, traceback
from ...frames import WIDTH, function_name, is_generated, is_own, relative

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ....redaction import Redactor

__all__ = ["add_source", "stacktrace"]

FRAMES: Final = 100
"""Frames of one exception: those in the middle are left out."""

AROUND: Final = 5
"""Lines before and after the one that was run."""

ROOM: Final = 96 << 10
"""Characters of source in one event."""


def stacktrace(error: BaseException, in_app: Callable[[str], bool], most: int) -> dict[str, Any] | None:
    """
    What *error* went through, outermost first, without source; None where it was never raised, or there is no room.

    Args:
        error: An exception.
        in_app: Whether a file is the application's own.
        most: Frames that there is room for.
    """
    steps = traceback(error)
    if not steps or most <= 0:
        return None
    first, last, omitted = middle_cut(steps, min(FRAMES, most))
    frames = [_frame(step, in_app) for step in (*first, *last)]
    # Numbers of frames, from the outermost, the second excluded.
    left_out = {"frames_omitted": [len(first), len(first) + omitted]} if omitted else {}
    return {"frames": frames, **left_out}


def _frame(step: TracebackType, in_app: Callable[[str], bool]) -> dict[str, Any]:
    code = step.tb_frame.f_code
    file = code.co_filename
    frame: dict[str, Any] = {
        "filename": relative(file),
        "function": function_name(code),
        "in_app": is_own(step, in_app),
    }
    if not is_generated(file):
        frame["abs_path"] = utf8(file[-WIDTH:])
    module = dict.get(step.tb_frame.f_globals, "__name__")
    if type(module) is str:
        frame["module"] = utf8(module[:WIDTH])
    if step.tb_lineno is not None:
        frame["lineno"] = step.tb_lineno
    return frame


def add_source(frames: list[dict[str, Any]], redactor: Redactor) -> None:
    """Add lines of source to *frames*, as long as there is room: the application's first, the innermost first."""
    room = ROOM
    for number in sorted(range(len(frames)), key=lambda number: (not frames[number]["in_app"], -number)):
        frame = frames[number]
        found = _source(frame.get("abs_path", ""), frame.get("lineno", 0), redactor)
        if found is None:
            continue
        before, line, after = found
        room -= len(line) + sum(map(len, before)) + sum(map(len, after))
        if room < 0:
            return
        frame.update(context_line=line, pre_context=before, post_context=after)


@lru_cache(maxsize=1024)
def _source(file: str, line: int, redactor: Redactor) -> tuple[list[str], str, list[str]] | None:
    """The lines before one, itself, and those after it; None where there is no source."""
    try:
        lines = linecache.getlines(file) if file else []
    except Exception:
        return None
    if not 0 < line <= len(lines):
        return None
    start = max(0, line - 1 - AROUND)
    around = [text.rstrip("\r\n")[: 4 * WIDTH] for text in lines[start : line + AROUND]]
    here = line - 1 - start
    # In one piece, since a secret may go over several lines; of a key, the beginning may be out of sight.
    masked = redactor.source("\n".join(around), 4 * WIDTH * len(around)).split("\n")
    if len(masked) != len(around) or any("PRIVATE KEY" in text for text in around):
        return [], redactor.source(around[here], WIDTH), []
    masked = [text[:WIDTH] for text in masked]
    return masked[:here], masked[here], masked[here + 1 :]
