"""
The trackers Bugsink and foxray, each installed once into an environment of its own, since they pin what they need.

    python -m tests.live.fetch_trackers [bugsink] [foxray]

Exit status: 0 they are there, 1 one is not, and stderr says why.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ENVIRONMENTS = Path(__file__).parents[2] / ".venv"
"""Where they are kept; `make clean` removes them."""

TRACKERS = {"bugsink": "bugsink==2.6.1", "foxray": "foxray==0.1.2"}

PATIENCE = 600
"""Seconds; Bugsink is 190 MB."""


class MissingError(Exception):
    """A tracker cannot be had; why."""


def program(tracker: str, name: str) -> Path:
    """A program of a tracker's environment."""
    return ENVIRONMENTS / tracker / "bin" / name


def is_there(tracker: str) -> bool:
    """Whether *tracker* has been installed, wholly."""
    return (ENVIRONMENTS / tracker / "installed").exists()


def fetch(tracker: str) -> None:
    """
    Install *tracker*, unless it is.

    Raises:
        MissingError: nobody has it.
    """
    if is_there(tracker):
        return
    try:
        venv.create(ENVIRONMENTS / tracker, with_pip=True, clear=True)
        pip: list[str | Path] = [
            program(tracker, "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, TRACKERS[tracker]], check=True, timeout=PATIENCE, stdout=sys.stderr)
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingError(f"{TRACKERS[tracker]} cannot be installed: {error}") from None
    (ENVIRONMENTS / tracker / "installed").touch()


if __name__ == "__main__":
    status = 0
    for wanted in sys.argv[1:] or TRACKERS:
        try:
            fetch(wanted)
        except MissingError as missing:
            print(f"fetch_trackers: {missing}", file=sys.stderr)
            status = 1
    sys.exit(status)
