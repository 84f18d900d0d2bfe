"""
HAProxy and nginx, from Debian's packages. Unpacked, not installed: neither is started by the machine.

    python tests/live/fetch_haproxy.py

Exit status: 0 they are there, 1 one of them is not, and stderr says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2] / ".venv" / "proxies"
"""Where they are kept, each in a folder of its name; `make clean` removes it."""

PACKAGES = {
    "haproxy": ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1", "libpcre2-8-0"),
    "nginx": ("nginx",),
}
"""By server, with the libraries that a small machine lacks."""

PROGRAMS = {"haproxy": "usr/sbin/haproxy", "nginx": "usr/sbin/nginx"}

PATIENCE = 300
"""Seconds for a few megabytes."""


class MissingError(Exception):
    """A server cannot be had; why."""


def environment(server: str) -> dict[str, str]:
    """What its program is run with."""
    machine = sysconfig.get_config_var("MULTIARCH") or ""
    folders = [ROOT / server / folder for folder in (f"usr/lib/{machine}", f"lib/{machine}")]
    return os.environ | {"LD_LIBRARY_PATH": ":".join(map(str, folders))}


def program(server: str) -> Path:
    """
    The server's program.

    Raises:
        MissingError: it is not there, or does not start.
    """
    path = ROOT / server / PROGRAMS[server]
    if not path.exists():
        raise MissingError(f"{server} is not there; `python tests/live/fetch_haproxy.py` fetches it")
    done = subprocess.run([path, "-v"], env=environment(server), capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingError(f"{server} does not start: {done.stderr.strip()[-300:]}")
    return path


def fetch(server: str) -> None:
    """
    Unpack its packages, unless they are.

    Raises:
        MissingError: this is no Debian, or its packages cannot be had.
    """
    if (ROOT / server).exists():
        program(server)
        return
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise MissingError(f"{server} comes from Debian's packages, and there is no {tool} here")
    ROOT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        try:
            try:
                _download(server, folder)
            except subprocess.CalledProcessError:
                _run("apt-get", "update", "-qq")
                _download(server, folder)
            unpacked = Path(folder) / "root"
            for package in sorted(Path(folder).glob("*.deb")):
                _run("dpkg", "-x", package, unpacked)
        except (OSError, subprocess.SubprocessError) as error:
            raise MissingError(f"{server} cannot be fetched: {error}") from None
        unpacked.replace(ROOT / server)
    program(server)


def _download(server: str, folder: str) -> None:
    _run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *PACKAGES[server], cwd=folder)


def _run(*command: str | Path, cwd: str | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, timeout=PATIENCE, stdout=sys.stderr)


if __name__ == "__main__":
    status = 0
    for name in PACKAGES:
        try:
            fetch(name)
        except MissingError as missing:
            print(f"fetch_haproxy: {missing}", file=sys.stderr)
            status = 1
    sys.exit(status)
