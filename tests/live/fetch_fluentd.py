"""
The forward server of the npm package `@fluent-org/logger`, installed once.

    python -m tests.live.fetch_fluentd

Exit status: 0 it is there, 1 it is not, and stderr says why.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = "@fluent-org/logger"
VERSION = "1.0.10"
FOLDER = Path(__file__).parents[2] / ".venv" / "fluentd"
"""Where it is kept; `make clean` removes it."""

MODULE = FOLDER / "node_modules" / PACKAGE
PATIENCE = 120
"""Seconds for 1 MB."""


class MissingError(Exception):
    """The server cannot be had; why."""


def fetch() -> Path:
    """
    The package's folder.

    Raises:
        MissingError: there is no npm, or it does not get it.
    """
    if (MODULE / "package.json").exists():
        return MODULE
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise MissingError("Node.js, with npm, is not installed")
    FOLDER.mkdir(parents=True, exist_ok=True)
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--loglevel=error"]
    try:
        subprocess.run(
            [npm, "install", *quiet, "--prefix", FOLDER, f"{PACKAGE}@{VERSION}"],
            check=True,
            timeout=PATIENCE,
            stdout=sys.stderr,
        )
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(FOLDER, ignore_errors=True)
        raise MissingError(f"{PACKAGE} {VERSION} cannot be installed: {error}") from None
    return MODULE


if __name__ == "__main__":
    try:
        fetch()
    except MissingError as missing:
        print(f"fetch_fluentd: {missing}", file=sys.stderr)
        sys.exit(1)
