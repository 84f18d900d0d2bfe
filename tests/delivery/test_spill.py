"""Records on disk: in order, within the limit, all or nothing, and read for what they are."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.delivery import spill as module
from midwatch.delivery.frames import framed
from midwatch.delivery.spill import Spill

Make = Callable[..., Spill]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spill"


@pytest.fixture
def make(folder: Path) -> Iterator[Make]:
    made: list[Spill] = []

    def one(max_bytes: int = 1 << 20) -> Spill:
        made.append(Spill(folder, "a", max_bytes))
        return made[-1]

    yield one
    for spill in made:
        spill.forget()


def records(*numbers: int, length: int = 0) -> list[bytes]:
    return [str(number).encode().ljust(length) for number in numbers]


def drained(spill: Spill) -> tuple[list[int], int]:
    """All that waits, and how much of it is damaged; nothing of it remains on disk."""
    found: list[int] = []
    damaged = 0
    while spill.waiting:
        contents, more = spill.take()
        found += map(int, contents)
        damaged += more
        spill.discard()
    return found, damaged


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spill"))


def test_first_in_first_out(make: Make, folder: Path) -> None:
    """Over many files; at the end nothing is left in the folder."""
    spill = make()
    for start in range(0, 1000, 10):
        assert spill.append(records(*range(start, start + 10), length=1000)) == 10
    assert spill.count == 1000
    assert spill.bytes == sum(path.stat().st_size for path in files(folder)) == 1000 * 1008
    assert all(path.stat().st_size <= module.SEGMENT for path in files(folder))
    assert stat.S_IMODE(files(folder)[0].stat().st_mode) == 0o600
    assert drained(spill) == (list(range(1000)), 0)
    assert (spill.count, spill.bytes, list(folder.iterdir())) == (0, 0, [])


def test_appending_and_taking_by_turns(make: Make) -> None:
    """What is taken is closed; what comes then goes into another file."""
    spill = make()
    spill.append(records(1, 2))
    assert spill.take() == ([b"1", b"2"], 0)
    spill.append(records(3))
    assert (spill.count, spill.waiting, spill.taken) == (1, 1, 1)
    spill.discard()
    assert drained(spill) == ([3], 0)
    spill.append(records(4))
    assert drained(spill) == ([4], 0)


def test_a_record_may_be_longer_than_a_file(make: Make) -> None:
    spill = make(4 << 20)
    assert spill.append([b"1", b"2".ljust(module.SEGMENT * 2), b"3"]) == 3
    assert spill.waiting == 3
    assert drained(spill) == ([1, 2, 3], 0)


def test_the_limit_is_kept(make: Make, folder: Path) -> None:
    """What does not fit is not begun; when there is room again, the next one fits."""
    spill = make(10 * 108)
    assert spill.append(records(*range(20), length=100)) == 10
    assert spill.append(records(20, length=100)) == 0
    assert sum(path.stat().st_size for path in files(folder)) == 10 * 108
    assert drained(spill) == (list(range(10)), 0)
    assert spill.append(records(30, length=100)) == 1


def test_a_limit_below_any_record_makes_no_file(make: Make, folder: Path) -> None:
    spill = make(5)
    assert spill.append(records(1)) == 0
    assert not folder.exists()


def test_the_limit_is_that_of_all_processes(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    first, second = make(10 * 108), make(10 * 108)
    assert first.append(records(*range(6), length=100)) == 6
    assert second.append(records(*range(6), length=100)) == 4
    assert drained(first)[0] == list(range(6))
    assert second.append(records(9, length=100)) == 0, "it looks once a second"
    now += 1
    assert second.append(records(9, length=100)) == 1


@given(st.lists(st.tuples(st.sampled_from(["append", "take", "discard", "back"]), st.integers(0, 9)), max_size=40))
def test_order_is_kept_whatever_happens_when(steps: list[tuple[str, int]]) -> None:
    """A model of it: a queue that waits, and what was taken."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT", 40)
        spill = Spill(Path(folder), "a", 1 << 20)
        waiting: list[bytes] = []
        taken: list[list[bytes]] = []
        number = 0
        for step, count in steps:
            if step == "append":
                fresh = records(*range(number, number + count))
                number += count
                assert spill.append(fresh) == count
                waiting += fresh
            elif step == "take" and spill.waiting:
                contents, damaged = spill.take()
                assert (contents, damaged) == (waiting[: len(contents)], 0)
                taken.append(contents)
                del waiting[: len(contents)]
            elif step == "discard" and taken:
                spill.discard()
                del taken[0]
            elif step == "back":
                back = [content for contents in taken for content in contents][count:]
                assert spill.put_back(back) == len(back)
                waiting[:0] = back
                taken.clear()
            assert spill.count == len(waiting)
            assert spill.taken == len(taken)
        while taken:
            spill.discard()
            del taken[0]
        assert drained(spill) == ([int(content) for content in waiting], 0)
        assert list(Path(folder).iterdir()) == []


def test_what_is_put_back_stays_below_the_limit(make: Make) -> None:
    """The newest of it is left out; what waits behind it is kept."""
    spill = make(10 * 108)
    spill.append(records(*range(4), length=100))
    spill.take()
    spill.append(records(10, 11, 12, length=100))
    assert spill.put_back(records(*range(9), length=100)) == 7
    assert drained(spill) == ([*range(7), 10, 11, 12], 0)


# Processes that died


def test_the_next_process_has_what_one_left(make: Make) -> None:
    """Before its own; taken or not. It knows how many there are."""
    first = make()
    first.append(records(1, 2))
    first.take()
    first.append(records(3))
    first.forget()
    second = make()
    second.append(records(4))
    assert second.inherit()
    assert (second.count, second.waiting) == (4, 3)
    assert second.bytes == 4 * 9
    assert drained(second) == ([1, 2, 3, 4], 0)


def test_put_back_comes_before_what_was_inherited_later(make: Make) -> None:
    first, second = make(), make()
    second.append(records(2))
    first.append(records(1))
    second.take()
    first.forget()
    second.inherit()
    second.put_back(records(2))
    assert drained(second)[0] == [2, 1]


@given(st.data())
def test_a_file_that_is_damaged_anywhere(data: st.DataObject) -> None:
    """Cut, changed or longer: what is read was written, in order; the loss is counted; the other files are whole."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT", 100)
        folder = Path(name)
        spill = Spill(folder, "a", 1 << 20)
        spill.append(records(*range(30)))
        spill.forget()
        victim = data.draw(st.sampled_from(files(folder)))
        whole = victim.read_bytes()
        at = data.draw(st.integers(0, len(whole) - 1))
        how = data.draw(st.sampled_from(["cut", "change", "more", "less", "gone"]))
        if how == "gone":
            victim.unlink()
        else:
            victim.write_bytes(
                {
                    "cut": whole[:at],
                    "change": whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :],
                    "more": whole + data.draw(st.binary(min_size=1, max_size=7)),
                    "less": whole[:at] + whole[at + 1 :],
                }[how]
            )
        heir = Spill(folder, "a", 1 << 20)
        heir.inherit()
        found, damaged = drained(heir)
        assert found == sorted(set(found))
        assert set(found) <= set(range(30))
        missing = 30 - len(found)
        assert missing <= 100 // len(framed(b"0")), "more than the file held"
        if how in {"change", "less", "more"}:
            assert damaged == 1
        if missing and not damaged:
            assert how in {"gone", "cut"}, "a cut between two records cannot be seen"
        assert list(folder.iterdir()) == []


def test_what_is_missing_from_our_own_files_is_counted(make: Make, folder: Path) -> None:
    """We know how many there were."""
    spill = make()
    spill.append(records(*range(5)))
    spill.append([b"9".ljust(module.SEGMENT)])
    one, other = files(folder)
    os.truncate(one, 9 * 2)
    other.unlink()
    assert drained(spill) == ([0, 1], 4)


def test_a_file_that_cannot_be_read_holds_nobody_up(make: Make, folder: Path) -> None:
    """Whatever is in its place."""
    spill = make()
    spill.append(records(1))
    spill.append([b"2".ljust(module.SEGMENT)])
    (path, _) = files(folder)
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert drained(spill) == ([2], 1)
    assert Path("/etc/passwd").exists()


def test_without_descriptors_it_waits(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """That says nothing about the file."""
    spill = make()
    spill.append(records(1))

    def fail(*_: Any) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        with pytest.raises(OSError, match="Too many"):
            spill.take()
    assert spill.count == 1
    assert drained(spill) == ([1], 0)


# A full disk


class Disk:
    """Has room for so many bytes, in place of `os.write`."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.write = os.write

    def __call__(self, fd: int, data: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = self.write(fd, data[: self.room])
        self.room -= done
        return done


@pytest.mark.parametrize("room", [0, 1, 8, 9, 10, 44, 45, 46, 89])
def test_a_full_disk_tears_nothing(make: Make, folder: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """What is written is whole, what is not leaves nothing; when there is room again, it goes on behind that."""
    disk = Disk(room)
    monkeypatch.setattr(os, "write", disk)
    spill = make()
    written = 0
    with pytest.raises(OSError, match="No space"):
        while True:
            written += spill.append(records(*range(written, written + 5)))
    assert written == 5 * (room // 45)
    assert spill.count == written
    assert spill.bytes == sum(path.stat().st_size for path in files(folder))
    assert all(path.stat().st_size for path in files(folder)), "nor an empty file"
    disk.room = 1 << 20
    assert spill.append(records(*range(written, 20))) == 20 - written
    assert drained(spill) == (list(range(20)), 0)
    assert list(folder.iterdir()) == []


def test_what_cannot_be_cut_off_is_torn_and_not_read(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fails in every way; the rest of the record is in the file."""

    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    disk = Disk(12)
    monkeypatch.setattr(os, "write", disk)
    monkeypatch.setattr(os, "ftruncate", fail)
    spill = make()
    assert spill.append(records(1)) == 1
    with pytest.raises(OSError, match="No space"):
        spill.append(records(2))
    disk.room = 1 << 20
    assert spill.append(records(3)) == 1
    assert drained(spill) == ([1, 3], 1)


def test_what_could_not_be_put_back_changes_nothing(make: Make, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT", 40)
    spill = make()
    spill.append(records(*range(10)))
    taken = [int(content) for _ in range(2) for content in spill.take()[0]]
    before = files(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", Disk(60))
        with pytest.raises(OSError, match="No space"):
            spill.put_back(records(*taken))
    assert files(folder) == before
    assert (spill.taken, spill.count) == (2, 10 - len(taken))
    assert spill.put_back(records(*taken)) == len(taken)
    assert drained(spill) == (list(range(10)), 0)


def test_a_folder_that_is_gone_is_made_again(make: Make, folder: Path) -> None:
    spill = make()
    spill.append(records(1))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    spill.append([b"2".ljust(module.SEGMENT)])
    assert drained(spill) == ([2], 1)
