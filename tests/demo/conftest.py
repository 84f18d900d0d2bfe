"""The demo as a process, and what one whole run of it leaves."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHOP = Path(__file__).parents[2] / "examples" / "shop"
LONGEST = 120
"""Seconds after which a run is given up; it takes three."""


class Run:
    """The demo as a process, with a directory of its own for what it writes."""

    def __init__(self, files: Path, *options: str, **environment: str) -> None:
        self.files = files
        self.told: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, str(SHOP / "demo.py"), *options],
            env={**os.environ, "TMPDIR": str(files), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, start: str) -> None:
        """Wait for a line on stderr."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.told.append(line)
            if line.startswith(start):
                return
        raise AssertionError(f"the demo ended without {start!r}: {''.join(self.told)}")

    def shown_until(self, start: str) -> list[str]:
        """Wait for a line on stdout; everything up to it."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line)
            if line.lstrip().startswith(start):
                return lines
        raise AssertionError(f"the demo ended without {start!r}: {''.join(lines)}")

    def end(self) -> Ended:
        shown, told = self.process.communicate(timeout=LONGEST)
        return Ended(self.process.returncode, shown, "".join(self.told) + told, self.files)


@dataclass
class Ended:
    """A run that is over: exit status, stdout, stderr, and where it wrote."""

    status: int
    shown: str
    told: str
    files: Path

    @property
    def groups(self) -> list[int]:
        """Process groups of both services."""
        return [int(pid) for pid in re.findall(r" pid (\d+)", self.told)]

    def alive(self) -> list[int]:
        """Groups of which a process is still there."""
        return [group for group in self.groups if _alive(group)]

    def left(self) -> list[object]:
        """Processes and files that are still there."""
        until = time.monotonic() + 5
        while self.alive() and time.monotonic() < until:
            time.sleep(0.01)  # Who has been killed is gone when the kernel says so, which tells nobody.
        return [*self.alive(), *self.files.iterdir()]


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def run(*options: str, **environment: str) -> Run:
        runs.append(Run(tmp_path, *options, **environment))
        return runs[-1]

    yield run
    for run_ in runs:
        if run_.process.poll() is None:
            run_.process.terminate()
            run_.process.communicate(timeout=LONGEST)
        for stream in (run_.process.stdout, run_.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """One whole run, its files kept."""
    return Run(tmp_path_factory.mktemp("demo"), "--keep").end()


@dataclass
class Shop:
    """The modules of the demo, and what one run of it left."""

    checks: Any
    evidence: Any
    paint: Any
    found: Any


@pytest.fixture
def shop(kept: Ended, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.syspath_prepend(str(SHOP))
    before = set(sys.modules)
    checks, evidence, paint = (importlib.import_module(name) for name in ("checks", "evidence", "paint"))
    (files,) = kept.files.iterdir()
    found = evidence.read(files)
    found.scrapes = {
        name: evidence.Scrape(Counter({("GET", "/"): expected["requests"]}), {"status": "pass"})
        for name, expected in checks.EXPECTED.items()
    }
    yield Shop(checks, evidence, paint, found)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(str(sys.modules[name].__file__)).parent == SHOP:
            del sys.modules[name]
