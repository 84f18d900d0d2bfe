"""
Redis, from Debian's packages; unpacked, not installed.

    python tests/live/fetch_redis.py

Exit status: 0 it is there, 1 it is not, and stderr says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2] / ".venv" / "redis"
"""Where it is kept; `make clean` removes it."""

PACKAGES = (
    "redis-server", "redis-tools", "libatomic1", "libjemalloc2", "liblzf1",
)  # fmt: skip
"""With the libraries that a small machine lacks."""

PATIENCE = 300
"""Seconds for a few megabytes."""


class MissingError(Exception):
    """The server cannot be had; why."""


def environment() -> dict[str, str]:
    """What it is run with."""
    machine = sysconfig.get_config_var("MULTIARCH") or ""
    folders = (ROOT / "usr/lib" / machine, ROOT / "lib" / machine)
    return os.environ | {"LD_LIBRARY_PATH": ":".join(map(str, folders))}


def program() -> Path:
    """
    The server.

    Raises:
        MissingError: it is not there, or does not start.
    """
    path = ROOT / "usr/bin/redis-server"
    if not path.exists():
        raise MissingError("Redis is not there; `python tests/live/fetch_redis.py` fetches it")
    done = subprocess.run([path, "--version"], env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingError(f"Redis does not start: {done.stderr.strip()[-300:]}")
    return path


def fetch() -> None:
    """
    Unpack it, unless it is.

    Raises:
        MissingError: this is no Debian, or its packages cannot be had.
    """
    if ROOT.exists():
        program()
        return
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise MissingError(f"Redis comes from Debian's packages, and there is no {tool} here")
    ROOT.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT.parent) as folder:
        try:
            try:
                _download(folder)
            except subprocess.CalledProcessError:
                _run("apt-get", "update", "-qq")
                _download(folder)
            unpacked = Path(folder) / "root"
            for package in sorted(Path(folder).glob("*.deb")):
                _run("dpkg", "-x", package, unpacked)
        except (OSError, subprocess.SubprocessError) as error:
            raise MissingError(f"Redis cannot be fetched: {error}") from None
        unpacked.replace(ROOT)
    program()


def _download(folder: str) -> None:
    _run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *PACKAGES, cwd=folder)


def _run(*command: str | Path, cwd: str | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, timeout=PATIENCE, stdout=sys.stderr)


if __name__ == "__main__":
    try:
        fetch()
    except MissingError as missing:
        print(f"fetch_redis: {missing}", file=sys.stderr)
        sys.exit(1)
