"""Lines that are cut: still JSON, still found by their fields, and visibly cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.destinations.cut import cut

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=12,
)
lines = st.dictionaries(st.text(), values)


def cut_line(fields: dict[str, Any], most: int) -> Any:
    line = cut(json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace"), most)
    assert len(line) <= most
    return json.loads(line)


def test_what_fits_stays_as_it_is() -> None:
    assert cut(b'{ "a" : 1 }', 64) == b'{ "a" : 1 }'


def test_long_texts_are_cut_and_the_rest_stays() -> None:
    fields = {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "message": "m" * 10_000, "status": 500}
    found = cut_line(fields, 1000)
    assert found["trace_id"] == fields["trace_id"]
    assert found["status"] == 500
    assert found["message"].endswith("m…")


def test_no_more_is_cut_than_needs_be() -> None:
    line = json.dumps({"message": "m" * 10_000, "stack": "s" * 300}).encode()
    assert 990 <= len(cut(line, 1000)) <= 1000


def test_nested_texts_are_cut_too() -> None:
    found = cut_line({"a": {"b": ["x" * 5000]}}, 200)
    assert found["a"]["b"][0].endswith("x…")


def test_fields_that_do_not_fit_are_left_out_and_counted() -> None:
    fields = {"first": "f" * 100} | {f"field_{number}": number for number in range(1000)}
    found = cut_line(fields, 500)
    assert found["first"] == "f" * 32 + "…"
    assert found["…"] == f"{1001 - (len(found) - 1)} more"


def test_a_field_that_is_too_big_costs_no_other() -> None:
    found = cut_line({"a": 1, "numbers": list(range(1000)), "b": 2}, 100)
    assert found == {"a": 1, "b": 2, "…": "1 more"}


@pytest.mark.parametrize("line", ["x" * 500, "[" + "1," * 200 + "1]", '{"a":"' + "ä" * 300, "{" * 500, "[" * 100_000])
def test_what_is_no_object_is_cut_at_the_end(line: str) -> None:
    found = cut(line.encode(), 100).decode()
    assert found.endswith("…")
    assert line.startswith(found[:-1])


def test_characters_are_kept_whole() -> None:
    assert cut("😀".encode() * 100, 66).decode() == "😀" * 15 + "…"


def test_deep_lines_are_survived() -> None:
    line = '{"a":' * 600 + '"x"' + "}" * 600
    assert len(cut(line.encode(), 200)) <= 200


@settings(max_examples=50, deadline=None)  # Making them takes longer than cutting them.
@given(fields=lines, most=st.integers(64, 400))
def test_what_is_cut_is_still_an_object(fields: dict[str, Any], most: int) -> None:
    found = cut_line(fields, most)
    assert isinstance(found, dict)
    assert "…" in found or set(found) <= {key.encode("utf-8", "replace").decode() for key in fields}


@given(st.text(min_size=30), st.integers(64, 100))
def test_any_text_can_be_cut(text: str, most: int) -> None:
    line = text.encode()
    found = cut(line, most)
    assert len(found) <= most
    assert found.decode().endswith("…") or found == line
