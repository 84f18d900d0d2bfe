"""Workers who share a directory, as real processes of one parent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any

import pytest

from midwatch.health.drain.group import sweep
from midwatch.health.drain.marker import Marker
from midwatch.health.registries.members import Members

WORKERS = """
drains = []
def work(number):
    drain = Drain(shared=Path(sys.argv[1]))
    drain.when_begun(lambda: say(number, "drains"))
    drain.when_ended(lambda: say(number, "goes on"))
    drain.on_startup()
    say(number, "serves")
    while True:
        line = os.read(pipes[number][0], 1)
        if line == b"b":
            drain.begin("POST", 60, shared=True)
        if line == b"e":
            drain.end()
        if line == b"":
            os._exit(0)
import multiprocessing
multiprocessing.parent_process = lambda: True  # As where a server has made them.
pipes = [os.pipe(), os.pipe()]
children = []
for number in (0, 1):
    child = os.fork()
    if child == 0:
        for other in pipes:
            os.close(other[1])
        work(number)
    children.append(child)
for line in sys.stdin:
    number, what = line.split()
    if what == "kill":
        os.kill(children[int(number)], 9)
        os.waitpid(children[int(number)], 0)
        say("killed", number)
    else:
        os.write(pipes[int(number)][1], what.encode())
"""


def test_all_workers_follow_one(program: Callable[..., Any], tmp_path: Path) -> None:
    """A POST to one drains all, a DELETE at any other ends it."""
    server = program(WORKERS, str(tmp_path))
    server.until("serves")
    server.until("serves")
    server.tell("0 b")
    assert {server.until("drains"), server.until("drains")} == {"0 drains", "1 drains"}
    server.tell("1 e")
    assert {server.until("goes on"), server.until("goes on")} == {"0 goes on", "1 goes on"}


def test_it_outlives_the_one_who_was_asked(program: Callable[..., Any], tmp_path: Path) -> None:
    server = program(WORKERS, str(tmp_path))
    server.until("serves")
    server.until("serves")
    server.tell("0 b")
    server.until("1 drains")
    server.tell("0 kill")
    server.until("killed")
    (left,) = tmp_path.glob("drain-*")
    assert left.exists()


@pytest.fixture
def marker(tmp_path: Path) -> Marker:
    return Marker(tmp_path)


def test_it_dies_with_the_last_who_holds_it(tmp_path: Path, marker: Marker) -> None:
    """Whoever starts when its time is over is not drained by workers that were killed."""
    until = time()
    assert marker.make(until)
    other = Marker(tmp_path)
    assert other.standing() == pytest.approx(until, abs=0.01)
    marker.forget()
    third = Marker(tmp_path)
    assert third.standing() is not None, "the second holds it"
    third.forget()
    other.forget()
    assert Marker(tmp_path).standing() is None
    assert list(tmp_path.iterdir()) == []


def test_it_outlives_all_until_its_time(tmp_path: Path, marker: Marker) -> None:
    """Workers that a server replaces, all of them at once, are followed by others who drain as well."""
    until = time() + 60
    assert marker.make(until)
    marker.forget()
    for _ in range(2):
        later = Marker(tmp_path)
        assert later.standing() == pytest.approx(until, abs=0.01)
        later.forget()


def test_a_removed_one_is_gone_for_all(tmp_path: Path, marker: Marker) -> None:
    assert marker.make(time())
    other = Marker(tmp_path)
    assert other.standing() is not None
    other.remove()
    assert marker.standing() is None


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    """Then this worker drains alone."""
    marker = Marker(tmp_path / "gone")
    assert not marker.make(time())
    assert marker.standing() is None
    marker.remove()


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"9" * 400, b"nan of it"])
def test_any_content(tmp_path: Path, marker: Marker, content: bytes) -> None:
    """What is written there is no reason to fail."""
    assert marker.make(time())
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    assert isinstance(marker.standing(), float)
    marker.remove()


def test_a_link_is_not_followed(tmp_path: Path, marker: Marker) -> None:
    assert marker.make(time())
    (path,) = tmp_path.iterdir()
    marker.remove()
    (tmp_path / "precious").write_text("kept")
    path.symlink_to(tmp_path / "precious")
    assert marker.standing() is None
    assert (tmp_path / "precious").read_text() == "kept"


def test_the_time_is_bounded(tmp_path: Path) -> None:
    """A clock that steps, or a number that means nothing, makes no endless drain, and no time below zero."""
    from midwatch.health.drain import Drain

    for written in (0.0, time() + 1e9, float("nan"), float("inf")):
        marker = Marker(tmp_path)
        assert marker.make(written)
        drain = Drain(shared=tmp_path)
        drain._follow.look()
        assert drain.draining
        assert 0 <= drain.left <= 3600
        assert drain.end()
        drain.on_shutdown(1)
        marker.forget()


def test_files_of_dead_servers_are_removed(tmp_path: Path) -> None:
    """A directory that outlives them does not fill up; what is not ours stays."""
    dead = [tmp_path / name for name in ("drain-1-1", "drain-99999999-5", "registry-1-1-x.members")]
    others = [tmp_path / name for name in ("slot-0", "drain-me", "drain-1", "registry-a-b")]
    for path in (*dead, *others):
        path.touch()
    marker, members = Marker(tmp_path), Members(tmp_path, "x")
    assert marker.make(time())
    members.join()
    assert not any(path.exists() for path in dead)
    assert all(path.exists() for path in others)
    sweep(tmp_path, "drain")
    assert marker.standing() is not None
    marker.remove()
    members.forget()
