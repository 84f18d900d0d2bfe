"""
Prometheus with promtool, and its blackbox exporter, from Debian's packages. Unpacked, not installed, which starts them.

    python tests/live/fetch_prometheus.py

Exit status: 0 they are there, 1 one of them is not, and stderr says why.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2] / ".venv" / "prometheus"
"""Where they are kept; `make clean` removes it."""

PACKAGES = {
    "prometheus": ("prometheus", "usr/bin/prometheus"),
    "promtool": ("prometheus", "usr/bin/promtool"),
    "blackbox": ("prometheus-blackbox-exporter", "usr/bin/prometheus-blackbox-exporter"),
}
"""By program: its package, and where it is in it. All are of one file each, without libraries."""

PATIENCE = 300
"""Seconds for twenty megabytes."""


class MissingError(Exception):
    """A program cannot be had; why."""


def program(name: str) -> Path:
    """
    Where the program is.

    Raises:
        MissingError: it is not there, or does not start.
    """
    package, inside = PACKAGES[name]
    path = ROOT / package / inside
    if not path.exists():
        raise MissingError(f"{name} is not there; `python tests/live/fetch_prometheus.py` fetches it")
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingError(f"{name} does not start: {done.stderr.strip()[-300:]}")
    return path


def fetch(name: str) -> None:
    """
    Unpack its package, unless it is.

    Raises:
        MissingError: this is no Debian, or its package cannot be had.
    """
    package, _ = PACKAGES[name]
    if (ROOT / package).exists():
        program(name)
        return
    ROOT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        try:
            try:
                _download(package, folder)
            except subprocess.CalledProcessError:
                _run("apt-get", "update", "-qq")
                _download(package, folder)
            (archive,) = Path(folder).glob("*.deb")
            unpacked = Path(folder) / "root"
            _run("dpkg", "-x", archive, unpacked)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise MissingError(f"{name} cannot be fetched: {error}") from None
        unpacked.replace(ROOT / package)
    program(name)


def _download(package: str, folder: str) -> None:
    _run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package, cwd=folder)


def _run(*command: str | Path, cwd: str | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, timeout=PATIENCE, stdout=sys.stderr)


if __name__ == "__main__":
    status = 0
    for wanted in PACKAGES:
        try:
            fetch(wanted)
        except MissingError as missing:
            print(f"fetch_prometheus: {missing}", file=sys.stderr)
            status = 1
    sys.exit(status)
