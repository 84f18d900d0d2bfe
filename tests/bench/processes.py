"""Other processes of the benchmark."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["Broken", "command"]


class Broken(Exception):
    """The benchmark cannot say anything: a process ended, or an answer was not the application's."""


def command(*arguments: str) -> list[str]:
    """How to start this package in another process."""
    return [sys.executable, str(Path(__file__).parent), *arguments]
