"""
rsyslog and syslog-ng, from Debian's packages. Unpacked, not installed: as packages, each of them excludes the other.

    python tests/live/fetch_syslog.py

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

ROOT = Path(__file__).parents[2] / ".venv" / "syslog"
"""Where they are kept, each in a folder of its name; `make clean` removes it."""

PACKAGES = {
    "rsyslog": ("rsyslog", "rsyslog-gnutls", "libestr0", "libfastjson4", "liblognorm5"),
    "syslog-ng": ("syslog-ng-core", "libglib2.0-0", "libivykis0", "libjson-c5", "libnet1", "libpcre3", "libwrap0"),
}
"""
By server, with the libraries that a small machine lacks. TLS of rsyslog is GnuTLS: its OpenSSL driver closes each
descriptor twice (rsyslog #6375), so that lines end up in sockets and are lost, above all after a restart.
"""

PROGRAMS = {"rsyslog": "usr/sbin/rsyslogd", "syslog-ng": "usr/sbin/syslog-ng"}

PATIENCE = 300
"""Seconds for a few megabytes."""


class MissingError(Exception):
    """A server cannot be had; why."""


def libraries(server: str) -> list[Path]:
    """Folders of libraries."""
    machine = sysconfig.get_config_var("MULTIARCH") or ""
    return [ROOT / server / folder for folder in (f"usr/lib/{machine}", f"lib/{machine}", f"usr/lib/{server}")]


def environment(server: str) -> dict[str, str]:
    """What its programs are run with."""
    return os.environ | {"LD_LIBRARY_PATH": ":".join(map(str, libraries(server)))}


def program(server: str) -> Path:
    """
    The server's program.

    Raises:
        MissingError: it is not there, or does not start.
    """
    path = ROOT / server / PROGRAMS[server]
    if not path.exists():
        raise MissingError(f"{server} is not there; `python tests/live/fetch_syslog.py` fetches it")
    version = "-v" if server == "rsyslog" else "--version"
    done = subprocess.run([path, version], env=environment(server), capture_output=True, text=True, check=False)
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
            print(f"fetch_syslog: {missing}", file=sys.stderr)
            status = 1
    sys.exit(status)
