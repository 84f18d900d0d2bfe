"""Canonical JSON, and the copies that it is made of."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from midwatch import audit
from midwatch.audit.canonical import Copy, canonical
from midwatch.audit.entry import Entry
from midwatch.audit.event import MAX_BODY, encode, event
from midwatch.testing import ScriptedApp

wild = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.uuids(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters(exclude_categories=())) | st.integers(), inner)
    ),
    max_leaves=30,
)


def jcs(value: Any) -> bytes:
    """RFC 8785 for values without floats and with ASCII keys, by the standard library."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@given(wild)
@example("\ud800\udc00 \udfff")
@example({"\ud800": "\u2028", "é": 2**63, "": float("nan")})
def test_a_copy_of_anything_has_one_canonical_form(value: Any) -> None:
    """Parsed and written again it is the same bytes, and those of RFC 8785; keys are ASCII and numbers are exact."""
    data = canonical(Copy().value("changes", value))
    parsed = json.loads(data, parse_float=pytest.fail, parse_constant=pytest.fail)
    assert canonical(parsed) == data == jcs(parsed)
    assert not set(data.decode()) & {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029"}


@given(wild, wild, wild, wild, wild)
def test_a_record_of_anything_is_an_event_of_bounded_size(
    action: Any, resource: Any, outcome: Any, reason: Any, changes: Any
) -> None:
    """Whatever is handed in, the body is canonical JSON of at most 16 KiB."""
    entry = Entry(1, action, resource=resource, outcome=outcome, reason=reason, changes=changes)
    data = encode(event("action", 1, 1, {"name": "orders"}, entry=entry))
    assert len(data) <= MAX_BODY
    assert jcs(json.loads(data)) == data


@given(st.text(st.characters(exclude_categories=())), st.integers(8, 40))
def test_text_is_cut_to_bytes_between_characters(text: str, limit: int) -> None:
    """Never more than the limit in UTF-8, never half a character, and the cut is named."""
    copy = Copy()
    kept = copy.text("reason", text, limit)
    assert len(kept.encode()) <= limit
    if not copy.truncated:
        assert len(kept) == len(text)
    else:
        assert copy.truncated == ["reason"]


class Colour(IntEnum):
    """A number that is not quite one."""

    RED = 1


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (True, True),
        (2**53 - 1, 2**53 - 1),
        (2**53, "9007199254740992"),
        (-(2**53), "-9007199254740992"),
        (10**299, str(10**299)),
        pytest.param(10**5000, "<int that raises ValueError>", id="huge"),
        (1.5, "1.5"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (Decimal("9.90"), "9.90"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01 00:00:00+00:00"),
        (Colour.RED, "1"),
        (b"caf\xc3\xa9\xff", "café\ufffd"),
        ("a\x00\x1b\u2028\n\t", "a\ufffd\ufffd\ufffd\n\t"),
        ({1: {"é": "é"}}, {"1": {"\\xe9": "é"}}),
        ([[[[[1]]]]], [[[["…"]]]]),
        (frozenset([1]), [1]),
    ],
)
def test_values_become_plain(value: Any, kept: Any) -> None:
    """What JSON readers agree on stays; the rest is text."""
    assert Copy().value("changes", value) == kept


class Hostile:
    """Raises whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    def __hash__(self) -> int:
        raise RuntimeError("no")


class HostileText(str):
    """Text that has its own opinion of everything."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")

    def __len__(self) -> int:
        return 1 << 40

    def isascii(self) -> bool:
        raise RuntimeError("no")


class HostileMapping(Mapping[str, Any]):
    """Has more in it than it says, and then fails."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("no")

    def __iter__(self) -> Iterator[str]:
        yield "a"
        raise RuntimeError("no")

    def __len__(self) -> int:
        return 10**9


def _cycle() -> list[Any]:
    cycle: list[Any] = []
    cycle.extend([cycle] * 100)
    return cycle


def _recursing() -> object:
    class Recursing:
        def __str__(self) -> str:
            return str(self)

    return Recursing()


HOSTILE: list[Any] = [
    Hostile(), HostileText("x"), HostileMapping(), _cycle(), _recursing(), math.nan, "\ud800", 10**5000,
    dict.fromkeys(range(10**6)), "x" * (1 << 24), [Hostile(), HostileMapping()], {"type": Hostile(), "id": _cycle()},
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_objects_are_events_too(door: Any, trail: Any, number: int) -> None:
    """In every argument, of both functions: an event of bounded size, and the application notices nothing."""
    value = HOSTILE[number]

    def before() -> None:
        audit.record("all", value, value, value, value)
        audit.record(value, [value], changes={"a": (value, value)})
        audit.record("some", changes=cast("Any", [value]))
        audit.actor("u1", value, value)
        audit.actor(value)

    answer = door.call(door.watch(ScriptedApp(before=before), trail.plugin))
    assert answer.body == b"hello"
    assert len(trail.bodies) == 3
    assert max(map(len, trail.lines)) < MAX_BODY + 100
    assert audit.verify(trail.lines).sound


def test_a_body_that_is_too_large_loses_its_longest_list(door: Any, trail: Any) -> None:
    """At most 16 KiB whatever is in it, and the event says what was cut."""
    long = '"' * 1024
    changes = {f"{number}{long}": (long, long) for number in range(64)}
    app = ScriptedApp(before=lambda: audit.record(long, [{"type": long, "id": long}] * 32, "success", long, changes))
    door.call(door.watch(app, trail.plugin))
    assert len(canonical(trail.body)) <= MAX_BODY
    assert {"changes", "resource"} <= set(trail.body["truncated"])
    assert trail.body["action"] == long


def test_a_body_cannot_be_too_large_for_what_may_be_in_it(door: Any, make_trail: Any, put: Any) -> None:
    """With every string as long as it may be, and each character escaped, there is room without the lists."""
    long = '"' * 5000
    trail = make_trail(ids=lambda bits: 2**bits - 1)
    known = {"trace_id": long, "span_id": long, "request_id": long, "route": long, "peer": (long, 1)}

    def before() -> None:
        audit.actor(long, long, long)
        audit.record(long, long, "success", long)

    app = ScriptedApp(before=before)
    options = {"validate": False} if door.name == "wsgi" else {}
    headers = [("host", "x"), ("user-agent", long)]
    door.call(door.watch(app, put(**known), trail.plugin), long, headers=headers, **options)
    assert len(trail.bodies) == 2
    assert max(len(canonical(body)) for body in trail.bodies) <= MAX_BODY
