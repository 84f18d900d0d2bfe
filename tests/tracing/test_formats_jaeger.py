"""Jaeger's own format, as its clients write and read it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from midwatch.tracing.formats import FORMATS, Incoming, Outgoing

T = "0af7651916cd43dd8448eb211c80319c"
P = "b7ad6b7169203331"
Q = "00f067aa0ba902b7"

JAEGER = FORMATS["jaeger"]

DENY = Incoming(T, P, sampled=False)
ACCEPT = Incoming(T, P, sampled=True)
DEBUG = Incoming(T, P, sampled=True, debug=True)

READ = [
    (f"{T}:{P}:0:0", DENY),
    (f"{T}:{P}:0:1", ACCEPT),
    (f"{T}:{P}:0:3", DEBUG),
    (f"{T}:{P}:0:2", DEBUG),
    (f"{T}:{P}:0:00", DENY),
    (f"{T}:{P}:0:01", ACCEPT),
    (f"{T}:{P}:0:4", DENY),
    (f"{T}:{P}:0:9", ACCEPT),
    (f"{T}:{P}:0:fD", ACCEPT),
    (f"{T}:{P}:0:ff", DEBUG),
    (f"{T}:{P}:{Q}:1", ACCEPT),
    (f"{T}:{P}:{Q[2:]}:1", ACCEPT),
    (f"{T}:{P}::1", ACCEPT),
    (f"{T}%3A{P}%3A0%3A1", ACCEPT),
    (f"{T}%3a{P}%3a0%3a1", ACCEPT),
    (f"\t{T}:{P}:0:1 ", ACCEPT),
    (f"{T.upper()}:{P.upper()}:0:1", ACCEPT),
    (f"{T[16:]}:{P}:0:1", Incoming("0" * 16 + T[16:], P, sampled=True)),
    (f"{T.lstrip('0')}:{P}:0:1", ACCEPT),
    ("a:b:0:1", Incoming("a".rjust(32, "0"), "b".rjust(16, "0"), sampled=True)),
    (f"{T}:{Q.lstrip('0')}:0:1", Incoming(T, Q, sampled=True)),
    (None, None),
    ("", None),
    (":::", None),
    (f"{T}:{P}:0", None),
    (f"{T}:{P}:0:", None),
    (f"{T}:{P}:0:1:", None),
    (f"{T}:{P}:0:100", None),
    (f"{T}:{P}:0:g", None),
    (f"{T}:{P}:-1:1", None),
    (f"{T}:{P}:{Q}0:1", None),
    (f"0{T}:{P}:0:1", None),
    (f"{T}:0{P}:0:1", None),
    (f"{T}::0:1", None),
    (f":{P}:0:1", None),
    (f"0:{P}:0:1", None),
    (f"{'0' * 32}:{P}:0:1", None),
    (f"{T}:0:0:1", None),
    (f"{T}:{P}:0:1\n", None),
    (f"{T}-{P}-0-1", None),
    (f"{T}:{P}:0:1,{T}:{P}:0:1", None),
    (f"{T}:{P}:0:1, {T[::-1]}:{P}:0:1", None),
    ("\u0661:\u0661:0:1", None),
    ("a" * 1_000_000, None),
    ("%3A" * 300_000, None),
]


@pytest.mark.parametrize(("header", "expected"), READ, ids=range(len(READ)))
def test_what_is_read(header: str | None, expected: Incoming | None) -> None:
    assert JAEGER.extract([header, None, None]) == expected


def test_a_trace_can_be_forced_by_hand() -> None:
    """Only where there is none."""
    forced = Incoming(sampled=True, debug=True)
    assert JAEGER.extract([None, "ticket-7", None]) == forced
    assert JAEGER.extract(["garbage", "ticket-7", None]) == forced
    assert JAEGER.extract([f"{T}:{P}:0:0", "ticket-7", None]) == DENY
    assert JAEGER.extract([None, "", None]) is None


@pytest.mark.parametrize(
    ("flags", "debug", "digit"), [(0, False, 0), (1, False, 1), (2, False, 0), (3, False, 1), (3, True, 3)]
)
def test_what_is_written(flags: int, debug: bool, digit: int) -> None:
    """A trace that is sampled is not one to debug, and W3C's second bit is another one."""
    assert [*JAEGER.inject(Outgoing(T, P, flags, "a=1", debug))] == [("uber-trace-id", f"{T}:{P}:0:{digit}")]


@pytest.mark.parametrize(
    ("by_hand", "prefixed", "expected"),
    [
        (None, {}, {}),
        (None, {"k": "v"}, {"k": "v"}),
        (None, {"k": "a%20b%2Bc+d%2c", "l": ""}, {"k": "a b+c d,", "l": ""}),
        (None, {"k": "%E4%BD%A0%ff%", "": "x", "not a token": "y"}, {"k": "你\ufffd%"}),
        ("k=v", {}, {"k": "v"}),
        ("k=v, l = w ,m=a+b%20c", {}, {"k": "v", "l": "w", "m": "a+b c"}),
        ("k=a=b,novalue,,=x,a b=1", {}, {"k": "a=b"}),
        ("k=v,l=w", {"k": "x"}, {"k": "x", "l": "w"}),
        ("", {}, {}),
        ("," * 1_000_000, {}, {}),
        ("k=" + "x" * 1_000_000, {}, {}),
        (None, {"k": "x" * 8192, "l": "y"}, {"l": "y"}),
        (None, {f"k{n}": "v" for n in range(9000)}, {f"k{n}": "v" for n in range(64)}),
        (",".join(f"k{n}=v" for n in range(900)), {}, {f"k{n}": "v" for n in range(64)}),
    ],
    ids=range(14),
)
def test_baggage_is_read(by_hand: str | None, prefixed: dict[str, str], expected: dict[str, str]) -> None:
    assert JAEGER.extract_baggage([None, None, by_hand], prefixed) == expected


def test_baggage_is_written() -> None:
    """One header for each member, all of them of the kind that can be sent."""
    entries = {"k": "a b/ä+", "n": 7, "not a token": "x", "r\r\nx": "y", "l": "\r\n", "s": "\ud800", "long": "x" * 9000}
    assert dict(JAEGER.inject_baggage(entries)) == {
        "uberctx-k": "a%20b%2F%C3%A4%2B",
        "uberctx-n": "7",
        "uberctx-l": "%0D%0A",
        "uberctx-s": "%3F",
    }
    assert len([*JAEGER.inject_baggage({f"k{n}": n for n in range(100)})]) == 64


def an_id(width: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=width, max_size=width).filter(lambda digits: digits.strip("0"))


@given(an_id(32), an_id(16), st.booleans(), st.booleans())
def test_round_trip(trace_id: str, span_id: str, sampled: bool, debug: bool) -> None:
    """Also where a client on the way has left out zeros, or encoded the colons."""
    header = dict(JAEGER.inject(Outgoing(trace_id, span_id, int(sampled), debug=debug)))["uber-trace-id"]
    expected = Incoming(trace_id, span_id, sampled or debug, debug=debug)
    short = ":".join(part.lstrip("0") or "0" for part in header.split(":"))
    for one in (header, short, header.replace(":", "%3A")):
        assert JAEGER.extract([one, None, None]) == expected


names = st.text("abcz019-_.", min_size=1, max_size=8)


@given(st.dictionaries(names, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=20))
def test_baggage_round_trip(members: dict[str, str]) -> None:
    sent = {name.removeprefix("uberctx-"): value for name, value in JAEGER.inject_baggage(members)}
    assert JAEGER.extract_baggage([None, None, None], sent) == members


some = st.none() | st.text(max_size=90) | st.text("0123456789abcdef:%3A=, ", max_size=90)


@given(st.lists(some, min_size=3, max_size=3), st.dictionaries(st.text(max_size=9), st.text(max_size=30), max_size=5))
@example([f"{T}:{P}:0:1\n", None, None], {})
def test_anything_can_be_read(values: list[str | None], prefixed: dict[str, str]) -> None:
    found = JAEGER.extract(values)
    if found is not None and found.trace_id is not None:
        assert found.span_id is not None
        assert (len(found.trace_id), len(found.span_id)) == (32, 16)
    members = JAEGER.extract_baggage(values, prefixed)
    assert len([*JAEGER.inject_baggage(members)]) == len(members)
