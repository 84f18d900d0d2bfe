"""uvicorn under load, with and without: server and client on cores of their own, rounds alternating."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

import msgspec

from .calls import HEADERS, PATH
from .child import pin
from .client import drive
from .processes import Broken, command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Load", "Rate", "measure_load"]

CONNECTIONS: Final = 16
START: Final = 30.0
"""Seconds that a server may take to answer for the first time."""


class Rate(msgspec.Struct):
    """
    The best of a variant's rounds.

    Attributes:
        per_second: Requests answered.
        cpu: Microseconds of the server's CPU for one of them, the least of all rounds, where the system tells.
        busy: Share of its core that the server used: far below 1, the client was too slow.
    """

    per_second: float
    cpu: float | None = None
    busy: float | None = None


class Load(msgspec.Struct):
    """Rates by variant, and what drove them."""

    client: str
    rates: dict[str, Rate]


def measure_load(variants: Iterable[str], rounds: int, seconds: float, tell: Callable[[str], None]) -> Load:
    """
    Drive each of *variants* for *seconds*, *rounds* times in turn.

    Raises:
        Broken: a server did not start, or answered anything but 200.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    theirs, ours = (cores[0], cores[-1]) if len(cores) > 1 else (None, None)
    load = Load("wrk" if shutil.which("wrk") else "a Python client", {})
    wanted = list(variants)
    try:
        # The client, wrk included, stays on our core.
        pin(ours)
        for number in range(rounds):
            for variant in wanted:
                tell(f"load round {number + 1} of {rounds}: {variant}, {seconds:g} s")
                with _serving(variant, theirs) as (port, process):
                    _drive(port, min(1.0, seconds / 2))
                    rate = _rate(port, process, seconds)
                load.rates[variant] = _better(load.rates.get(variant), rate)
    finally:
        if cores:
            os.sched_setaffinity(0, cores)
    return load


def _better(known: Rate | None, rate: Rate) -> Rate:
    if known is None:
        return rate
    better = rate if rate.per_second > known.per_second else known
    if known.cpu is not None and rate.cpu is not None:
        better.cpu = min(known.cpu, rate.cpu)
    return better


@contextmanager
def _serving(variant: str, core: int | None) -> Iterator[tuple[int, int]]:
    """A server of *variant*: its port and process id."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        port = listener.getsockname()[1]
        fd = listener.fileno()
        process = subprocess.Popen(command("serve", variant, str(fd), str(core)), pass_fds=(fd,))
    try:
        # The socket listens already: the first request waits in it until the server is up.
        request = urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", headers=HEADERS)
        try:
            with urllib.request.urlopen(request, timeout=START) as response:
                response.read()
        except OSError as error:
            raise Broken(f"{variant} behind uvicorn: {error}") from error
        yield port, process.pid
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _rate(port: int, process: int, seconds: float) -> Rate:
    worked, started = _cpu_seconds(process), perf_counter()
    rate = Rate(_drive(port, seconds))
    taken = perf_counter() - started
    if worked is not None:
        worked = (_cpu_seconds(process) or worked) - worked
        rate.busy, rate.cpu = worked / taken, worked / (rate.per_second * taken) * 1e6
    return rate


def _drive(port: int, seconds: float) -> float:
    """Requests per second during *seconds*."""
    wrk = shutil.which("wrk")
    try:
        return asyncio.run(drive(port, seconds, CONNECTIONS)) if wrk is None else _wrk(wrk, port, seconds)
    except ConnectionError as error:
        raise Broken(f"under load: {error}") from error


def _wrk(wrk: str, port: int, seconds: float) -> float:
    headers = [part for name, value in HEADERS.items() for part in ("-H", f"{name}: {value}")]
    # wrk takes whole seconds.
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"]
    url = f"http://127.0.0.1:{port}{PATH}"
    done = subprocess.run([wrk, *options, *headers, url], stdout=subprocess.PIPE, text=True, check=False)
    rate = re.search(r"Requests/sec: *([\d.]+)", done.stdout)
    if done.returncode != 0 or rate is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise Broken(f"wrk ended with {done.returncode}: {done.stdout}")
    return float(rate[1])


def _cpu_seconds(process: int) -> float | None:
    """Seconds of CPU that *process* has used (proc(5), fields 14 and 15)."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return None
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))
