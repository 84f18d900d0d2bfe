"""AWS X-Ray's header, as its clients, load balancers and functions write it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from midwatch.tracing.formats import FORMATS, Incoming, Outgoing

ROOT = "1-67891233-abcdef012345678912345678"
T = "67891233abcdef012345678912345678"
SELF = "1-67891233-12456789abcdef0123456789"
P = "53995c3f42cd8ad8"

XRAY = FORMATS["xray"]

DEFER = Incoming(T, P, sampled=None)
DENY = Incoming(T, P, sampled=False)
ACCEPT = Incoming(T, P, sampled=True)
ALONE = Incoming(T)

READ = [
    (f"Root={ROOT};Parent={P};Sampled=1", ACCEPT),
    (f"Root={ROOT};Parent={P};Sampled=0", DENY),
    (f"Root={ROOT};Parent={P};Sampled=?", DEFER),
    (f"Root={ROOT};Parent={P}", DEFER),
    (f"Root={ROOT};Parent={P};Sampled=", DEFER),
    (f"Root={ROOT};Parent={P};Sampled=2", DEFER),
    (f"Sampled=1;Parent={P};Root={ROOT}", ACCEPT),
    (f"Parent={P};Sampled=0;Root={ROOT}", DENY),
    (f"Root={ROOT}; Parent={P}; Sampled=1", ACCEPT),
    (f" Root = {ROOT} ;\tParent = {P} ; Sampled = 1 ", ACCEPT),
    (f"Root={ROOT};Parent={P};Sampled=1;", ACCEPT),
    (f";;Root={ROOT};;Parent={P};Sampled=1;;", ACCEPT),
    (f"Root={ROOT.upper()};Parent={P.upper()};Sampled=1", ACCEPT),
    (f"Root={ROOT};Parent={P};Sampled=1;Lineage=a87bd80c:1|68fd508a:5|c512fbe3:2", ACCEPT),
    (f"Root={ROOT};Lineage=1:a87bd80c:0;Parent={P};Sampled=1", ACCEPT),
    (f"Self={SELF};Root={ROOT};Parent={P};Sampled=1", ACCEPT),
    (f"Self={SELF};Root={ROOT};CalledFrom=app;Parent={P};Sampled=1", ACCEPT),
    (f"Root={ROOT};Parent={P};Sampled=1;noequals;=;a=b=c;RootCause=1;MyRoot=2;Sampled2=0", ACCEPT),
    (f"root=x;Root={ROOT};parent=y;Parent={P};Sampled=1", ACCEPT),
    (f"Note=Root={SELF};Root={ROOT};Parent={P};Sampled=1", ACCEPT),
    (f"Root={ROOT};Parent={P};Sampled=1;Long=" + "x" * 7000, ACCEPT),
    # load balancers: a root, no parent
    (f"Root={ROOT}", ALONE),
    (f"Self={SELF};Root={ROOT}", ALONE),
    (f"Self=1-67891233-12456789abcdef012345678;Root={ROOT};CalledFrom=app", ALONE),
    (f"Root={ROOT};Parent=", ALONE),
    (f"Root={ROOT};Sampled=1", Incoming(T, sampled=True)),
    (f"Root={ROOT};Sampled=0", Incoming(T, sampled=False)),
    (f"Root={ROOT};Sampled=?", ALONE),
    # a decision alone
    ("Sampled=0", Incoming(sampled=False)),
    (f"Self={SELF};Sampled=1", Incoming(sampled=True)),
    # nothing valid
    (None, None),
    ("", None),
    (";", None),
    ("Sampled=?", None),
    ("Lineage=1:a87bd80c:0", None),
    (f"Self={SELF}", None),
    (f"Parent={P};Sampled=1", None),
    (f"Root=;Parent={P};Sampled=1", None),
    (f"Root={T};Parent={P};Sampled=1", None),
    (f"Root=2{ROOT[1:]};Parent={P};Sampled=1", None),
    (f"Root={ROOT}0;Parent={P};Sampled=1", None),
    (f"Root={ROOT[:-1]};Parent={P};Sampled=1", None),
    (f"Root={ROOT[:-1]}g;Parent={P};Sampled=1", None),
    (f"Root={ROOT}\n;Parent={P};Sampled=1", None),
    (f"Root=1-{'0' * 8}-{'0' * 24};Parent={P};Sampled=1", None),
    (f"Root=1-{'0' * 8}-{'0' * 24}", None),
    (f"Root={ROOT};Parent={P}0;Sampled=1", None),
    (f"Root={ROOT};Parent={P[1:]};Sampled=1", None),
    (f"Root={ROOT};Parent={'0' * 16};Sampled=1", None),
    (f"root={ROOT};parent={P};sampled=1", None),
    (f"Root={ROOT};Root={ROOT};Parent={P};Sampled=1", None),
    (f"Root={ROOT};Parent={P};Sampled=1;Sampled=1", None),
    (f"Root={ROOT};Parent={P};Sampled=1,Root={ROOT};Parent={P};Sampled=1", None),
    (f"Root={ROOT}, Root={ROOT}", None),
    (f"Root={ROOT};Parent={P};Sampled=1;Long=" + "x" * 8192, None),
    (";" * 1_000_000, None),
    ("Root=" * 1600, None),
    (";" + " \t" * 4000, None),
    ("; " * 4000 + "Root", None),
    (";Root" + " " * 8000, None),
]


@pytest.mark.parametrize(("header", "expected"), READ, ids=range(len(READ)))
def test_what_is_read(header: str | None, expected: Incoming | None) -> None:
    assert XRAY.extract([header]) == expected


@pytest.mark.parametrize(("flags", "decision"), [(0, 0), (1, 1), (2, 0), (3, 1)])
def test_what_is_written(flags: int, decision: int) -> None:
    """The first eight digits are where X-Ray's own ids have the time."""
    header = f"Root={ROOT};Parent={P};Sampled={decision}"
    assert [*XRAY.inject(Outgoing(T, P, flags, "a=1", debug=bool(decision)))] == [("x-amzn-trace-id", header)]


def an_id(width: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=width, max_size=width).filter(lambda digits: digits.strip("0"))


@given(an_id(32), an_id(16), st.booleans(), st.permutations(range(5)))
def test_round_trip(trace_id: str, span_id: str, sampled: bool, order: list[int]) -> None:
    """In any order, and with the fields of others."""
    ((_, header),) = XRAY.inject(Outgoing(trace_id, span_id, int(sampled)))
    parts = [*header.split(";"), f"Self={SELF}", "CalledFrom=app"]
    for one in (header, ";".join(parts[n] for n in order)):
        assert XRAY.extract([one]) == Incoming(trace_id, span_id, sampled)


field = st.sampled_from([f"Root={ROOT}", f"Parent={P}", "Sampled=1", "Sampled=?", f"Self={SELF}", "Root=", "=", " "])


@given(st.text(max_size=120) | st.lists(field | st.text(max_size=10), max_size=8).map(";".join))
@example(f"Root={ROOT};Parent={P}\n")
def test_anything_can_be_read(header: str) -> None:
    found = XRAY.extract([header])
    if found is not None:
        assert found.trace_id in {T, None}
        assert found.span_id in {P, None}
        assert found.trace_id is not None or found.sampled is not None
        assert (found.random, found.state, found.debug) == (0, "", False)
