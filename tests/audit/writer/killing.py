"""
Writers that are killed at random moments, in the middle of their work.

Run as a program: `python -m writer.killing URL FOLDER COUNT AT_ONCE SEED`. It forks so many writers, kills each, has
another one finish what they left, and prints what was acknowledged, one name a line.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import threading
import time
from itertools import count
from pathlib import Path

from midwatch.audit.stores import open_store
from midwatch.audit.writer import Writer

from .shelf import SERVICE, body

THREADS = 4


def writer(url: str, folder: str, deadline: float) -> Writer:
    return Writer(open_store(url), service=SERVICE, spill=Path(folder), deadline=deadline)


def work(url: str, folder: str, said: int, deadline: float) -> None:
    """Put events until killed, and say which were acknowledged."""
    mine = writer(url, folder, deadline)

    def one(thread: int) -> None:
        chance = random.Random(os.getpid() * 10 + thread)
        for number in count():
            name = f"{os.getpid()}.{thread}.{number}"
            ack = mine.put(body(name), b'{"ua":"curl"}', chance.choice(["strict", "durable", "durable"]))
            assert ack is not None
            if ack.exception() is None:
                os.write(said, f"{name}\n".encode())

    for thread in range(THREADS):
        threading.Thread(target=one, args=(thread,)).start()
    threading.Event().wait()


def finish(url: str, folder: str) -> None:
    """Hand on all that was left."""
    mine = writer(url, folder, 0.25)
    ack = mine.put(body("finish"))
    assert ack is not None
    ack.result(60)
    until = time.monotonic() + 60
    while [*Path(folder).glob("*.spill")]:
        assert time.monotonic() < until
        time.sleep(0.01)  # Nobody tells that files are gone.
    assert mine.close(60)


class Killed:
    """A writer in a process of its own."""

    def __init__(self, url: str, folder: str, chance: random.Random) -> None:
        self.out, said = os.pipe()
        self.wanted = chance.choice([0, 1, 5, 20, 50])
        deadline = chance.choice([0.0005, 0.005, 0.25])
        self.pid = os.fork()
        if not self.pid:
            try:
                os.close(self.out)
                work(url, folder, said, deadline)
            finally:
                os._exit(1)
        os.close(said)

    def kill(self) -> bytes:
        """Kill it when it has acknowledged enough; all that it has acknowledged."""
        found = b""
        until = time.monotonic() + 30
        while found.count(b"\n") < self.wanted and time.monotonic() < until:
            if select.select([self.out], [], [], 0.1)[0]:
                found += os.read(self.out, 65536) or b"\n" * self.wanted
        time.sleep(random.uniform(0, 0.005))  # any moment will do
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        while rest := os.read(self.out, 65536):
            found += rest
        os.close(self.out)
        return found


def main(url: str, folder: str, many: int, at_once: int, seed: int) -> None:
    chance = random.Random(seed)
    running = [Killed(url, folder, chance) for _ in range(at_once)]
    for number in range(many):
        found = running.pop(0).kill()
        sys.stdout.write("".join(f"{line}\n" for line in found.decode().split("\n")[:-1] if line))
        if number + at_once < many:
            running.append(Killed(url, folder, chance))
    sys.stdout.flush()
    finish(url, folder)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
