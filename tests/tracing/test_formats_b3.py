"""B3 in one header and in several, by its specification."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from midwatch.tracing.formats import FORMATS, Incoming, Outgoing

T = "0af7651916cd43dd8448eb211c80319c"
LOW = T[16:]
SHORT = "0" * 16 + LOW
P = "b7ad6b7169203331"
Q = "00f067aa0ba902b7"
ZERO = "0" * 32

B3 = FORMATS["b3"]
MULTI = FORMATS["b3multi"]

DEFER = Incoming(T, P, sampled=None)
DENY = Incoming(T, P, sampled=False)
ACCEPT = Incoming(T, P, sampled=True)
DEBUG = Incoming(T, P, sampled=True, debug=True)

SINGLE = [
    (f"{T}-{P}", DEFER),
    (f"{T}-{P}-0", DENY),
    (f"{T}-{P}-1", ACCEPT),
    (f"{T}-{P}-d", DEBUG),
    (f"{T}-{P}-0-{Q}", DENY),
    (f"{T}-{P}-1-{Q}", ACCEPT),
    (f"{T}-{P}-d-{Q}", DEBUG),
    (f"{T}-{P}-{Q}", DEFER),
    (f" \t{T}-{P}-1\t ", ACCEPT),
    (f"{T.upper()}-{P.upper()}-1", ACCEPT),
    (f"{LOW}-{P}-1", Incoming(SHORT, P, sampled=True)),
    (f"{LOW}-{P}", Incoming(SHORT, P, sampled=None)),
    # the first of two lines wins
    (f"{T}-{P}-1,{T[::-1]}-{Q}-0", ACCEPT),
    (f"{T}-{P}-1, 0", ACCEPT),
    (f",{T}-{P}-1", None),
    # a decision alone
    ("0", Incoming(sampled=False)),
    ("1", Incoming(sampled=True)),
    ("d", Incoming(sampled=True, debug=True)),
    (" 0 ", Incoming(sampled=False)),
    # nothing valid
    (None, None),
    ("", None),
    (" ", None),
    ("2", None),
    ("D", None),
    ("true", None),
    ("-", None),
    ("---", None),
    ("01", None),
    (T, None),
    (f"{T}-", None),
    (f"{T}-{P}-", None),
    (f"{T}-{P}-2", None),
    (f"{T}-{P}-D", None),
    (f"{T}-{P}-true", None),
    (f"{T}-{P}-1-", None),
    (f"{T}-{P}-1-{Q}-", None),
    (f"{T}-{P}-1-{Q}0", None),
    (f"{T}-{P}-1-{Q[1:]}", None),
    (f"{T}-{P[1:]}-1", None),
    (f"{T}-{P}0-1", None),
    (f"{T[1:]}-{P}-1", None),
    (f"{T}0-{P}-1", None),
    (f"{LOW[1:]}-{P}-1", None),
    (f"{LOW}0-{P}-1", None),
    (f"{T[:-1]}g-{P}-1", None),
    (f"{T}_{P}_1", None),
    (f"{T}-{P}-1\n", None),
    (f"{ZERO}-{P}-1", None),
    (f"{ZERO[:16]}-{P}-1", None),
    (f"{T}-{ZERO[:16]}-1", None),
    (f"-{P}-1", None),
    (f"{T}--1", None),
    ("\u0661" * 32 + f"-{P}-1", None),
    ("a" * 1_000_000, None),
    ("0-" * 500_000, None),
]

SEVERAL = [
    # trace id, span id, sampled, flags
    ((T, P, None, None), DEFER),
    ((T, P, "", ""), DEFER),
    ((T, P, "0", None), DENY),
    ((T, P, "1", None), ACCEPT),
    ((T, P, "true", None), ACCEPT),
    ((T, P, "False", None), DENY),
    ((T, P, "TRUE", None), ACCEPT),
    ((T, P, "d", None), DEFER),
    ((T, P, "2", None), DEFER),
    ((T, P, "yes", None), DEFER),
    ((T, P, None, "1"), DEBUG),
    ((T, P, "1", "1"), DEBUG),
    ((T, P, "0", "1"), DEBUG),
    ((T, P, "1", "0"), ACCEPT),
    ((T, P, "0", "0"), DENY),
    ((T, P, None, "3"), DEFER),
    ((T, P, None, "true"), DEFER),
    ((T, P, " 1\t", None), ACCEPT),
    ((f" {T} ", f"\t{P}", "1", " 0"), ACCEPT),
    ((T.upper(), P.upper(), "1", None), ACCEPT),
    ((LOW, P, "1", None), Incoming(SHORT, P, sampled=True)),
    # the first of two lines wins
    ((f"{T},{LOW}", f"{P},{Q}", "1,0", None), ACCEPT),
    ((T, P, "0, 1", "0, 1"), DENY),
    # a decision alone
    ((None, None, "0", None), Incoming(sampled=False)),
    ((None, None, "1", None), Incoming(sampled=True)),
    ((None, None, "false", None), Incoming(sampled=False)),
    ((None, None, None, "1"), Incoming(sampled=True, debug=True)),
    ((None, None, "0", "1"), Incoming(sampled=True, debug=True)),
    (("", "", "0", ""), Incoming(sampled=False)),
    # nothing valid
    ((None, None, None, None), None),
    ((None, None, "maybe", "0"), None),
    ((T, None, "1", None), None),
    ((None, P, "1", None), None),
    ((T[1:], P, "1", None), None),
    ((T + "0", P, "1", None), None),
    ((LOW[1:], P, "1", None), None),
    ((T, P[1:], "1", None), None),
    ((T, P + "0", "1", None), None),
    ((T[:-1] + "g", P, "1", None), None),
    ((ZERO, P, "1", None), None),
    ((T, ZERO[:16], "1", None), None),
    (("a" * 1_000_000, P, "1", None), None),
    ((T, "a" * 1_000_000, "1", None), None),
]

NONE: tuple[str | None, ...] = (None,) * 4


@pytest.mark.parametrize(("header", "expected"), SINGLE, ids=range(len(SINGLE)))
def test_the_single_header(header: str | None, expected: Incoming | None) -> None:
    """Either format reads it where it stands alone."""
    assert B3.extract([header, *NONE]) == expected
    assert MULTI.extract([*NONE, header]) == expected


@pytest.mark.parametrize(("headers", "expected"), SEVERAL, ids=range(len(SEVERAL)))
def test_the_several_headers(headers: tuple[str | None, ...], expected: Incoming | None) -> None:
    """Either format reads them where they stand alone, or beside a single one that is not valid."""
    assert MULTI.extract([*headers, None]) == expected
    assert B3.extract([None, *headers]) == expected
    assert B3.extract(["garbage", *headers]) == expected


def test_which_one_wins() -> None:
    """The one by which the format is called; a decision alone is an answer too."""
    single, several = f"{T}-{P}-0", (T[::-1], Q, "1", None)
    other = Incoming(T[::-1], Q, sampled=True)
    assert B3.extract([single, *several]) == DENY
    assert MULTI.extract([*several, single]) == other
    assert B3.extract(["0", *several]) == Incoming(sampled=False)
    assert MULTI.extract([None, None, "1", None, single]) == Incoming(sampled=True)
    assert MULTI.extract(["garbage", Q, "1", None, single]) == DENY


@pytest.mark.parametrize(
    ("flags", "debug", "single", "several"),
    [
        (0, False, "0", {"x-b3-sampled": "0"}),
        (1, False, "1", {"x-b3-sampled": "1"}),
        (2, False, "0", {"x-b3-sampled": "0"}),
        (3, False, "1", {"x-b3-sampled": "1"}),
        (1, True, "d", {"x-b3-flags": "1"}),
        (3, True, "d", {"x-b3-flags": "1"}),
    ],
)
def test_what_is_written(flags: int, debug: bool, single: str, several: dict[str, str]) -> None:
    """Debug goes further down, and not together with the decision that it implies; a parent does not."""
    span = Outgoing(T, P, flags, "a=1", debug)
    assert [*B3.inject(span)] == [("b3", f"{T}-{P}-{single}")]
    assert dict(MULTI.inject(span)) == {"x-b3-traceid": T, "x-b3-spanid": P, **several}
    assert {name for name, _ in MULTI.inject(span)} <= set(MULTI.sends)


def an_id(width: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=width, max_size=width).filter(lambda digits: digits.strip("0"))


@given(an_id(32), an_id(16), st.booleans(), st.booleans())
def test_round_trip(trace_id: str, span_id: str, sampled: bool, debug: bool) -> None:
    """What one side writes, the other reads in either format."""
    span = Outgoing(trace_id, span_id, int(sampled), debug=debug)
    expected = Incoming(trace_id, span_id, sampled or debug, debug=debug)
    for one in (B3, MULTI):
        sent = dict(one.inject(span))
        assert B3.extract([sent.get(field) for field in B3.fields]) == expected
        assert MULTI.extract([sent.get(field) for field in MULTI.fields]) == expected


some = (
    st.none() | st.text(max_size=60) | st.text("0123456789abcdefd-, ", max_size=60) | st.sampled_from([T, P, "0", "1"])
)


@given(st.lists(some, min_size=5, max_size=5))
@example([f"{T}-{P}-1\n", None, None, None, None])
@example([None, T, P + "\n", "1", None])
def test_anything_can_be_read(values: list[str | None]) -> None:
    """Ids are whole or absent, both of them; nothing is random that nobody said was."""
    for one in (B3, MULTI):
        found = one.extract(values)
        if found is not None:
            assert (found.trace_id is None) == (found.span_id is None)
            assert found.trace_id is None or len(found.trace_id) == 32
            assert found.span_id is None or len(found.span_id) == 16
            assert (found.random, found.state) == (0, "")
            assert found.sampled is not None or found.trace_id is not None
