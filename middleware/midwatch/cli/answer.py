"""What a command comes to, and how it is said."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..settings.problem import render

if TYPE_CHECKING:
    from typing import TextIO

    from ..settings import Problem

__all__ = ["SCHEMA", "Answer", "as_json", "has_colour", "refused"]

SCHEMA: Final = 1
"""Version of what `--json` prints."""


class Answer(NamedTuple):
    """What a command comes to: printed at the end, so that a reader who leaves does not change the exit code."""

    code: int
    out: str = ""
    words: str = ""


def refused(problem: Problem) -> Answer:
    """The answer to what cannot be done."""
    return Answer(2, "", render(problem, colour=has_colour(sys.stderr)))


def as_json(value: Any) -> str:
    """*value* for programs."""
    return json.dumps(value, indent=2)


def has_colour(stream: TextIO) -> bool:
    """Whether *stream* is a terminal that shows colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
