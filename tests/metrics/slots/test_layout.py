"""The bytes of a file: what was written comes back, and nothing else ever does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from midwatch.metrics.slots.layout import (
    FIRST,
    HEADER,
    LONGEST,
    Damaged,
    Key,
    entries,
    filler,
    head,
    new_header,
    record,
    segment_end,
)

texts = st.text(st.characters(exclude_characters="\0"), max_size=300)
keys = st.builds(Key, texts, st.lists(texts, max_size=6).map(tuple), st.integers(1, 40), st.booleans())


@given(st.lists(keys, max_size=10), st.lists(st.integers(1, 20).map(lambda size: 8 * size)))
def test_records_come_back(written: list[Key], fillers: list[int]) -> None:
    data, kept = b"", []
    for number, key in enumerate(written):
        added = record(key)
        if added is not None:
            data += added
            kept.append(key)
        if number < len(fillers):
            data += filler(fillers[number]).ljust(fillers[number], b"\xff")
    found = [*entries(data, 0, len(data))]
    assert [entry.key for entry in found] == kept
    cells = memoryview(data).cast("d")
    assert all(list(cells[entry.first : entry.first + entry.key.size]) == [0.0] * entry.key.size for entry in found)


@given(keys)
def test_only_what_is_too_long_is_refused(key: Key) -> None:
    length = len("\0".join((key.family, *key.labels)).encode("utf-8", "surrogatepass"))
    assert (record(key) is None) == (length > LONGEST)


def test_lone_surrogates_are_labels_too() -> None:
    key = Key("a", ("\ud800",), 1, live=False)
    data = record(key)
    assert data is not None
    assert next(iter(entries(data, 0, len(data)))).key == key


def test_sizes_that_are_none_are_refused() -> None:
    assert record(Key("a", (), 0, live=False)) is record(Key("a", (), 4097, live=False)) is None
    assert record(Key("a", ("\0",), 1, live=False)) is record(Key("a\0", (), 1, live=False)) is None


@given(st.binary(max_size=600))
def test_garbage_is_no_file(data: bytes) -> None:
    try:
        found = head(data, len(data))
    except Damaged:
        return
    raise AssertionError(found)


@given(st.binary(max_size=600), st.integers(0, 64))
def test_garbage_is_no_record(data: bytes, start: int) -> None:
    end = len(data) // 8 * 8
    try:
        found = [*entries(data, min(8 * start, end), end)]
    except Damaged:
        return
    assert found == []


@given(st.binary(max_size=100), st.binary(min_size=16, max_size=16), st.integers(0, 2**63))
def test_a_header_with_a_tail_comes_back(tail: bytes, boot: bytes, made: int) -> None:
    data = new_header(boot, made) + tail
    assert head(data, len(data)) == (HEADER, boot, made, (0, 0))


def test_segments_double() -> None:
    assert [segment_end(at) for at in (0, FIRST - 1, FIRST, 2 * FIRST - 1, 2 * FIRST)] == [
        FIRST,
        FIRST,
        2 * FIRST,
        2 * FIRST,
        4 * FIRST,
    ]
