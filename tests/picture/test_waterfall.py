"""Rows: who is below whom, where bars begin, what is folded, and what a person is told about it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch.picture import trace
from midwatch.picture.page import page
from midwatch.picture.screen import Screen
from midwatch.picture.span import OUTCOMES, Event
from midwatch.picture.terminal import draw
from midwatch.picture.words import columns

DAY = 86_400_000
"""Milliseconds."""


def shape(picture: Any) -> list[tuple[int, str]]:
    return [(row.depth, row.note or row.spans[0].name) for row in picture.rows]


def test_tree(build: Any) -> None:
    """Children below their parents, in order of time."""
    a, b, c, d = (build.span(n, p, s, 5, name=name) for n, p, s, name in TREE)
    picture = build.picture(d, c, b, a)
    assert shape(picture) == [(0, "a"), (1, "b"), (2, "c"), (1, "d")]
    assert [row.last for row in picture.rows] == [True, False, True, True]
    assert picture.remarks == ()


TREE = [(1, None, 0, "a"), (2, 1, 1, "b"), (3, 2, 2, "c"), (4, 1, 3, "d")]


def test_bars(build: Any) -> None:
    """Shares of the whole, which lasts from the first start to the last end."""
    picture = build.picture(build.span(1, None, 0, 100), build.span(2, 1, 25, 50), build.span(3, 1, 150, 50))
    assert [(row.offset, row.length) for row in picture.rows] == [(0, 0.5), (0.125, 0.25), (0.75, 0.25)]
    assert (picture.start, picture.length) == (build.noon, 200_000_000)


def test_missing_parents(build: Any) -> None:
    """Orphans of one parent stand together under a note, after the real roots."""
    picture = build.picture(build.span(3, 9, 1), build.span(2, 9, 0), build.span(4, 8, 2), build.span(1, None, 5))
    nine, eight = (f"parent {build.id(number)} is not in these files" for number in (9, 8))
    assert shape(picture) == [(0, "work"), (0, nine), (1, "work"), (1, "work"), (0, eight), (1, "work")]
    cut = build.picture(build.span(3, 9, 1), build.span(2, 9), limit=1)
    assert cut.rows[0].note == f"parent {build.id(9)} was left out, or is not in these files"
    assert cut.remarks == ("1 span left out: 1 of one trace are kept",)


@pytest.mark.parametrize("parents", [{1: 1}, {1: 2, 2: 1}, {1: 2, 2: 3, 3: 1, 4: 2, 5: 4}])
def test_circles(parents: dict[int, int], build: Any) -> None:
    """Spans that are their own ancestors are all shown, once, and it is said that something is wrong."""
    picture = build.picture(*(build.span(number, parent) for number, parent in parents.items()))
    assert picture.rows[0].note == "parents in a circle"
    assert sorted(row.spans[0].span_id for row in picture.rows[1:]) == [build.id(number) for number in parents]
    assert "some spans are their own ancestors: one of them is shown as the first" in picture.remarks


def test_shared_spans(build: Any) -> None:
    """A span that client and server share has two halves; what the server did is below its own."""
    client = build.span(1, None, 0, 9, service="shop", kind="client", name="client")
    server = build.span(1, 7, 1, 7, service="stock", kind="server", name="server", shared=True)
    query = build.span(2, 1, 2, 1, service="stock", name="query")
    other = build.span(3, 1, 3, 1, service="shop", name="other")
    spans = (query, other, server, client)
    assert shape(build.picture(*spans)) == [(0, "client"), (1, "server"), (2, "query"), (1, "other")]
    assert shape(build.picture(query, server)) == [(0, "server"), (1, "query")]


def test_a_clock_that_differs(build: Any) -> None:
    """A called service's spans are moved into the call, with all that is below them, and it is told."""
    spans = [
        build.span(1, None, 0, 100, kind="server"),
        build.span(2, 1, 10, 50, kind="client"),
        build.span(3, 2, 5000, 40, kind="server", service="stock"),
        build.span(4, 3, 5010, 10, service="stock"),
        build.span(5, 4, 20, 200, service="ledger"),
    ]
    picture = build.picture(*spans)
    starts = [round(row.offset * picture.length / 1e6) for row in picture.rows]
    assert starts == [0, 10, 15, 25, 25]
    assert picture.remarks == (
        "the clock of stock is about 4.99 s ahead: its spans were moved",
        "the clock of ledger is about 5.00 ms behind: its spans were moved",
    )
    later = build.picture(build.span(1, None, 0, 10), build.span(2, 1, 500, 10, service="mailer", kind="consumer"))
    assert (later.remarks, later.rows[1].offset > 0.9) == ((), True)


def test_times_that_cannot_be(build: Any) -> None:
    """A span without a time, or of another year, stands where its parent does; it makes no bar of a year."""
    spans = [build.span(1, None, 0, 10), build.span(2, 1, 5, 1), build.span(3, 2, 5, 1)]
    strange = [build.span(4, 2)._replace(start=0, duration=0), build.span(5, 2, 400 * DAY, 1), build.span(6, None)]
    picture = build.picture(*spans, *strange[:2], strange[2]._replace(start=1))
    assert picture.length == 10_000_000
    offsets = {int(row.spans[0].span_id): row.offset for row in picture.rows}
    assert (offsets[4], offsets[5], offsets[6]) == (0.5, 0.5, 0)
    assert picture.remarks == ("3 spans without a time that can be right, shown where the parent starts",)
    far = build.span(2, 1, 400 * DAY, 5, service="stock", kind="server")
    moved = build.picture(build.span(1, None, 0, 10, kind="client"), far)
    assert moved.remarks == ("the clock of stock is about 576000 min ahead: its spans were moved",)
    long = build.picture(build.span(1, None, 0, 400 * DAY))
    assert (long.length, long.remarks) == (DAY * 1_000_000, ("1 span longer than a day, shown as one day",))


def test_folding(build: Any) -> None:
    """Siblings that are all the same are one row; what differs, or failed, is not hidden among them."""
    alike = [build.span(10 + n, 1, n, 2, name="SELECT orders", kind="client") for n in range(37)]
    below = build.span(99, 12, 3, 1, name="deep")
    bad = build.span(98, 1, 9, 1, name="SELECT orders", kind="client", outcome="error")
    few = [build.span(200 + n, 1, 50 + n, 1, name="few") for n in range(20)]
    picture = build.picture(build.span(1, None, 0, 100), *alike, below, bad, *few)
    rows = [(len(row.spans), row.hidden, row.spans[0].name, row.spans[0].outcome) for row in picture.rows]
    assert rows == [
        (1, 0, "work", "ok"),
        (37, 1, "SELECT orders", "ok"),
        (1, 0, "SELECT orders", "error"),
        *[(1, 0, "few", "ok")] * 20,
    ]
    assert picture.rows[1].lasted == 74_000_000
    assert picture.rows[1].length == pytest.approx(0.38)


def test_folding_keeps_a_failure_below(build: Any) -> None:
    """A branch in which something failed is not folded with those in which nothing did."""
    alike = [build.span(10 + n, 1, n, 2, name="call") for n in range(30)]
    picture = build.picture(build.span(1), *alike, build.span(99, 12, 3, 1, name="deep", outcome="error"))
    assert [(len(row.spans), row.spans[0].name) for row in picture.rows] == [
        (1, "work"),
        (29, "call"),
        (1, "call"),
        (1, "deep"),
    ]


@pytest.mark.parametrize(
    ("ms", "most", "words"),
    [
        (10, 5, ["0", "2 ms", "4 ms", "6 ms", "8 ms", "10 ms"]),
        (1.36, 3, ["0", "0.5 ms", "1 ms"]),
        (0.000007, 4, ["0", "2 ns", "4 ns", "6 ns"]),
        (0.000001, 1, ["0", "1 ns"]),
        (7_200_000, 4, ["0", "2000 s", "4000 s", "6000 s"]),
    ],
)
def test_ticks(ms: float, most: int, words: list[str], build: Any) -> None:
    """Round times, not too many, all in one unit."""
    ticks = list(build.picture(build.span(1, None, 0, ms)).ticks(most))
    assert [word for _, word in ticks] == words
    assert all(0 <= at <= 1 for at, _ in ticks)


def test_request_lines_alone(build: Any) -> None:
    """Lines of several services stand side by side, and it is said why."""
    spans = [build.span(number, None, number, 5, source="line") for number in (1, 2)]
    assert build.picture(*spans).remarks == ("request logs do not tell which request called which; span files do",)
    assert build.picture(spans[0]).remarks == ()


def test_what_is_left_out_is_told(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes that were too long, and ids that are not one span's."""
    monkeypatch.setattr(trace, "CHARACTERS", 10)
    picture = build.picture(build.span(1, attributes={"k": "x" * 20}), build.span(1, name="other"))
    assert picture.remarks == (
        "1 span without attributes: together they were too long",
        "1 span left out: another one has the same id and says something else",
    )


def test_an_unknown_time_in_another_service(build: Any) -> None:
    """A span that has no time is no sign of a clock that differs."""
    call = build.span(1, None, 0, 10, kind="client")
    picture = build.picture(call, build.span(2, 1, service="stock", kind="server")._replace(start=0))
    assert picture.remarks == ("1 span without a time that can be right, shown where the parent starts",)


@pytest.mark.no_cover  # Others cover what it does; tracing would double its time.
def test_ten_thousand_levels(build: Any) -> None:
    """Depth is a number at last, and neither picture grows with its square."""
    picture = build.picture(*(build.span(n, n - 1 if n > 1 else None, n * 1e-3, 10) for n in range(1, 10_001)))
    assert picture.rows[-1].depth == 9_999
    text = draw(picture, Screen(100))
    assert text.splitlines()[-1].split()[0] == "⋯9999"
    assert max(map(columns, text.splitlines())) <= 100
    whole = page(picture)
    assert "8 000 rows more are not on this page" in whole
    assert len(whole) < 4_000_000


names = st.text(max_size=30) | st.sampled_from(["\x1b[31m", "</script>", '"><b', "字" * 40, "a\u0301" * 9, "\ud800"])
any_span = st.fixed_dictionaries(
    {
        "number": st.integers(1, 12),
        "parent": st.none() | st.integers(1, 14),
        "start": st.integers(0, 2**63 - 1) | st.integers(1_763_899_200 * 10**9, 1_763_899_201 * 10**9),
        "duration": st.integers(0, 2**63 - 1) | st.integers(0, 10**9),
        "service": names,
        "name": names,
        "kind": st.sampled_from(["", "client", "server", "consumer", "internal"]),
        "outcome": st.sampled_from(OUTCOMES),
        "error_type": st.none() | names,
        "shared": st.booleans(),
    }
)


@given(st.lists(any_span, min_size=1, max_size=40), st.booleans(), st.sampled_from(["utf-8", "ascii", "latin-1", "?"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_spans(build: Any, told: list[dict[str, Any]], wide: bool, encoding: str) -> None:
    """Every span is in the picture once, every bar within it, every line within the terminal, and nothing acts."""
    spans = []
    for fields in told:
        number, parent = fields.pop("number"), fields.pop("parent")
        times = {"start": fields.pop("start"), "duration": fields.pop("duration")}
        event = (Event(fields["name"], times["start"], {fields["name"]: fields["name"]}),)
        attributes = {"k" + fields["name"]: fields["service"]}
        spans.append(build.span(number, parent, events=event, attributes=attributes, **fields)._replace(**times))
    picture = build.picture(*spans)
    assert sum(len(row.spans) + row.hidden for row in picture.rows) == len(picture.trace.spans)
    assert all(0 <= row.offset <= 1 and 0 <= row.length <= 1 and row.offset + row.length <= 1 for row in picture.rows)
    text = draw(picture, Screen(160 if wide else 90, encoding=encoding))
    assert text.replace("\n", "").isprintable()
    assert max(map(columns, text.splitlines())) <= (160 if wide else 90)
    whole = page(picture)
    whole.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", whole)
    assert "<script" not in whole
    assert "<b" not in whole.replace("<body", "")
