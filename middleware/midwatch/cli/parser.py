"""The parser of every command."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from ..nearest import nearest
from ..settings import Problem
from ..settings.problem import render
from .answer import has_colour

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Iterable

__all__ = ["Commands", "Parser"]

_choice: Final = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)", re.DOTALL).search


class Parser(argparse.ArgumentParser):
    """A parser whose help begins with examples and whose errors look like all others."""

    def __init__(self, *, examples: str = "", **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self._examples = examples

    def format_help(self) -> str:
        return f"examples:\n{self._examples}\n\n{super().format_help()}"

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As ever, but the command that does not know an argument says so itself, and not the one above it."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [name for action in self._actions for name in action.option_strings]
            self._refuse(f"unrecognized arguments: {' '.join(unknown)}", _meant(unknown[0].partition("=")[0], options))
        return found, unknown

    def error(self, message: str) -> NoReturn:
        choice = _choice(message)
        self._refuse(message, _meant(choice[1], re.findall(r"[\w-]+", choice[2])) if choice else "")

    def _refuse(self, message: str, hint: str) -> NoReturn:
        problem = Problem(self.prog, message, hint, help=f"{self.prog} --help")
        self.exit(2, render(problem, colour=has_colour(sys.stderr)) + "\n")


def _meant(given: str, known: Iterable[str]) -> str:
    guess = nearest(given, known)
    return f'did you mean "{guess}"?' if guess else ""


Commands: TypeAlias = "_SubParsersAction[Parser]"
