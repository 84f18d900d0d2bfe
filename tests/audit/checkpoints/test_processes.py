"""Real processes: forks, several workers, and kill -9."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from midwatch.audit.anchors import read
from midwatch.audit.checkpoints import digest, root_of

from .conftest import LONG, SIGNER, Trail, committed, until

WORKER = Path(__file__).with_name("worker.py")

Process: TypeAlias = "subprocess.Popen[bytes]"

Run: TypeAlias = Callable[..., Process]


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return tmp_path / "anchors.jsonl"


@pytest.fixture
def run(trail: Trail, anchor: Path) -> Iterator[Run]:
    made: list[Process] = []

    def begin(forks: int = 0) -> Process:
        process = subprocess.Popen(
            [sys.executable, str(WORKER), trail.url, f"file://{anchor}", str(forks)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        made.append(process)
        assert process.stdout is not None
        for _ in range(forks + 1):
            assert process.stdout.readline().strip().isdigit()
        return process

    yield begin
    for process in made:
        process.kill()
        process.communicate()


def end(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    assert process.wait(LONG) == 0


def check(trail: Trail, anchor: Path) -> None:
    """One chain of checkpoints, each signed, each true; and nothing else was published."""
    kept, payloads = trail.checkpoints(), trail.payloads()
    previous = ""
    every: dict[str, tuple[int, str]] = {}
    for n, (checkpoint, payload) in enumerate(zip(kept, payloads, strict=True)):
        assert (payload.n, payload.previous) == (n, previous)
        assert checkpoint.signature is not None
        assert SIGNER.verifier().check(checkpoint.payload, checkpoint.signature)
        every |= {stream: (seq, chain) for stream, seq, chain in payload.commitments}
        assert payload.root == root_of([(stream, *head) for stream, head in sorted(every.items())]).hex()
        previous = digest(checkpoint.payload).hex()
    for stream, (seq, chain) in every.items():
        (row,) = trail.store.chain_of(stream, seq - 1, 1)
        assert row.chain.hex() == chain
    assert {one.digest for one in read(anchor)} <= {checkpoint.digest.hex() for checkpoint in kept}


def _more(trail: Trail, count: int) -> Callable[[], bool]:
    seen = len(trail.checkpoints())
    return lambda: len(trail.checkpoints()) >= seen + count


def test_workers_that_fork_make_one_chain_and_the_last_of_them_covers_all(trail: Trail, run: Run, anchor: Path) -> None:
    process = run(forks=2)
    until(lambda: len(trail.checkpoints()) > 3 and len(trail.heads()) == 3)
    end(process)
    until(lambda: committed(trail.payloads()) == trail.heads())
    until(lambda: not trail.payloads()[-1].open)
    check(trail, anchor)


def test_whoever_is_killed_leaves_the_lead_to_another(trail: Trail, run: Run, anchor: Path) -> None:
    chance = random.Random(5)
    processes = [run() for _ in range(2)]
    for _ in range(4):
        until(_more(trail, 1 + chance.randrange(3)))
        victim = processes.pop(chance.randrange(2))
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait(LONG)
        processes.append(run())
    until(_more(trail, 1))
    for process in processes:
        end(process)
    assert committed(trail.payloads()) == trail.heads()
    check(trail, anchor)
    assert [one.n for one in read(anchor)][-1] == trail.checkpoints()[-1].n
