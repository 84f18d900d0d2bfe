"""What honest processes do is never an alarm: restarts, forks, several hosts, kill -9, and writing meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from midwatch.audit.anchors import read
from midwatch.audit.stores import open_store
from midwatch.audit.verify import verify_store
from midwatch.audit.writer import Writer

from ..checkpoints.conftest import LONG, SERVICE, SIGNER, Trail
from ..checkpoints.test_processes import Run, anchor, end, run
from .conftest import build, put, put_down

if TYPE_CHECKING:
    from midwatch.audit.verify import Verdict

__all__ = ["anchor", "run"]

AUDIT = Path(__file__).parent.parent

KILLED = 12

GROWS = 3


@pytest.fixture(params=["sqlite", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{request.param}:///{tmp_path}/audit".replace("file:////", "file:///")


@pytest.fixture
def trail(url: str) -> Trail:
    made = Trail(url)
    made.store.close()
    return made


def judge(trail: Trail, anchor: Path | None = None) -> Verdict:
    store = open_store(trail.url, read_only=True)
    store.open()
    try:
        anchors = None if anchor is None else read(anchor)
        verdict = verify_store(store, verifiers=[SIGNER.verifier()], anchors=anchors)
    finally:
        store.close()
    assert verdict.state == "sound", verdict.text()
    return verdict


def test_workers_that_fork_and_are_killed(trail: Trail, anchor: Path, run: Run) -> None:
    first, second = run(forks=2), run()
    for _ in range(3):
        judge(trail, anchor)
    os.kill(second.pid, signal.SIGKILL)
    third = run()
    judge(trail, anchor)
    end(first)
    end(third)
    verdict = judge(trail, anchor)
    assert verdict.streams >= 5
    assert not [finding for finding in verdict.findings if finding.severity != "warning"]


def test_restarts_and_two_hosts(trail: Trail) -> None:
    for host in ("web-1", "web-2", "web-1"):
        writer = Writer(open_store(trail.url), service={**SERVICE, "host": host}, deadline=10.0)
        put(writer, 3, b'{"ua":"curl"}')
        assert writer.close(LONG)
    store = open_store(trail.url, read_only=True)
    store.open()
    verdict = verify_store(store)
    store.close()
    assert (verdict.state, verdict.streams, verdict.events) == ("sound", 3, 15), verdict.text()


def test_writers_that_are_killed_at_random_moments(url: str, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "writer.killing", url, str(tmp_path / "spill"), str(KILLED), "3", "7"]
    subprocess.run(program, cwd=AUDIT, check=True, stdout=subprocess.PIPE, timeout=120)
    store = open_store(url, read_only=True)
    store.open()
    verdict = verify_store(store)
    store.close()
    assert verdict.state == "sound", verdict.text()
    assert verdict.streams >= 2


def test_a_trail_that_grows_meanwhile(url: str) -> None:
    case = build(url)
    told: list[tuple[int, int]] = []

    def grow(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) > GROWS:
            return
        put(case.writer, 2, b"{}")
        case.trail.store.open()
        case.commit()

    verdict = case.verify(progress=grow)
    put_down(case)
    assert verdict.state == "sound", verdict.text()
    assert told
    assert all(done <= total for done, total in told)


def test_an_empty_store_cannot_be_judged(trail: Trail) -> None:
    trail.store.open()
    verdict = verify_store(trail.store)
    trail.store.close()
    assert (verdict.state, verdict.exit_code) == ("unknown", 2)


def test_streams_from_before_a_time_can_be_left_out(url: str) -> None:
    case = build(url)
    assert case.verify(since=2**62).events == 0
    assert case.verify(since=0).events == 16
    put_down(case)


def test_a_verdict_is_the_same_for_programs(url: str) -> None:
    case = build(url)
    said = case.verify(anchored=False).as_dict()
    put_down(case)
    assert (said["state"], said["events"], said["unanchored"]) == ("sound", 16, 16)
    assert [finding["what"] for finding in said["findings"]] == ["no anchor"]
