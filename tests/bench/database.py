"""A PostgreSQL server of our own for one run, as `make live` has fetched it."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Missing", "postgresql"]

FETCH: Final = Path(__file__).resolve().parents[1] / "live" / "fetch_postgresql.py"

START: Final = 30.0


class Missing(Exception):
    """There is no server; says why."""


@contextmanager
def postgresql() -> Iterator[Callable[[], str]]:
    """
    What makes a new database, and returns its URL.

    Raises:
        Missing: no server could be started.
    """
    programs = _programs()
    account: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="midwatch-bench-"))
    if account:
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = ["-D", str(folder / "data")]
    made = ["-A", "trust", "-U", "midwatch", "-E", "UTF8", "--locale=C.UTF-8"]
    served = ["-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1", "-c", "log_min_messages=fatal"]
    quiet: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **account}
    server = None
    try:
        subprocess.run([programs / "initdb", *data, *made], check=True, **quiet)
        server = subprocess.Popen([programs / "postgres", *data, *served], **quiet)
        _await(port)
        numbers = itertools.count()
        yield lambda: _new_database(port, f"audit{next(numbers)}")
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)  # Without a checkpoint: nobody reads it again.
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    spec = importlib.util.spec_from_file_location("fetch_postgresql", FETCH)
    if spec is None or spec.loader is None or importlib.util.find_spec("psycopg") is None:
        raise Missing("psycopg is not installed")
    fetch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fetch)
    try:
        return Path(fetch.programs())
    except fetch.MissingError as missing:
        raise Missing(str(missing)) from None


def _await(port: int) -> None:
    import psycopg

    until = monotonic() + START
    while True:
        try:
            psycopg.connect(f"postgresql://midwatch@127.0.0.1:{port}/postgres").close()
        except psycopg.OperationalError:
            if monotonic() > until:
                raise Missing("PostgreSQL did not start") from None
            sleep(0.05)  # It tells nobody that it is ready.
        else:
            return


def _new_database(port: int, name: str) -> str:
    import psycopg

    with psycopg.connect(f"postgresql://midwatch@127.0.0.1:{port}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"postgresql+psycopg://midwatch@127.0.0.1:{port}/{name}"
