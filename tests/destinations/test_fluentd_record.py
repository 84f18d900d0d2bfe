"""Entries: whatever a line holds, a record with its fields arrives."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.destinations import Entry
from midwatch.destinations.fluentd.record import DEPTH, LONGEST, packed
from midwatch.logs.safe import encode_line

from .fluentd_reader import EventTime, read_all

NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


def entry(text: str, created: Any = 1.5, logger: str = "app") -> Entry:
    return Entry(created, "INFO", logger, text)


def read_entry(line: Entry) -> tuple[EventTime, dict[str, Any]]:
    ((time, record),) = read_all(packed(line))
    assert type(time) is EventTime
    assert type(record) is dict
    return time, record


@given(st.dictionaries(st.text(), JSON, max_size=8))
def test_the_record_has_the_fields_of_the_line(fields: dict[str, Any]) -> None:
    assert read_entry(entry(json.dumps(fields)))[1] == fields


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_a_record(text: str) -> None:
    """With half of a surrogate pair in it, too."""
    record = read_entry(Entry(1.5, "INFO", "app", text, "4bf9"))[1]
    try:
        known = isinstance(json.loads(text), dict)
    except ValueError:
        known = False
    if not known:
        message = text.encode("utf-8", "replace").decode()
        assert record == {"message": message, "level": "INFO", "logger": "app", "trace_id": "4bf9"}


@given(st.dictionaries(st.text(), st.text(st.characters(exclude_categories=())) | st.integers() | st.floats()))
def test_whatever_our_formatter_makes_is_read_as_it_was_meant(fields: dict[str, Any]) -> None:
    line = encode_line(fields)
    assert read_entry(entry(line))[1].keys() == json.loads(line).keys()


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**40])
def test_a_number_beyond_64_bits_is_a_text(value: int) -> None:
    assert read_entry(entry(f'{{"a":[{value}],"b":1}}'))[1] == {"a": [str(value)], "b": 1}


def test_what_json_dumps_writes_and_json_does_not_know_is_read() -> None:
    record = read_entry(entry(json.dumps({"a": math.nan, "b": "\ud800", "c": -math.inf, "\udfff": 1})))[1]
    assert math.isnan(record.pop("a"))
    assert record == {"b": "?", "c": -math.inf, "?": 1}


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@pytest.mark.parametrize("levels", [1, DEPTH - 1, DEPTH, DEPTH + 1, 100, 500])
def test_levels_that_no_server_reads_are_cut(levels: int) -> None:
    record = read_entry(entry('{"a":' * levels + "1" + "}" * levels))[1]
    assert depth(record) == min(levels, DEPTH)
    assert ("…" in json.dumps(record, ensure_ascii=False)) == (levels > DEPTH)


def test_brackets_in_texts_are_no_levels() -> None:
    assert read_entry(entry(json.dumps({"a": "[{" * 100})))[1] == {"a": "[{" * 100}


@pytest.mark.parametrize("text", ['{"a":' * 100_000, '{"n":' + "9" * 5000 + "}", '{"n":1e999' + "]" * 60])
def test_what_nobody_can_read_is_a_text(text: str) -> None:
    assert read_entry(entry(text))[1]["message"] == text


@pytest.mark.parametrize("text", ["", "plain words", "[1]", "7", '"text"', "null", "two\nlines", '{"a":1} tail'])
def test_a_line_that_is_no_object_is_the_message_of_one(text: str) -> None:
    assert read_entry(entry(text))[1] == {"message": text, "level": "INFO", "logger": "app"}


@pytest.mark.parametrize("text", ["x" * (3 * LONGEST), json.dumps({"a": "x" * (3 * LONGEST), "b": 1})])
def test_a_line_longer_than_servers_take_is_cut_so_that_it_shows(text: str) -> None:
    line = entry(text)
    assert len(packed(line)) < LONGEST + 1000
    assert "…" in json.dumps(read_entry(line)[1], ensure_ascii=False)


def test_ids_that_are_none_do_no_harm() -> None:
    odd: Any = object()
    record = read_entry(Entry(1.5, odd, "app", "words", odd))[1]
    assert record["message"] == "words"
    assert record["level"] == record["trace_id"] == "<object>"


def test_a_text_that_is_none_does_no_harm() -> None:
    odd: Any = object()
    assert read_entry(entry(odd))[1] == {"message": "<line that raises AttributeError>"}


@pytest.mark.parametrize(
    ("created", "time"),
    [
        (0.0, EventTime(0, 0)),
        (1.5, EventTime(1, 500_000_000)),
        (1_795_000_000.123456, EventTime(1_795_000_000, 123_456_000)),
        (7, EventTime(7, 0)),
        (2.0**32 - 0.5, EventTime(2**32 - 1, 500_000_000)),
    ],
)
def test_times_are_to_the_microsecond(created: float, time: EventTime) -> None:
    found = read_entry(entry("{}", created))[0]
    assert found.seconds == time.seconds
    assert abs(found.nanoseconds - time.nanoseconds) <= 1000


@pytest.mark.parametrize("created", [-1.5, 2.0**32, 1e300, math.nan, math.inf, None, "soon"])
def test_what_is_no_time_is_now(created: Any) -> None:
    assert read_entry(entry("{}", created))[0].seconds > 1_700_000_000


@given(st.floats(0, 2**32 - 1))
def test_nanoseconds_are_less_than_a_second(created: float) -> None:
    time = read_entry(entry("{}", created))[0]
    assert time.seconds == int(created)
    assert 0 <= time.nanoseconds < 10**9
