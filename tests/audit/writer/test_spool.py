"""Events on disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.audit.row import Row
from midwatch.audit.writer import Rank
from midwatch.audit.writer.ballast import BALLAST, Ballast
from midwatch.audit.writer.part import PART, Part, as_frame
from midwatch.audit.writer.spool import Spool
from midwatch.delivery.segment import Segment

ROWS = st.lists(
    st.builds(
        Row,
        st.text("0123456789abcdef", min_size=32, max_size=32),
        st.integers(0, 2**63 - 1),
        st.binary(max_size=300),
        st.binary(min_size=32, max_size=32),
        st.none() | st.binary(max_size=300),
        st.none() | st.binary(min_size=16, max_size=16),
    ),
    max_size=20,
)


def row(seq: int, size: int = 10) -> Row:
    return Row("a" * 32, seq, b"x" * size, bytes(32))


@pytest.fixture
def spools(folder: Path) -> Iterator[list[Spool]]:
    """All spools that a test uses; none holds a lock in the end."""
    made = [Spool(folder, "store", 10 << 20) for _ in range(2)]
    yield made
    for spool in made:
        spool.forget()


@pytest.fixture
def spool(spools: list[Spool]) -> Spool:
    return spools[0]


def emptied(spool: Spool) -> tuple[list[Row], int]:
    """All that waits, and how much of it was damaged."""
    rows: list[Row] = []
    damaged = 0
    while (part := spool.first()) is not None:
        found, torn = part.rows()
        rows += found
        damaged += torn
        spool.done(part)
    return rows, damaged


@given(rows=ROWS)
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> None:
    part = Part(tmp_path_factory.mktemp("part") / "x.spill", 0)
    part.make()
    part.write([as_frame(row) for row in rows], len(rows))
    assert part.rows() == (rows, 0)


@given(rows=ROWS, data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_file_that_ends_anywhere_is_read_up_to_there(
    rows: list[Row], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("part") / "x.spill"
    frames = [as_frame(row) for row in rows]
    whole = b"".join(frames)
    kept = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:kept] + data.draw(st.just(b"") | st.just(bytes(20))))
    found, damaged = Part(path, None).rows()
    assert found == rows[: len(found)]
    assert bool(damaged) == (path.stat().st_size != sum(map(len, frames[: len(found)])))


@given(data=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_no_reason_to_fail(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    from midwatch.delivery.frames import framed

    path = tmp_path_factory.mktemp("part") / "x.spill"
    path.write_bytes(framed(data) + data)
    found, damaged = Part(path, None).rows()
    assert damaged or not data
    assert len(found) <= 1


def test_it_is_emptied_in_its_order_and_leaves_nothing(spool: Spool, folder: Path) -> None:
    rows = [row(seq, 1000) for seq in range(1000)]
    for start in range(0, 1000, 100):
        assert spool.append(rows[start : start + 100], start) == 100
    assert len([*folder.glob("*.spill")]) > 1
    assert max(path.stat().st_size for path in folder.glob("*.spill")) <= PART
    assert spool.bytes == spool.own == sum(path.stat().st_size for path in folder.glob("*.spill"))
    assert emptied(spool) == (rows, 0)
    assert (spool.bytes, spool.busy, [*folder.iterdir()]) == (0, False, [])


def test_positions_are_known(spool: Spool) -> None:
    spool.append([row(0), row(1)], 10)
    part = spool.first()
    spool.append([row(2)], 12)
    assert part is not None
    assert part.last == 12
    spool.done(part)
    rest = spool.first()
    assert rest is not None
    assert rest.last == 13


def test_what_a_dead_process_left_comes_behind_own_events(spools: list[Spool]) -> None:
    dead, heir = spools
    for number in range(3):
        dead.append([row(seq, PART) for seq in (2 * number, 2 * number + 1)], 0)
    heir.append([row(100)], 0)
    assert not heir.adopt()  # It lives.
    dead.forget()
    assert heir.adopt()
    heir.append([row(101)], 1)
    assert heir.own < PART < heir.bytes
    assert [found.seq for found in emptied(heir)[0]] == [100, 101, *range(6)]


def test_a_file_that_was_deleted_is_noticed_and_the_event_is_written_elsewhere(spool: Spool, folder: Path) -> None:
    spool.append([row(0), row(1)], 0)
    (path,) = folder.glob("*.spill")
    path.unlink()
    assert spool.append([row(2)], 2) == 1
    assert spool.vanished == 2
    assert emptied(spool) == ([row(2)], 0)


def test_a_directory_that_was_deleted_is_made_again(spool: Spool, folder: Path) -> None:
    spool.append([row(0)], 0)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert spool.append([row(1)], 1) == 1
    assert emptied(spool) == ([row(1)], 0)


def test_a_file_that_was_cut_is_noticed(spool: Spool, folder: Path) -> None:
    spool.append([row(0), row(1)], 0)
    (path,) = folder.glob("*.spill")
    os.truncate(path, 5)
    assert emptied(spool) == ([], 2)


def test_a_full_disk_gets_the_ballast(spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.keep_ballast()
    ballast = folder / "ballast"
    assert ballast.stat().st_blocks * 512 >= BALLAST
    assert ballast.stat().st_mode & 0o777 == 0o600
    write = Segment.write

    def full(self: Segment, frames: list[bytes]) -> None:
        if ballast.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, frames)

    monkeypatch.setattr(Segment, "write", full)
    assert spool.append([row(0)], 0) == 1
    assert not ballast.exists()
    assert emptied(spool) == ([row(0)], 0)


def test_a_disk_that_fails_leaves_no_half_of_an_event(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.append([row(0)], 0)
    with monkeypatch.context() as patch:

        def fails(_fd: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patch.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="error"):
            spool.append([row(1), row(2)], 1)
    assert spool.append([row(1), row(2)], 1) == 2
    assert {found.seq for found in emptied(spool)[0]} == {0, 1, 2}
    assert spool.bytes == 0


def test_of_a_long_batch_as_much_is_written_as_is_possible(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Part.make
    left = [2]

    def make(self: Part) -> None:
        if not left[0]:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        left[0] -= 1
        made(self)

    monkeypatch.setattr(Part, "make", make)
    rows = [row(seq, PART // 2) for seq in range(6)]
    done = spool.append(rows, 0)
    assert done == 2
    left[0] = 9
    assert spool.append(rows[done:], done) == 4
    assert emptied(spool) == (rows, 0)


def test_there_is_less_room_for_what_matters_less(folder: Path, spools: list[Spool]) -> None:
    spool = Spool(folder, "store", 1000)
    assert [spool.admits(rank, 600) for rank in Rank] == [False, True, True, True]
    assert not spool.admits(Rank.SECURITY, 1001)
    spools[0].append([row(0, 500)], 0)
    other = Spool(folder, "store", 1000)
    assert [other.admits(rank, 0) for rank in Rank] == [False, True, True, True]
    assert Spool(folder, "another store", 1000).admits(Rank.READ, 500)


def test_ballast_that_does_not_fit_takes_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert not Ballast(tmp_path).keep()
    assert [*tmp_path.iterdir()] == []
    assert not Ballast(tmp_path).release()
    assert not Ballast(tmp_path / "missing").keep()
    (tmp_path / "ballast").symlink_to(tmp_path / "elsewhere")
    assert Ballast(tmp_path).keep()
    assert not (tmp_path / "elsewhere").exists()
