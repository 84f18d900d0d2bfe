"""What `midwatch check` is asked to look at: a dict in a module, or a JSON file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .kinds import Refused
from .named import imported
from .problem import Problem, SettingsError
from .shown import LENGTH, masked, shown

__all__ = ["read_target"]

HELP = "midwatch check --help"


def read_target(target: str) -> Any:
    """
    What *target* names: `FILE.json`, or `MODULE:NAME` as seen from the current directory.

    Raises:
        SettingsError: there is no such thing, or it cannot be read.
    """
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)  # For the modules that settings name, too.
    if target.endswith(".json"):
        return _file(Path(target))
    try:
        return imported(target)
    except Refused as refused:
        reason = refused.reason or "expected MODULE:NAME or FILE.json"
        raise SettingsError([Problem(shown(target), reason, refused.hint, help=HELP)], "") from None


def _file(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}:{error.colno}"
        line = text.splitlines()[error.lineno - 1 : error.lineno]
        problem = Problem(place, f"no JSON: {error.msg}", piece=_piece(line, error.colno), help=HELP)
    except OSError as error:
        problem = Problem(str(path), error.strerror or str(error), help=HELP)
    except (ValueError, RecursionError) as error:
        problem = Problem(str(path), f"no JSON: {type(error).__name__}", help=HELP)
    raise SettingsError([problem], "")


def _piece(lines: list[str], column: int) -> tuple[str, int, int] | None:
    """The line that is wrong, unless it may hold a secret or would not line up."""
    for line in lines:
        if len(line) <= LENGTH and line.isascii() and line.isprintable() and masked(line) == line:
            return line, column - 1, 1
    return None
