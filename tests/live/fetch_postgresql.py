"""
The PostgreSQL server, from Debian's packages.

    python -m tests.live.fetch_postgresql

Installed only where the machine is ours to install on. Exit status: 0 it is there, 1 it is not, and stderr says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PATIENCE = 600
"""Seconds for 60 MB."""


class MissingError(Exception):
    """The server cannot be had; why."""


def programs() -> Path:
    """
    The folder of its programs: the latest version.

    Raises:
        MissingError: it is not there.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    if elsewhere is None:
        raise MissingError("PostgreSQL is not there; as root, `python -m tests.live.fetch_postgresql` installs it")
    return Path(elsewhere).resolve().parent


def fetch() -> None:
    """
    Install it, unless it is.

    Raises:
        MissingError: this is no Debian, or not ours, or the packages cannot be had.
    """
    try:
        programs()
    except MissingError:
        pass
    else:
        return
    if shutil.which("apt-get") is None or os.getuid() != 0:
        raise MissingError("PostgreSQL comes from Debian's packages, which only root can install")
    try:
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-qq", "--no-install-recommends", "postgresql")
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingError(f"PostgreSQL cannot be installed: {error}") from None
    programs()


def _run(*command: str) -> None:
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, check=True, timeout=PATIENCE, stdout=sys.stderr, env=quiet)


if __name__ == "__main__":
    try:
        fetch()
    except MissingError as missing:
        print(f"fetch_postgresql: {missing}", file=sys.stderr)
        sys.exit(1)
