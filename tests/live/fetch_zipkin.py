"""
The Zipkin server, fetched once from Maven Central and compared with the digest that is published beside it.

    python -m tests.live.fetch_zipkin

Maven fetches it, because it knows the mirrors of its machine. Exit status: 0 it is there, 1 it is not, and stderr says
why.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "3.6.1"
SHA256 = "d8326e0ed4f43855dba81228f688554706e52578a7c782d9a90b73f8680654a1"
NAME = f"zipkin-server-{VERSION}-exec.jar"
JAR = Path(__file__).parents[2] / ".venv" / "zipkin" / NAME
"""Where it is kept; `make clean` removes it."""

PATIENCE = 300
"""Seconds for 130 MB."""


class MissingError(Exception):
    """The server cannot be had; why."""


def fetch() -> Path:
    """
    The server's jar.

    Raises:
        MissingError: nobody has it, or what came is something else.
    """
    if JAR.exists():
        return JAR
    JAR.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=JAR.parent) as folder:
        part = Path(folder) / NAME
        try:
            _by_maven(part.parent)
        except (OSError, subprocess.SubprocessError) as error:
            raise MissingError(f"{NAME} cannot be fetched: {error}") from None
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != SHA256:
            raise MissingError(f"{NAME} has the SHA-256 {found}, not {SHA256}")
        part.replace(JAR)
    return JAR


def _by_maven(folder: Path) -> None:
    artifact = f"-Dartifact=io.zipkin:zipkin-server:{VERSION}:jar:exec"
    # In the folder, where no pom.xml can be found.
    subprocess.run(
        ["mvn", "-q", "-B", "dependency:copy", artifact, f"-DoutputDirectory={folder}"],
        cwd=folder,
        check=True,
        timeout=PATIENCE,
        stdout=sys.stderr,
    )


if __name__ == "__main__":
    try:
        fetch()
    except MissingError as missing:
        print(f"fetch_zipkin: {missing}", file=sys.stderr)
        sys.exit(1)
