"""A file of lines: what they look like, and what happens to the file."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.audit import verify
from midwatch.audit.stores import Checkpoint, Collision, Filter, StoreError, StreamRow, index
from midwatch.audit.stores.file import FileStore
from midwatch.audit.stores.lines import checkpoint_line, event_line, parsed, stream_line

from .rows import NOW, SECOND, altered, checkpoint, events, everything, name, stream_row

TEXT = st.text(max_size=20)
BYTES = st.binary(max_size=40)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def store(path: Path) -> Iterator[FileStore]:
    one = FileStore(path)
    one.open()
    yield one
    one.close()


def test_an_auditor_needs_nothing_but_sha256(path: Path, store: FileStore) -> None:
    """And the verifier of lines reads what the store writes, whatever else is between."""
    rows = events(1, 5, b'{"changes":[]}')
    store.append(rows[:2])
    store.register(stream_row(name(1)))
    store.add_checkpoint(checkpoint(0))
    store.append(rows[2:])
    store.append(events(2, 4))
    lines = path.read_text().splitlines()
    head, found = bytes(32), [line for line in lines if line.startswith('{"body":{') and name(1) in line]
    assert len(found) == 5
    for line in found:
        body = line.removeprefix('{"body":').partition(',"chain":"')[0]
        head = hashlib.sha256(b"\x02" + head + hashlib.sha256(b"\x00" + body.encode()).digest()).digest()
        assert json.loads(line)["chain"] == head.hex()
    report = verify(lines)
    assert report.problem is None
    assert (report.events, report.foreign, report.unreadable) == (9, 2, 0)


def test_what_was_written_before_there_was_a_store_is_read(path: Path) -> None:
    """Lines of the destination `file:`, another program's, and half a line."""
    rows = events(1, 3)
    lines = [f'{{"body":{row.body.decode()},"chain":"{row.chain.hex()}"}}\n'.encode() for row in rows]
    path.write_bytes(lines[0] + b"something else\n\n[1]\n" + lines[1] + lines[2][:50])
    store = FileStore(path)
    assert everything(store, name(1)) == rows[:2]
    store.append(rows)
    assert everything(store, name(1)) == rows
    assert path.read_bytes() == lines[0] + b"something else\n\n[1]\n" + lines[1] + lines[2]
    store.close()


def test_a_whole_line_without_its_end_gets_one(path: Path) -> None:
    rows = events(1, 2)
    path.write_bytes(event_line(rows[0])[:-1])
    store = FileStore(path)
    store.append(rows)
    assert path.read_bytes() == event_line(rows[0]) + event_line(rows[1])
    store.close()


def test_a_torn_line_of_any_length_is_taken_away(path: Path) -> None:
    rows = events(1, 2)
    path.write_bytes(event_line(rows[0]) + b'{"body":' + b"x" * 200_000)
    store = FileStore(path)
    store.append(rows)
    assert path.read_bytes() == event_line(rows[0]) + event_line(rows[1])
    store.close()
    path.write_bytes(b"x" * 200_000)
    store.append(rows)
    assert path.read_bytes() == event_line(rows[0]) + event_line(rows[1])
    store.close()


def test_a_file_that_was_moved_away_is_followed_by_a_new_one(
    path: Path, store: FileStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.append(events(1, 3))
    store.register(stream_row(name(1)))
    path.rename(path.with_name("audit.jsonl.1"))
    store.append(events(2, 3))
    store.register(stream_row(name(1)))
    assert caplog.records == []
    assert everything(store, name(1)) == []
    assert everything(store, name(2)) == events(2, 3)
    assert store.streams() == [stream_row(name(1))]
    path.unlink()
    store.append(events(3, 3))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert everything(store, name(3)) == events(3, 3)


def test_a_file_that_became_shorter_is_read_anew(path: Path, store: FileStore) -> None:
    store.append(events(1, 3))
    os.truncate(path, 0)
    store.append(events(1, 3))
    assert everything(store, name(1)) == events(1, 3)
    with pytest.raises(Collision):
        store.append([altered(events(1, 3)[2])])


def test_a_sign_of_life_makes_a_line_a_minute(path: Path, store: FileStore) -> None:
    for second in range(0, 300, 5):
        store.register(stream_row(name(1), last_seen=NOW + second * SECOND))
    assert path.read_bytes().count(b"\n") == 5
    store.register(stream_row(name(1), last_seen=NOW + 299 * SECOND, closed=NOW))
    assert store.streams()[0].closed == NOW


def test_files_are_for_their_owner_only(path: Path, store: FileStore) -> None:
    assert store.leading()
    store.append(events(1, 1))
    assert {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "open to all"])
def test_what_is_no_file_of_ours_is_refused(path: Path, kind: str) -> None:
    if kind == "link":
        path.symlink_to("elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
        path.chmod(0o666)
    store = FileStore(path)
    with pytest.raises(StoreError, match="not a regular file"):
        store.open()
    store.close()


def test_a_line_without_end_does_not_fill_the_memory(
    path: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is passed over, and what comes behind is read."""
    monkeypatch.setattr(index, "BLOCK", 1 << 10)
    monkeypatch.setattr(index, "LONGEST", 1 << 14)
    rows = events(1, 40)
    path.write_bytes(event_line(rows[0]) + b'{"body":' + b" " * 100_000 + b"}\n" + b"".join(map(event_line, rows[1:])))
    store.open()
    assert everything(store, name(1)) == rows
    assert len(store.find(Filter(), 100).rows) == 40


def test_pages_of_many_streams_are_read_on_from_where_the_last_one_ended(path: Path, store: FileStore) -> None:
    rows = [events(stream, 30) for stream in range(4)]
    for one in zip(*rows, strict=True):
        store.append(list(one))
    first = store.chain_of(name(2), -1, 10)
    other = store.chain_of(name(3), -1, 10)
    assert first + store.chain_of(name(2), 9, 10) + store.chain_of(name(2), 19, 99) == rows[2]
    assert other + store.chain_of(name(3), 9, 99) == rows[3]
    assert store.chain_of(name(3), 4, 3) == rows[3][5:8]


@given(st.builds(Checkpoint, st.integers(0, 2**53), st.integers(0, 2**62), st.just(b'{"a":"\xc3\xa9"}'), BYTES,
                 st.none() | BYTES, st.none() | TEXT))  # fmt: skip
def test_any_checkpoint_comes_back(one: Checkpoint) -> None:
    line = checkpoint_line(one)
    assert parsed(line) == one
    assert line.count(b"\n") == 1


NUMBER = st.integers(0, 2**62)


@given(
    st.builds(
        StreamRow, TEXT, TEXT, NUMBER, TEXT, st.none() | BYTES, NUMBER, NUMBER, st.none() | NUMBER, st.none() | NUMBER,
        st.none() | BYTES, st.none() | NUMBER, st.none() | BYTES,
    )
)  # fmt: skip
def test_any_stream_comes_back(one: StreamRow) -> None:
    assert parsed(stream_line(one)) == one


KEYS = st.sampled_from(["body", "chain", "detail", "salt", "checkpoint", "registered", "stream", "seq", "n", "time"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
)


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_line_is_too_odd_to_be_passed_over(line: bytes) -> None:
    parsed(line)
    parsed(b'{"body":' + line + b"}")
    parsed(b'{"checkpoint":' + line + b"}")
    parsed(b'{"registered":' + line + b"}")
    parsed(b"[" * 100_000)
