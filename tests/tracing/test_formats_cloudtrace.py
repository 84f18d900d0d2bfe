"""Google Cloud's older header, also as its servers send it: with parts left out or left empty."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from midwatch.tracing.formats import FORMATS, Incoming, Outgoing

T = "0af7651916cd43dd8448eb211c80319c"
P = "b7ad6b7169203331"
DECIMAL = 13235353014750950193

CLOUD = FORMATS["cloudtrace"]

READ = [
    (f"{T}/{DECIMAL};o=1", Incoming(T, P, sampled=True)),
    (f"{T}/{DECIMAL};o=0", Incoming(T, P, sampled=False)),
    (f"{T}/{DECIMAL};o=3", Incoming(T, P, sampled=True)),
    (f"{T}/{DECIMAL};o=2", Incoming(T, P, sampled=False)),
    (f"{T}/{DECIMAL};o=", Incoming(T, P)),
    (f"{T}/{DECIMAL}", Incoming(T, P)),
    (f"{T}/;o=1", Incoming(T, sampled=True)),
    (f"{T}/;o=", Incoming(T)),
    (f"{T}/", Incoming(T)),
    (f"{T};o=1", Incoming(T, sampled=True)),
    (f"{T};o=0", Incoming(T, sampled=False)),
    (f"{T};o=", Incoming(T)),
    (T, Incoming(T)),
    (f"{T}/0;o=1", Incoming(T, sampled=True)),
    (f"{T}/1;o=1", Incoming(T, "0" * 15 + "1", sampled=True)),
    (f"{T}/001;o=1", Incoming(T, "0" * 15 + "1", sampled=True)),
    (f"{T}/18446744073709551615;o=1", Incoming(T, "f" * 16, sampled=True)),
    (f"{T.upper()}/{DECIMAL};o=1", Incoming(T, P, sampled=True)),
    (f"\t{T}/{DECIMAL};o=1 ", Incoming(T, P, sampled=True)),
    (None, None),
    ("", None),
    ("/;o=", None),
    (f"/{DECIMAL};o=1", None),
    (f"{'0' * 32}/{DECIMAL};o=1", None),
    (f"{T[1:]}/{DECIMAL};o=1", None),
    (f"{T}0/{DECIMAL};o=1", None),
    (f"{T[:-1]}g/{DECIMAL};o=1", None),
    (f"{T}/18446744073709551616;o=1", None),
    (f"{T}/99999999999999999999;o=1", None),
    (f"{T}/{'1' * 21};o=1", None),
    (f"{T}/{P};o=1", None),
    (f"{T}/-1;o=1", None),
    (f"{T}/+1;o=1", None),
    (f"{T}/1_0;o=1", None),
    (f"{T}/\u0661;o=1", None),
    (f"{T}/{DECIMAL};o=-1", None),
    (f"{T}/{DECIMAL};o=true", None),
    (f"{T}/{DECIMAL};o=\u0661", None),
    (f"{T}/{DECIMAL};o=1000", None),
    (f"{T}/{DECIMAL};o=1;", None),
    (f"{T}/{DECIMAL};", None),
    (f"{T}/{DECIMAL};x=1", None),
    (f"{T}/{DECIMAL};o=1\n", None),
    (f"{T}/{DECIMAL};o=1,{T}/{DECIMAL};o=1", None),
    (f"{T}/{DECIMAL};o=1, {T[::-1]}/1;o=0", None),
    (f"{T}/" + "1" * 1_000_000, None),
    ("a" * 1_000_000, None),
]


@pytest.mark.parametrize(("header", "expected"), READ, ids=range(len(READ)))
def test_what_is_read(header: str | None, expected: Incoming | None) -> None:
    assert CLOUD.extract([header]) == expected


@pytest.mark.parametrize(("flags", "option"), [(0, 0), (1, 1), (2, 0), (3, 1)])
def test_what_is_written(flags: int, option: int) -> None:
    assert [*CLOUD.inject(Outgoing(T, P, flags, "a=1"))] == [("x-cloud-trace-context", f"{T}/{DECIMAL};o={option}")]


def an_id(width: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=width, max_size=width).filter(lambda digits: digits.strip("0"))


@given(an_id(32), an_id(16), st.booleans())
@example("0" * 31 + "1", "f" * 16, True)
@example("f" * 32, "0" * 15 + "1", False)
def test_round_trip(trace_id: str, span_id: str, sampled: bool) -> None:
    ((_, header),) = CLOUD.inject(Outgoing(trace_id, span_id, int(sampled)))
    assert CLOUD.extract([header]) == Incoming(trace_id, span_id, sampled)


@given(st.text(max_size=80) | st.from_regex(r"[0-9a-f]{32}(/[0-9]{0,24})?(;o=[0-9]{0,5})?.?", fullmatch=True))
@example(f"{T}/{DECIMAL};o=1\n")
def test_anything_can_be_read(header: str) -> None:
    found = CLOUD.extract([header])
    if found is not None:
        assert found.trace_id == header.strip(" \t")[:32].lower()
        assert found.span_id is None or len(found.span_id) == 16
        assert (found.random, found.state, found.debug) == (0, "", False)
