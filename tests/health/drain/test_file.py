"""The file that begins a drain: there, gone, or nobody can tell."""

from __future__ import annotations

import errno
import socket
import threading
from pathlib import Path

import pytest

from midwatch.health.drain import Drain


def test_a_file_that_nobody_may_look_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing; the other workers are followed all the same."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    shared = tmp_path / "shared"
    shared.mkdir()
    other, drain = Drain(shared=shared), Drain(file=tmp_path / "file", shared=shared)
    other.begin("POST", 600, shared=True)
    monkeypatch.setattr(Path, "stat", refused)
    drain._follow.look()
    assert drain.draining
    assert drain.end()
    for one in (drain, other):
        one.on_shutdown(1)


def test_a_file_that_nobody_may_look_for_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it began goes on: an error of the file system does not send traffic to a process that is to end."""
    file = tmp_path / "drain"
    file.touch()
    drain = Drain(file=file)
    drain._follow.look()

    def broken(*_: object, **__: object) -> None:
        raise OSError(errno.ESTALE, "stale file handle")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", broken)
        drain._follow.look()
        seen = [drain.draining]
        assert drain.end(), "a person may"
        drain._follow.look()
        seen.append(drain.draining)
    drain._follow.look()
    assert [*seen, drain.draining] == [True, False, True]


@pytest.mark.parametrize("kind", ["directory", "link to a file", "socket"])
def test_whatever_is_there_is_there(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "drain"
    drain = Drain(file=file)
    match kind:
        case "directory":
            file.mkdir()
        case "link to a file":
            (tmp_path / "other").touch()
            file.symlink_to(tmp_path / "other")
        case _:
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(str(file))
    drain._follow.look()
    assert drain.draining


@pytest.mark.parametrize("kind", ["link to nothing", "link to itself", "below a file", "too long"])
def test_what_is_not_there_is_not(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "drain"
    match kind:
        case "link to nothing":
            file.symlink_to(tmp_path / "nothing")
        case "link to itself":
            file.symlink_to(file)
        case "below a file":
            file.touch()
            file = file / "drain"
        case _:
            file = tmp_path / ("x" * 300)
    drain = Drain(file=file)
    drain._follow.look()
    assert not drain.draining


def test_a_file(tmp_path: Path) -> None:
    """It drains while the file is there, and DELETE does not end that."""
    file = tmp_path / "drain"
    drain = Drain(file=file)
    drain._follow.look()
    assert not drain.draining
    file.touch()
    drain._follow.look()
    assert drain.begun is not None
    assert drain.begun.reason == "file"
    assert not drain.end()
    file.unlink()
    drain._follow.look()
    assert not drain.draining


def test_a_file_is_looked_for(tmp_path: Path) -> None:
    """At the start, and from then on."""
    drain = Drain(file=tmp_path / "drain")
    begun = threading.Event()
    drain.when_begun(begun.set)
    drain.on_startup()
    (tmp_path / "drain").touch()
    assert begun.wait(10)
    drain.on_shutdown(5)
