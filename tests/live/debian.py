"""Programs of Debian's packages: unpacked below `.venv`, not installed, so that the machine starts none of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import NamedTuple

VENV = Path(__file__).parents[2] / ".venv"
"""What is unpacked is kept below it; `make clean` removes it."""

PATIENCE = 300
"""Seconds for twenty megabytes."""


class MissingError(Exception):
    """A program cannot be had; why."""


class Program(NamedTuple):
    """
    What is unpacked for one program.

    Attributes:
        inside: Where it is.
        packages: The packages, with the libraries that a small machine lacks.
        version: The option with which it says its version, and ends.
        libraries: A further folder of libraries.
    """

    inside: str
    packages: tuple[str, ...]
    version: str = "--version"
    libraries: str = ""


class Unpacked:
    """
    Some programs, by name.

    Args:
        folder: Of theirs, below `VENV`.
        script: The module that fetches them.
        programs: Those of the same packages share what is unpacked.
    """

    def __init__(self, folder: str, script: str, programs: dict[str, Program]) -> None:
        self._folder, self._script, self._programs = VENV / folder, script, programs

    def root(self, name: str) -> Path:
        """Where the packages of a program are unpacked."""
        return self._folder / self._programs[name].packages[0]

    def libraries(self, name: str) -> list[Path]:
        """Folders of its libraries."""
        machine = sysconfig.get_config_var("MULTIARCH") or ""
        folders = (f"usr/lib/{machine}", f"lib/{machine}", self._programs[name].libraries)
        return [self.root(name) / folder for folder in folders if folder]

    def environment(self, name: str) -> dict[str, str]:
        """What it is run with."""
        return os.environ | {"LD_LIBRARY_PATH": ":".join(map(str, self.libraries(name)))}

    def program(self, name: str) -> Path:
        """
        The program.

        Raises:
            MissingError: it is not there, or does not start.
        """
        one = self._programs[name]
        path = self.root(name) / one.inside
        if not path.exists():
            raise MissingError(f"{name} is not there; `python -m tests.live.{self._script}` fetches it")
        done = subprocess.run(
            [path, one.version], env=self.environment(name), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise MissingError(f"{name} does not start: {done.stderr.strip()[-300:]}")
        return path

    def fetch(self, name: str) -> None:
        """
        Unpack its packages, unless they are.

        Raises:
            MissingError: this is no Debian, or its packages cannot be had.
        """
        if not self.root(name).exists():
            for tool in ("apt-get", "dpkg"):
                if shutil.which(tool) is None:
                    raise MissingError(f"{name} comes from Debian's packages, and there is no {tool} here")
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._folder) as folder:
                try:
                    _unpack(self._programs[name].packages, Path(folder)).replace(self.root(name))
                except (OSError, subprocess.SubprocessError) as error:
                    raise MissingError(f"{name} cannot be fetched: {error}") from None
        self.program(name)

    def main(self) -> int:
        """Fetch all of them; the exit status: 0 they are there, 1 one of them is not, and stderr says why."""
        status = 0
        for name in self._programs:
            try:
                self.fetch(name)
            except MissingError as missing:
                print(f"{self._script}: {missing}", file=sys.stderr)
                status = 1
        return status


def _unpack(packages: tuple[str, ...], folder: Path) -> Path:
    download = ("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *packages)
    try:
        _run(*download, cwd=folder)
    except subprocess.CalledProcessError:
        _run("apt-get", "update", "-qq")
        _run(*download, cwd=folder)
    unpacked = folder / "root"
    for package in sorted(folder.glob("*.deb")):
        _run("dpkg", "-x", package, unpacked)
    return unpacked


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, timeout=PATIENCE, stdout=sys.stderr)
