"""What every store promises; each is put through it."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.audit.canonical import Copy
from midwatch.audit.columns import COLUMNS, columns
from midwatch.audit.stores import Collision, Filter, Page, Store, StoreError, open_store

from .rows import NOW, SECOND, altered, body, chained, checkpoint, events, everything, name, stream_row

Open: TypeAlias = Callable[..., Store]

HOSTILE = [
    "'; DROP TABLE audit_event; --",
    '" OR 1=1 --',
    "%s %(a)s ? :a {mark} $1 \\",
    "a\0b",
    "né\u2028e\u202e\U0001f600",
    "x" * 5000,
    "é" * 1000,
    "",
    "NULL",
    "a:b:c",
]

ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", max_size=8), inner, max_size=4),
    max_leaves=12,
)
DETAIL = st.none() | st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3)

fresh = itertools.count(1000)

FORK = """
import os, sys
sys.path.insert(0, {folder!r})
from rows import events, name
from midwatch.audit.stores import open_store
store = open_store({url!r})
store.open()
store.append(events(1, 3))
assert store.chain_of(name(1), -1, 5)
assert store.leading()
gone, going = os.pipe()
child = os.fork()
if not child:
    os.close(going)
    store.append(events(2, 3))
    os.read(gone, 1)  # until the parent has closed its own
    store.append(events(3, 3))
    assert len(store.chain_of(name(1), -1, 5)) == 3
    os._exit(0)
os.close(gone)
store.append(events(4, 3))
store.close()
os.close(going)
os.waitpid(child, 0)
"""

APPENDER = """
import sys
sys.path.insert(0, {folder!r})
from rows import events
from midwatch.audit.stores import StoreError, open_store
store = open_store({url!r})
store.open()
print("ready", flush=True)
sys.stdin.readline()
rows = events({stream}, 200)
for start in range(0, 200, 5):
    while True:
        try:
            store.append(rows[start : start + 5])
            break
        except StoreError as error:
            assert "held by another process" in str(error), error
store.close()
"""


class StoreContract:
    """Inherited by one class for each store, in which the fixture `url` names a new one."""

    removes = True
    """Whether it can prune and erase."""

    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def opened(self, url: str) -> Iterator[Open]:
        """Opens one more time what `url` names."""
        made: list[Store] = []

        def one(**options: Any) -> Store:
            made.append(open_store(url, **options))
            made[-1].open()
            return made[-1]

        yield one
        for store in made:
            store.close()

    @pytest.fixture
    def store(self, opened: Open) -> Store:
        return opened()

    def test_head_is_the_last_event_of_a_stream(self, store: Store) -> None:
        stream = next(fresh)
        rows = events(stream, 5)
        assert store.head(name(stream)) is None
        store.append(rows[:3])
        assert store.head(name(stream)) == (2, rows[2].chain)
        store.append(rows)
        assert store.head(name(stream)) == (4, rows[4].chain)

    def test_what_was_appended_is_there_byte_for_byte_and_in_order(self, store: Store, opened: Open) -> None:
        rows = [events(stream, 25, b'{"changes":["a"]}' if stream == 1 else None) for stream in range(3)]
        for start in range(0, 25, 5):
            store.append([row for stream in rows for row in stream[start : start + 5]])
        store.append([])
        for reader in (store, opened()):
            for number, stream in enumerate(rows):
                assert everything(reader, name(number)) == stream
                assert reader.chain_of(name(number), 22, 100) == stream[23:]
            assert reader.chain_of(name(9), -1, 10) == []

    def test_a_replay_changes_nothing_and_adds_what_was_missing(self, store: Store, opened: Open) -> None:
        rows = events(1, 12)
        store.append(rows[:6])
        store.append(rows[:6])
        store.append(rows[3:9])
        opened().append(rows)
        store.append(rows[10:] + rows[10:])
        assert everything(store, name(1)) == rows

    def test_another_event_in_a_place_that_is_taken_is_a_collision(self, store: Store, opened: Open) -> None:
        """And of what came with it nothing is kept."""
        rows = events(1, 6)
        store.append(rows[:3])
        for other in (store, opened()):
            with pytest.raises(Collision, match=f"stream {name(1)} has another event 1"):
                other.append([*events(2, 3), altered(rows[1])])
            with pytest.raises(Collision):
                other.append([rows[3], altered(rows[3])])
        assert everything(store, name(1)) == rows[:3]
        assert everything(store, name(2)) == []
        store.append(rows)
        assert everything(store, name(1)) == rows

    def test_a_collision_with_what_another_process_wrote_meanwhile(self, store: Store, opened: Open) -> None:
        rows = events(1, 3)
        store.append(rows[:1])
        opened().append([altered(rows[1])])
        with pytest.raises(Collision):
            store.append(rows[1:])

    @pytest.mark.parametrize(
        ("wanted", "which"),
        [
            (Filter(), lambda n: True),
            (Filter(actor="u1"), lambda n: n % 3 == 1),
            (Filter(action="orders.refund"), lambda n: True),
            (Filter(action="orders"), lambda n: False),
            (Filter(resource="order"), lambda n: True),
            (Filter(resource="order:7"), lambda n: n == 7),
            (Filter(resource="order:"), lambda n: False),
            (Filter(outcome="denied"), lambda n: n % 4 == 0),
            (Filter(ip="192.0.2.1", tenant="t1"), lambda n: n % 2 == 1),
            (Filter(trace_id=f"{2:032x}"), lambda n: n // 5 == 2),
            (Filter(kind="system"), lambda n: False),
            (Filter(since=NOW + 3 * SECOND, until=NOW + 9 * SECOND), lambda n: 3 <= n < 9),
            (Filter(since=NOW + 3 * SECOND, actor="u0", outcome="success"), lambda n: n >= 3 and n % 3 == 0 and n % 4),
        ],
    )
    def test_what_is_wanted_is_found(self, store: Store, wanted: Filter, which: Callable[[int], bool]) -> None:
        rows = events(0, 20)
        store.append(rows)
        found = store.find(wanted, 100)
        assert found.after is None
        expected = [number for number in range(20) if which(number)]
        assert [row["seq"] for row in found.rows] == expected
        for row in found.rows:
            kept = rows[row["seq"]]
            assert row == {
                "stream": kept.stream,
                "seq": kept.seq,
                **columns(json.loads(kept.body)),
                "body": kept.body,
                "detail": None,
            }

    def test_pages_come_by_time_and_none_is_missed_or_twice(self, store: Store) -> None:
        """Also where many events have the same time, and were appended in another order."""
        streams = [chained(name(s), [body(n // 4, id=f"{s}-{n}") for n in range(16)]) for s in (3, 1, 2)]
        for stream in streams:
            store.append(stream)
        kept = sorted((row["time"], row["stream"], row["seq"]) for row in store.find(Filter(), 1000).rows)
        assert len(kept) == 48
        for limit in (1, 5, 16, 48, 49):
            found: list[tuple[int, str, int]] = []
            page = Page([], (0, "", -1))
            while page.after is not None:
                page = store.find(Filter(), limit, page.after if found else None)
                assert len(page.rows) <= limit
                found += [(row["time"], row["stream"], row["seq"]) for row in page.rows]
            assert found == kept

    def test_the_columns_are_those_of_the_bodies(self, store: Store) -> None:
        rows = events(1, 9)
        store.append(rows)
        kept = list(store.columns_of(name(1), 3, 4))
        assert kept == [{"stream": name(1), "seq": row.seq, **columns(json.loads(row.body))} for row in rows[4:8]]

    @pytest.mark.parametrize("text", HOSTILE)
    def test_no_text_is_more_than_text(self, store: Store, text: str) -> None:
        """As an actor, a resource and everything that is asked for."""
        clean = Copy().text("actor", text)
        mine = body(1, actor={"id": clean, "type": "user"}, resource=[{"type": clean, "id": clean}], tenant=clean)
        store.append([*chained(name(1), [mine]), *events(2, 2)])
        assert [row["stream"] for row in store.find(Filter(actor=clean, tenant=clean), 9).rows] == [name(1)]
        for field in Filter._fields[2:]:
            asked: dict[str, Any] = {field: text}
            assert len(store.find(Filter(**asked), 9).rows) <= 1
        kind, _, identity = clean.partition(":")
        both = Filter(resource=f"{clean}:{clean}" if ":" not in clean else clean)
        assert len(store.find(both, 9).rows) == (0 if ":" in clean else 1), (kind, identity)
        store.chain_of(text.replace("\0", ""), -1, 9)
        assert len(everything(store, name(2))) == 2

    def test_any_body_comes_back_as_it_was(self, store: Store) -> None:
        """Whatever stands in place of what we know; where it is no text, the column is empty."""

        @settings(deadline=None, max_examples=40)
        @given(odd=ODD, where=st.sampled_from([*COLUMNS, "resource", "source"]), detail=DETAIL)
        def check(odd: Any, where: str, detail: Any) -> None:
            number = next(fresh)
            one = body(number)
            one[where] = Copy().value("x", f"{number}{odd}" if where == "id" and isinstance(odd, str) else odd)
            rows = chained(name(number), [one], None if detail is None else json.dumps(detail).encode())
            store.append(rows)
            assert store.chain_of(name(number), -1, 2) == rows
            (kept,) = store.columns_of(name(number), -1, 2)
            assert kept == {"stream": name(number), "seq": 0, **columns(json.loads(rows[0].body))}

        check()

    def test_what_is_known_of_streams(self, store: Store, opened: Open) -> None:
        first = stream_row(name(1), public_key=b"\x00\xff" * 16)
        store.register(first)
        store.register(stream_row(name(2), opened=NOW + 1, host="wéb-2"))
        closed = first._replace(last_seen=NOW + SECOND, closed=NOW + SECOND, final_seq=7, final_chain=b"\x01" * 32)
        store.register(closed)
        for reader in (store, opened()):
            assert reader.streams() == [closed, stream_row(name(2), opened=NOW + 1, host="wéb-2")]

    def test_of_checkpoints_each_number_is_kept_once(self, store: Store, opened: Open) -> None:
        kept = [checkpoint(n, None if n == 1 else b"\x02" * 64) for n in range(5)]
        other = opened()
        for one in kept:
            assert store.add_checkpoint(one)
            assert not other.add_checkpoint(one._replace(payload=b"{}"))
            assert not store.add_checkpoint(one)
        for reader in (store, other):
            assert reader.checkpoints(-1, 3) == kept[:3]
            assert reader.checkpoints(2, 100) == kept[3:]
            assert reader.checkpoints(4, 100) == []

    def test_one_leads_and_another_one_once_it_is_gone(self, store: Store, opened: Open) -> None:
        other = opened()
        assert [store.leading(), other.leading(), store.leading(), other.leading()] == [True, False, True, False]
        store.close()
        assert other.leading()

    def test_one_that_reads_only_writes_nothing(self, store: Store, opened: Open) -> None:
        rows = events(1, 5)
        store.append(rows)
        reader = opened(read_only=True)
        assert everything(reader, name(1)) == rows
        store.append(events(2, 1))
        assert len(reader.find(Filter(), 100).rows) == 6
        assert not reader.leading()
        for write in (
            lambda: reader.append(events(3, 1)),
            lambda: reader.register(stream_row(name(1))),
            lambda: reader.add_checkpoint(checkpoint(1)),
        ):
            with pytest.raises(StoreError, match="reading only"):
                write()
        assert everything(store, name(3)) == []

    def test_one_that_is_only_read_has_to_be_there(self, url: str) -> None:
        store = open_store(url, read_only=True)
        with pytest.raises(StoreError) as caught:
            store.open()
        assert "no such file" in str(caught.value).lower() or "no audit trail" in str(caught.value)
        store.close()

    def test_after_an_end_it_begins_again(self, store: Store) -> None:
        store.append(events(1, 2))
        store.close()
        store.close()
        store.append(events(2, 2))
        store.open()
        store.open()
        assert len(store.find(Filter(), 10).rows) == 4

    def test_processes_that_append_at_once_lose_nothing(self, store: Store, url: str) -> None:
        script = APPENDER.format(folder=__file__.rpartition("/")[0], url=url, stream="{stream}")
        found = [
            subprocess.Popen([sys.executable, "-c", script.format(stream=n)], stdin=-1, stdout=-1, text=True)
            for n in (1, 2, 3)
        ]
        for process in found:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in found:
            process.communicate("go\n", timeout=60)
            assert process.returncode == 0
        for number in (1, 2, 3):
            assert everything(store, name(number), 1000) == events(number, 200)

    def test_a_fork_shares_nothing(self, store: Store, url: str) -> None:
        """The child writes on when its parent has closed, and nothing of it is lost when it is killed."""
        store.close()
        script = FORK.format(folder=__file__.rpartition("/")[0], url=url)
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60, stdout=subprocess.PIPE)
        for number in (1, 2, 3, 4):
            assert everything(store, name(number)) == events(number, 3)
        assert store.leading()

    def test_pruned_from_the_start_in_chunks(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is left says up to where; what was pruned is noted, and a second time there is nothing to do."""
        if not self.removes:
            with pytest.raises(StoreError, match="nothing is removed"):
                store.prune(name(1), 1, b"")
            return
        monkeypatch.setattr("midwatch.audit.stores.sql.CHUNK", 3)
        rows = events(1, 12)
        store.append([*rows, *events(2, 12)])
        store.register(stream_row(name(1)))
        with pytest.raises(StoreError, match="not the one of this chain value"):
            store.prune(name(1), 7, rows[6].chain)
        with pytest.raises(StoreError, match="not the one of this chain value"):
            store.prune(name(1), 12, rows[7].chain)
        assert everything(store, name(1)) == rows
        assert store.prune(name(1), 7, rows[7].chain) == 8
        assert store.prune(name(1), 7, rows[7].chain) == 0
        assert everything(store, name(1)) == rows[8:]
        assert everything(store, name(2)) == events(2, 12)
        store.register(stream_row(name(1), last_seen=NOW + SECOND))
        (known,) = store.streams()
        assert (known.prune_seq, known.prune_chain, known.last_seen) == (7, rows[7].chain, NOW + SECOND)
        assert store.prune(name(1), 11, rows[11].chain) == 4
        assert everything(store, name(1)) == []

    def test_erased_is_the_detail_and_nothing_else(self, store: Store) -> None:
        if not self.removes:
            with pytest.raises(StoreError, match="nothing is removed"):
                store.erase(["a"])
            return
        rows = events(1, 5, b'{"name":"Ada"}')
        store.append(rows)
        ids = [json.loads(row.body)["id"] for row in rows]
        assert store.erase([ids[1], ids[3], ids[3], "unknown", "'; --"]) == 2
        assert store.erase(ids[:2]) == 1
        assert store.erase(iter([])) == 0
        left = [row._replace(detail=None, salt=None) if row.seq in {0, 1, 3} else row for row in rows]
        assert everything(store, name(1)) == left
