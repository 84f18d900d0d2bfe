"""OpenTracing's headers, with ids of 64 bits and decisions in words."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from midwatch.tracing.formats import FORMATS, Incoming, Outgoing

T = "0af7651916cd43dd8448eb211c80319c"
LOW = T[16:]
SHORT = "0" * 16 + LOW
P = "b7ad6b7169203331"

OTTRACE = FORMATS["ottrace"]

READ = [
    # trace id, span id, sampled
    ((LOW, P, "true"), Incoming(SHORT, P, sampled=True)),
    ((LOW, P, "false"), Incoming(SHORT, P, sampled=False)),
    ((LOW, P, "True"), Incoming(SHORT, P, sampled=True)),
    ((LOW, P, "1"), Incoming(SHORT, P, sampled=True)),
    ((LOW, P, "0"), Incoming(SHORT, P, sampled=False)),
    ((LOW, P, None), Incoming(SHORT, P, sampled=None)),
    ((LOW, P, ""), Incoming(SHORT, P, sampled=None)),
    ((LOW, P, "maybe"), Incoming(SHORT, P, sampled=None)),
    ((LOW, P, "true,false"), Incoming(SHORT, P, sampled=None)),
    ((T, P, "true"), Incoming(T, P, sampled=True)),
    ((T.upper(), P.upper(), "TRUE"), Incoming(T, P, sampled=True)),
    ((f" {T}\t", f"\t{P} ", " true "), Incoming(T, P, sampled=True)),
    (("a", "b", "true"), Incoming("a".rjust(32, "0"), "b".rjust(16, "0"), sampled=True)),
    ((None, None, "false"), Incoming(sampled=False)),
    (("", "", "true"), Incoming(sampled=True)),
    ((None, None, None), None),
    ((None, None, "maybe"), None),
    ((LOW, None, "true"), None),
    ((None, P, "true"), None),
    (("0", P, "true"), None),
    ((LOW, "0" * 16, "true"), None),
    ((T + "0", P, "true"), None),
    ((LOW, P + "0", "true"), None),
    (("xyz", P, "true"), None),
    ((LOW, "-1", "true"), None),
    ((f"{LOW},{LOW}", P, "true"), None),
    ((f"{LOW}\n", P, "true"), None),
    (("\u0661", P, "true"), None),
    (("a" * 1_000_000, P, "true"), None),
    ((LOW, P, "a" * 1_000_000), Incoming(SHORT, P, sampled=None)),
]


@pytest.mark.parametrize(("headers", "expected"), READ, ids=range(len(READ)))
def test_what_is_read(headers: tuple[str | None, ...], expected: Incoming | None) -> None:
    assert OTTRACE.extract(headers) == expected


@pytest.mark.parametrize(("flags", "word"), [(0, "false"), (1, "true"), (2, "false"), (3, "true")])
def test_what_is_written(flags: int, word: str) -> None:
    """The low half of the trace id, whatever other flags there are."""
    assert dict(OTTRACE.inject(Outgoing(T, P, flags, "a=1"))) == {
        "ot-tracer-traceid": LOW,
        "ot-tracer-spanid": P,
        "ot-tracer-sampled": word,
    }


def test_half_an_id_that_is_zero_is_none() -> None:
    """Nobody could continue that trace."""
    assert not [*OTTRACE.inject(Outgoing("1" * 16 + "0" * 16, P, 1))]


def test_baggage_is_read() -> None:
    """As it stands, in bounds."""
    assert OTTRACE.extract_baggage([None, None, None], {}) == {}
    taken = OTTRACE.extract_baggage([None, None, None], {"k": "a b+%20", "": "x", "a b": "y", "long": "x" * 9000})
    assert taken == {"k": "a b+%20"}
    assert len(OTTRACE.extract_baggage([None, None, None], {f"k{n}": "v" for n in range(9000)})) == 64


def test_baggage_is_written() -> None:
    """As it stands; what would not come through, or would break the header, stays at home."""
    entries = {"k": "a b+%20", "n": 7, "e": "", "ä": "x", "l": "ä", "crlf": "\r\nx: y", "s": "\ud800", "a b": "z"}
    sent = {"ot-baggage-k": "a b+%20", "ot-baggage-n": "7", "ot-baggage-e": ""}
    assert dict(OTTRACE.inject_baggage(entries)) == sent


def an_id(width: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=width, max_size=width).filter(lambda digits: digits.strip("0"))


@given(an_id(16), an_id(16), st.booleans())
def test_round_trip(low: str, span_id: str, sampled: bool) -> None:
    """Of a trace id of 64 bits; also where someone on the way has left out zeros."""
    trace_id = low.rjust(32, "0")
    sent = dict(OTTRACE.inject(Outgoing(trace_id, span_id, int(sampled))))
    values = [sent[field] for field in OTTRACE.fields]
    for one in (values, [value.lstrip("0") for value in values]):
        assert OTTRACE.extract(one) == Incoming(trace_id, span_id, sampled)


names = st.text("abcz019-_.", min_size=1, max_size=8)
plain = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@given(st.dictionaries(names, plain, max_size=20))
def test_baggage_round_trip(members: dict[str, str]) -> None:
    sent = {name.removeprefix("ot-baggage-"): value for name, value in OTTRACE.inject_baggage(members)}
    assert OTTRACE.extract_baggage([None, None, None], sent) == members


some = st.none() | st.text(max_size=60) | st.text("0123456789abcdef, ", max_size=60) | st.sampled_from([T, P, "true"])


@given(st.lists(some, min_size=3, max_size=3), st.dictionaries(st.text(max_size=9), st.text(max_size=30), max_size=5))
@example([T, P + "\n", "true"], {})
def test_anything_can_be_read(values: list[str | None], prefixed: dict[str, str]) -> None:
    found = OTTRACE.extract(values)
    if found is not None and found.trace_id is not None:
        assert found.span_id is not None
        assert (len(found.trace_id), len(found.span_id)) == (32, 16)
    members = OTTRACE.extract_baggage(values, prefixed)
    assert all(value.isprintable() for _, value in OTTRACE.inject_baggage(members))
