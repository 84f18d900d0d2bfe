"""Whose files are whose: exactly one living process has each."""

from __future__ import annotations

import os
import stat
import threading
from fcntl import flock
from pathlib import Path

import pytest

from midwatch.delivery import owner as module
from midwatch.delivery.owner import Owner


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spill"


def dead(folder: Path, *numbers: int, name: str = "a") -> None:
    """What a process leaves that was killed."""
    owner = Owner(folder, name)
    owner.hold()
    for number in numbers:
        owner.path(number).write_text(str(number))
    owner.forget()


def contents(paths: list[Path]) -> list[str]:
    return [path.read_text() for path in paths]


def test_the_folder_and_the_lock_are_for_this_user_alone(folder: Path) -> None:
    owner = Owner(folder, "a")
    owner.hold()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (lock,) = folder.iterdir()
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    owner.release()
    assert list(folder.iterdir()) == []


def test_names_tell_no_destination(folder: Path) -> None:
    owner = Owner(folder, "syslog+tls://user@secret.example")
    owner.hold()
    assert "secret" not in str(owner.path(7))
    assert str(owner.path(7)) < str(owner.path(10)) < str(owner.path(5_000_000_000))
    owner.release()


def test_the_living_keep_theirs(folder: Path) -> None:
    owner, other = Owner(folder, "a"), Owner(folder, "a")
    owner.hold()
    owner.path(1).touch()
    assert other.others()
    assert list(other.inherit(100)) == []
    assert owner.path(1).exists()
    owner.path(1).unlink()
    owner.release()


def test_the_dead_are_inherited_in_order(folder: Path) -> None:
    """Of several the oldest first, each in its own order; nothing of theirs remains."""
    dead(folder, 4, 5)
    dead(folder, 1, 2, 3)
    heir = Owner(folder, "a")
    paths = list(heir.inherit(100))
    assert contents(paths) == ["3", "2", "1", "5", "4"]
    assert paths == [heir.path(number) for number in (99, 98, 97, 96, 95)]
    assert len(list(folder.iterdir())) == 6
    assert list(heir.inherit(95)) == []
    assert heir.others() == []
    heir.forget()


def test_an_heir_may_die_halfway(folder: Path) -> None:
    """The next one has everything, in the same order."""
    dead(folder, 4, 5)
    dead(folder, 1, 2, 3)
    for steps in range(1, 5):
        heir = Owner(folder, "a")
        going = heir.inherit(100)
        for _ in range(steps):
            next(going)
        going.close()
        heir.forget()
    assert contents(list(Owner(folder, "a").inherit(100)))[::-1] == ["4", "5", "1", "2", "3"]


def test_other_destinations_are_others(folder: Path) -> None:
    dead(folder, 1, name="b")
    heir = Owner(folder, "a")
    assert heir.others() == []
    assert heir.others_bytes() == 0
    assert list(heir.inherit(100)) == []


def test_of_many_heirs_one_inherits(folder: Path) -> None:
    """However close to each other they start: each file has one of them, and is in order."""
    dead(folder, *range(20))
    barrier = threading.Barrier(8)
    heirs = [Owner(folder, "a") for _ in range(8)]
    shares: list[list[str]] = []

    def inherit(heir: Owner) -> None:
        barrier.wait()
        shares.append(contents(list(heir.inherit(1000))))

    threads = [threading.Thread(target=inherit, args=(heir,)) for heir in heirs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(share for share in shares if share) == [[str(number) for number in range(19, -1, -1)]]
    for heir in heirs:
        heir.forget()


def test_a_file_without_a_lock_is_inherited(folder: Path) -> None:
    """Somebody has deleted it."""
    dead(folder, 1)
    for lock in folder.glob("*.lock"):
        lock.unlink()
    assert contents(list(Owner(folder, "a").inherit(100))) == ["1"]


def test_a_lock_without_files_goes(folder: Path) -> None:
    dead(folder)
    assert list(Owner(folder, "a").inherit(100)) == []
    assert list(folder.iterdir()) == []


def test_a_lock_that_was_deleted_is_made_again(folder: Path) -> None:
    """Also where the whole folder is gone; the files keep their names."""
    owner = Owner(folder, "a")
    owner.hold()
    before = owner.path(1)
    for lock in folder.iterdir():
        lock.unlink()
    folder.rmdir()
    owner.hold()
    before.touch()
    assert owner.path(1) == before
    assert list(Owner(folder, "a").inherit(100)) == []
    before.unlink()
    owner.release()


def test_a_lock_that_an_heir_deletes_at_once_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """He found it between its making and its locking, and took it for that of a dead process without files."""
    heirs = [True, False]

    def late(fd: int, how: int) -> None:
        if heirs.pop(0):
            Path(f"/proc/self/fd/{fd}").readlink().unlink()
        flock(fd, how)

    monkeypatch.setattr(module, "flock", late)
    owner = Owner(folder, "a")
    owner.hold()
    monkeypatch.undo()
    owner.path(1).touch()
    assert list(Owner(folder, "a").inherit(100)) == []
    owner.path(1).unlink()
    owner.release()


def test_links_and_pipes_are_not_inherited(folder: Path, tmp_path: Path) -> None:
    """Nor does anything wait for them."""
    dead(folder, 1)
    (real,) = folder.glob("*.spill")
    (tmp_path / "secret").write_text("secret")
    stem = real.name[: -len("5000000000.spill")]
    (folder / f"{stem}0000000002.spill").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / f"{stem}0000000003.spill")
    (folder / f"{stem}0000000004.spill").mkdir()
    assert contents(list(Owner(folder, "a").inherit(100))) == ["1"]
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_another_user_put_there_is_not_inherited(folder: Path) -> None:
    """It would be sent in our name."""
    dead(folder, 1, 2)
    forged = min(folder.glob("*.spill"))
    os.chown(forged, 12345, 12345)
    assert contents(list(Owner(folder, "a").inherit(100))) == ["2"]
    assert forged.exists()


def test_bytes_of_others(folder: Path) -> None:
    dead(folder, 1, 20, 300)
    owner = Owner(folder, "a")
    owner.hold()
    owner.path(4000).write_text("4000")
    assert owner.others_bytes() == 6
    owner.forget()
