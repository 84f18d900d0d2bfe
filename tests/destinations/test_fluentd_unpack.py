"""Answers of servers: MessagePack by strangers."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.destinations.fluentd.unpack import DEPTH, ITEMS, unpacked

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=300)
    | st.text(max_size=70)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40), inner, max_size=20)
)


def as_bytes(value: Any) -> Any:
    """*value* with bytes in place of texts."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict):
        return {as_bytes(key): as_bytes(item) for key, item in value.items()}
    return [as_bytes(item) for item in value] if isinstance(value, list) else value


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(VALUES.filter(lambda value: depth(value) <= DEPTH), st.binary(max_size=20))
def test_a_value_is_read_back_and_what_follows_is_left(value: Any, rest: bytes) -> None:
    data = msgspec.msgpack.encode(value)
    assert unpacked(data + rest) == (as_bytes(value), len(data))


@given(VALUES.filter(lambda value: depth(value) <= DEPTH), st.data())
def test_a_value_that_is_not_whole_is_waited_for(value: Any, data: st.DataObject) -> None:
    whole = msgspec.msgpack.encode(value)
    assert unpacked(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@given(st.binary(max_size=200))
def test_of_any_bytes_a_value_none_or_an_error_is_made(data: bytes) -> None:
    try:
        found = unpacked(data)
    except ValueError:
        return
    assert found is None or 0 < found[1] <= len(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\xa2\xff\xfe", b"\xff\xfe"),  # a nonce of fluent-bit
        (b"\xca\x3f\x80\x00\x00", 1.0),
        (b"\xd7\x00" + b"12345678", b"\x0012345678"),
        (b"\xc7\x03\x05abc", b"\x05abc"),
        (b"\x81\x01\x02", {}),
        (b"\x81\x90\x02", {}),
        (b"\xdc\x00\x01\x07", [7]),
        (b"\xdf\x00\x00\x00\x01\xa1a\xc3", {b"a": True}),
    ],
)
def test_all_ways_to_write_it_are_known(data: bytes, value: Any) -> None:
    assert unpacked(data) == (value, len(data))


def test_a_number_that_is_none_is_read() -> None:
    found = unpacked(b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00")
    assert found is not None
    assert math.isnan(found[0])


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1",
        b"\x91" * (DEPTH + 1),
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdc" + (ITEMS + 1).to_bytes(2, "big"),
    ],
)
def test_more_than_an_answer_holds_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"nested|too many|begins with"):
        unpacked(data)


def test_a_length_costs_no_memory() -> None:
    assert unpacked(b"\xc6\xff\xff\xff\xff") is None
