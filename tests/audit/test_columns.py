"""The columns that repeat what a body says."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from midwatch.audit.columns import COLUMNS, columns, columns_of_body, searchable
from midwatch.audit.event import utc

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "type", "ip"]), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from([*COLUMNS, "resource", "source", "other"])


def test_a_body_as_we_write_it() -> None:
    body = {
        "action": "orders.refund",
        "actor": {"id": "u1", "type": "user"},
        "id": "0197",
        "kind": "action",
        "outcome": "denied",
        "resource": [{"id": "17", "type": "order"}, {"id": "18", "type": "order"}],
        "source": {"ip": "192.0.2.1", "peer_ip": "10.0.0.1"},
        "tenant": "acme",
        "time": "2026-01-01T00:00:00.123456Z",
        "trace_id": "ab",
    }
    expected = {
        "id": "0197",
        "time": 1_767_225_600_123_456_000,
        "kind": "action",
        "actor": "u1",
        "action": "orders.refund",
        "resource_type": "order",
        "resource_id": "17",
        "outcome": "denied",
        "ip": "192.0.2.1",
        "tenant": "acme",
        "trace_id": "ab",
    }
    assert columns(body) == expected
    assert columns_of_body(json.dumps(body).encode()) == tuple(expected[name] for name in COLUMNS)


@given(st.integers(0, 9_223_372_035_999_999_999))
def test_any_time_comes_back_to_the_microsecond(time: int) -> None:
    assert columns({"time": utc(time)})["time"] == time // 1000 * 1000


@given(st.dictionaries(FIELDS, VALUES))
@example({"time": "2026-01-01T00:00:00.12345²Z"})
@example({"time": "9999-12-31T23:59:59.000000Z"})
@example({"time": "1969-12-31T23:59:59.000000Z"})
@example({"time": "2026-13-01T00:00:00.000000Z"})
@example({"time": ["2026-01-01T00:00:00.000000"] * 27})
@example({"resource": [[]], "actor": [], "source": "x"})
def test_no_body_is_too_odd(body: dict[str, Any]) -> None:
    found = columns(body)
    assert tuple(found) == COLUMNS
    for name, value in found.items():
        if name == "time":
            assert 0 <= value < 2**63
        else:
            assert value is None or (isinstance(value, str) and "\0" not in value and len(value.encode()) <= 1024)
    assert columns_of_body(json.dumps(body).encode()) == tuple(found.values())


@given(st.binary())
@example(b"[]")
@example(b"[" * 100_000)
def test_bytes_that_are_no_body_have_no_columns(data: bytes) -> None:
    assert len(columns_of_body(data)) == len(COLUMNS)


@given(st.text())
def test_text_is_left_alone_unless_it_must_not_be(text: str) -> None:
    found = searchable(text)
    assert found is not None
    assert searchable(found) == found
    if (
        "\0" not in text
        and len(text.encode("utf-8", "replace")) <= 1024
        and text.encode("utf-8", "replace").decode() == text
    ):
        assert found == text
