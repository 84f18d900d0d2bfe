"""Directories of slots, and scripts that run in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from midwatch.metrics.slots import Slot

PRELUDE = """
import os, signal, sys, threading, time
from pathlib import Path
from midwatch.metrics.slots import Slot, default_directory, workers_hint
directory = Path(sys.argv[1])

def wait(*pids):
    for pid in pids:
        assert os.waitpid(pid, 0)[1] == 0
"""

Make = Callable[[], Slot]
Run = Callable[[str], str]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "slots"


@pytest.fixture
def make(directory: Path) -> Iterator[Make]:
    """Slots of that directory, closed at the end."""
    made: list[Slot] = []

    def one() -> Slot:
        made.append(Slot(directory))
        return made[-1]

    yield one
    for slot in made:
        slot.close()


@pytest.fixture
def run(directory: Path) -> Run:
    """Run a script that knows the directory; what it prints."""

    def to_its_end(script: str) -> str:
        done = subprocess.run(command(script, directory), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    return to_its_end


def command(script: str, *arguments: Path) -> list[str]:
    """How a script is run that begins with `PRELUDE`."""
    ignored = ["-W", "ignore::DeprecationWarning"]  # Of a fork while there are threads.
    return [sys.executable, *ignored, "-c", PRELUDE + script, *map(str, arguments)]
