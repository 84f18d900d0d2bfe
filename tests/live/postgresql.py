"""A PostgreSQL server of our own: a new cluster on a free port of the loopback, gone when the tests are over."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .fetch_postgresql import MissingError, programs
from .process import Process, free_port

USER = "midwatch"

OPTIONS = ("listen_addresses=127.0.0.1", "max_connections=200", "logging_collector=off", "log_min_messages=error")


@dataclass
class PostgreSQL:
    """A running server."""

    folder: Path
    port: int
    process: Process
    account: dict[str, Any]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def start(cls) -> PostgreSQL:
        """Make a cluster and serve it; skips where that cannot be."""
        try:
            bin_ = programs()
        except MissingError as missing:
            pytest.skip(str(missing))
        pytest.importorskip("psycopg", reason="psycopg is not installed")
        # It refuses to run as root, and another account cannot look into the folders of pytest.
        account: dict[str, Any] = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
        )
        folder = Path(tempfile.mkdtemp(prefix="midwatch-postgresql-"))
        if account:
            shutil.chown(folder, "postgres", "postgres")
        options: list[str | Path] = [
            "-D",
            folder / "data",
            "-A",
            "trust",
            "-U",
            USER,
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        subprocess.run([bin_ / "initdb", *options], cwd=folder, check=True, capture_output=True, **account)
        port = free_port()
        return cls(folder, port, _serve(bin_, folder, port, account), account)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{USER}:not-a-secret@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The name of a new, empty one."""
        name = f"audit{next(self._numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return name

    def execute(self, database: str, statement: str, user: str = USER) -> list[Any]:
        """Run it in a session of its own; the rows, if there are any."""
        import psycopg

        place = f"postgresql://{user}@127.0.0.1:{self.port}/{database}"
        with psycopg.connect(place, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def crash(self) -> None:
        """End it as a loss of power would, but for the disk; and start it again."""
        self.process.stop(signal.SIGQUIT)
        self.restart()

    def restart(self) -> None:
        self.stop()
        self.process = _serve(programs(), self.folder, self.port, self.account)

    def stop(self) -> None:
        """End all sessions, then the server."""
        self.process.stop(signal.SIGINT)


def _serve(bin_: Path, folder: Path, port: int, account: dict[str, Any]) -> Process:
    command: list[str | Path] = [bin_ / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder]
    for option in OPTIONS:
        command += ["-c", option]
    out = folder / "postgres.out"
    with out.open("ab") as file:
        process = Process(subprocess.Popen(command, cwd=folder, stdout=file, stderr=file, **account), out)
    process.until(lambda: _is_ready(bin_, port))
    return process


def _is_ready(bin_: Path, port: int) -> bool | None:
    """A server that listens may still be recovering."""
    done = subprocess.run([bin_ / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False)
    return done.returncode == 0 or None


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One server for all tests; each takes a database of its own."""
    server = PostgreSQL.start()
    yield server
    server.process.stop(signal.SIGQUIT)  # at once: nobody needs its data
    shutil.rmtree(server.folder)


@pytest.fixture
def database(postgresql: PostgreSQL) -> str:
    """The name of a new database."""
    return postgresql.new_database()
