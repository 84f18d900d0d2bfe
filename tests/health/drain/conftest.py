"""Programs that drain, in processes of their own: signals are meant for whole processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import IO

import pytest

PATIENCE = 20
"""Seconds within which anything here is over."""

BEFORE = """
import logging, os, signal, sys, threading
from pathlib import Path
from midwatch.health.drain import Drain
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
def say(*words):
    # A handler may say something in the midst of this, which a buffered file refuses.
    os.write(1, " ".join(map(str, words)).encode() + b"\\n")
def hear():
    return sys.stdin.readline()
"""


class Program:
    """A Python program, spoken to by lines."""

    def __init__(self, text: str, *arguments: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", BEFORE + text, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self._in: IO[str] = self.popen.stdin
        self._out: IO[str] = self.popen.stdout
        self.heard: list[str] = []

    def until(self, words: str) -> str:
        """Read until a line holds *words*."""
        for line in self._out:
            self.heard.append(line.rstrip())
            if words in line:
                return line.rstrip()
        raise AssertionError(f"{words!r} never came: {self.heard}")

    def tell(self, line: str = "") -> None:
        self._in.write(f"{line}\n")
        self._in.flush()

    def signal(self, number: int) -> None:
        os.kill(self.popen.pid, number)

    def end(self) -> int:
        """Wait for its end; what it said meanwhile is heard."""
        self.heard += self._out.read().splitlines()
        return self.popen.wait(PATIENCE)

    def close(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        self._in.close()
        self._out.close()


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    running: list[Program] = []

    def start(text: str, *arguments: str) -> Program:
        running.append(Program(text, *arguments))
        return running[-1]

    yield start
    for one in running:
        one.close()
