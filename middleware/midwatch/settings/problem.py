"""
What is wrong with the settings, and the one way in which it is told: place, reason, nearest right name, what to run.

```
error: log.feilds: unknown setting
  in settings
    "log": {"feilds": ...}
            ^^^^^^^^ did you mean "fields"?
  known: fields, level, propagate, root, to
  help: midwatch check --explain log.fields
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Problem", "SettingsError", "render"]

MOST: Final = 20
"""Problems that one message tells in full."""


class Problem(NamedTuple):
    """
    One thing that is wrong.

    Attributes:
        path: Of the setting, as in `trace.to[0]`.
        reason: What is wrong with it.
        hint: What to write instead, where that can be told.
        known: All right names, where the name is wrong.
        piece: One line of the settings that shows it, and the column and width of the offending part.
        help: What to run next.
    """

    path: str
    reason: str
    hint: str = ""
    known: tuple[str, ...] = ()
    piece: tuple[str, int, int] | None = None
    help: str = ""

    def __str__(self) -> str:
        hint = f", {self.hint}" if self.hint else ""
        known = f"{' ' if hint else '; '}known: {', '.join(self.known)}" if self.known else ""
        return f"{self.path}: {self.reason}{hint}{known}"


class SettingsError(ValueError):
    """
    The settings are wrong; as text, every problem with its place and remedy.

    Attributes:
        problems: All of them, in the order of the settings.
        source: Where the settings come from.
    """

    def __init__(self, problems: Sequence[Problem], source: str = "settings") -> None:
        super().__init__(problems, source)
        self.problems = tuple(problems)
        self.source = source

    def __str__(self) -> str:
        return self.rendered()

    def rendered(self, *, colour: bool = False) -> str:
        """The text, for a terminal that shows colours or for anything else."""
        told = [render(problem, self.source, colour=colour) for problem in self.problems[:MOST]]
        if len(self.problems) > MOST:
            more = len(self.problems) - MOST
            told.append(f"and {more} more {'problem' if more == 1 else 'problems'}")
        return "\n".join(told)


SettingsError.__module__ = "midwatch.settings"


def render(problem: Problem, source: str = "", *, colour: bool = False) -> str:
    """*problem* in two to six lines."""
    red, off = ("\x1b[1;31m", "\x1b[0m") if colour else ("", "")
    lines = [f"{red}error:{off} {problem.path}: {problem.reason}"]
    if source:
        lines.append(f"  in {source}")
    if problem.piece is not None:
        text, column, width = problem.piece
        lines += [f"    {text}", f"    {' ' * column}{red}{'^' * width}{off} {problem.hint}".rstrip()]
    elif problem.hint:
        lines.append(f"  {problem.hint}")
    if problem.known:
        lines.append(f"  known: {', '.join(problem.known)}")
    if problem.help:
        lines.append(f"  help: {problem.help}")
    return "\n".join(lines)
