"""The parser of every command."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from ..settings import Problem
from ..settings.problem import render
from .answer import has_colour

if TYPE_CHECKING:
    from argparse import _SubParsersAction

__all__ = ["Commands", "Parser"]


class Parser(argparse.ArgumentParser):
    """A parser whose help begins with examples and whose errors look like all others."""

    def __init__(self, *, examples: str = "", **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self._examples = examples

    def format_help(self) -> str:
        return f"examples:\n{self._examples}\n\n{super().format_help()}"

    def error(self, message: str) -> NoReturn:
        problem = Problem(self.prog, message, help=f"{self.prog} --help")
        self.exit(2, render(problem, colour=has_colour(sys.stderr)) + "\n")


Commands: TypeAlias = "_SubParsersAction[Parser]"
