"""Programs on the loopback: started on a free port, waited for, stopped by their process id."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PAUSE = 0.02
"""Seconds between two looks at a foreign process, which tells nobody what it has done."""


@dataclass
class Process:
    """One running program; what it says goes to a file."""

    popen: subprocess.Popen[bytes]
    out: Path

    @classmethod
    def start(cls, command: Sequence[str | Path], out: Path, env: Mapping[str, str] | None = None) -> Process:
        """Run *command* in the folder of *out*."""
        with out.open("wb") as file:
            return cls(subprocess.Popen(command, cwd=out.parent, env=env, stdout=file, stderr=file), out)

    def said(self) -> str:
        return self.out.read_text("utf-8", "replace")

    def until(self, done: Callable[[], T | None], seconds: float = 20) -> T:
        """What *done* returns once that is something; fails with the program's words."""
        until = time.monotonic() + seconds
        while (found := done()) is None:
            assert self.popen.poll() is None, f"it has ended:\n{self.said()}"
            assert time.monotonic() < until, f"not within {seconds:g} s:\n{self.said()[-5000:]}"
            time.sleep(PAUSE)
        return found

    def listens(self, port: int) -> None:
        """Wait until *port* takes a connection; a request would leave a trace."""
        self.until(lambda: _connects(port))

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Signal it, and wait for its end; its exit status."""
        if self.popen.poll() is None:
            self.popen.send_signal(how)
        try:
            return self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _connects(port: int) -> bool | None:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return None
    return True
