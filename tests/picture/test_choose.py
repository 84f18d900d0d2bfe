"""Which trace is shown, and what the table of all of them says."""

from __future__ import annotations

from typing import Any

from midwatch.picture import choose
from midwatch.picture.choose import Index
from midwatch.picture.screen import Screen
from midwatch.picture.table import table


def spans_of(build: Any, *traces: tuple[int, float, str]) -> list[Any]:
    """One span for each trace: its number, milliseconds, outcome; each starts a second after the one before."""
    return [
        build.span(1, None, 1000 * at, ms, outcome=outcome)._replace(trace_id=f"{number:032x}")
        for at, (number, ms, outcome) in enumerate(traces)
    ]


def numbers(found: Any) -> list[int]:
    return [int(summary.id, 16) for summary in found]


def test_choices(build: Any) -> None:
    """The slowest, the last that failed, the newest last."""
    index = Index(spans_of(build, (1, 5, "error"), (2, 9, "ok"), (3, 1, "error"), (4, 2, "aborted")))
    assert numbers([index.slowest(), index.last_failed()]) == [2, 3]
    assert numbers(index.newest(2)) == [3, 4]
    assert numbers(index.newest(0)) == []
    assert Index([]).slowest() is Index([]).last_failed() is None


def test_what_failed_means(build: Any) -> None:
    """A call that failed and was coped with is no failure; a request in any service is."""
    call = build.span(2, 1, kind="client", outcome="error")
    assert Index([build.span(1), call]).last_failed() is None
    assert Index([build.span(1), build.span(3, 2, kind="server", outcome="error")]).last_failed() is not None


def test_summary(build: Any) -> None:
    """Named after its root, counted once a span, as slow as its longest span, whatever the clocks say."""
    root, other = build.span(1, None, 50, 7, name="root"), build.span(2, 1, 0, 9, service="stock", name="other")
    line = root._replace(source="line", name="line", start=1)
    note = root._replace(source="note")
    (summary,) = Index([other, line, root, other, note]).newest(5)
    assert (summary.name, summary.spans, summary.duration) == ("root", 2, 9_000_000)
    assert summary.start == root.start
    assert list(summary.services) == ["stock", "shop"]


def test_by_prefix(build: Any) -> None:
    """The beginning of an id in any case; short ids with or without their zeros."""
    spans = spans_of(build, (0xABC << 116, 1, "ok"), (0xABD << 116, 1, "ok"), (0xDEF << 52, 1, "ok"))
    counts = {prefix: len(Index(spans, prefix)) for prefix in ("ab", " ABC", "def", "0000", "0", "", "b", "abc" * 20)}
    assert counts == {"ab": 2, " ABC": 1, "def": 1, "0000": 1, "0": 1, "": 3, "b": 0, "abc" * 20: 0}


def test_digits(build: Any) -> None:
    """As many digits as tell ids apart, and no fewer than eight."""
    assert Index(spans_of(build, (1 << 124, 1, "ok"), (2 << 124, 1, "ok"))).digits() == 8
    assert Index(spans_of(build, (0x10, 1, "ok"), (0x11, 1, "ok"))).digits() == 32
    assert Index([]).digits() == 8


def test_too_many_traces(build: Any, monkeypatch: Any) -> None:
    """The oldest are forgotten and counted, but never the slowest and the last that failed."""
    monkeypatch.setattr(choose, "IDS", 3)
    traces = [(1, 99, "ok"), (2, 1, "error"), *((number, 1, "ok") for number in range(3, 40))]
    index = Index(spans_of(build, *traces), limit=8)
    assert numbers([index.slowest(), index.last_failed()]) == [1, 2]
    assert len(index) <= 8
    assert len(index) + index.forgotten == 39
    assert numbers(index.newest(3)) == [37, 38, 39]


def test_table(build: Any) -> None:
    """Aligned, cut to the width, neutralised, coloured only where trouble is."""
    spans = spans_of(build, (1 << 124, 5, "ok"), (2 << 124, 1234, "error"))
    spans[1] = spans[1]._replace(name="GET /\x1b[2J" + "x" * 200, service="shöp\u202e")
    index = Index(spans)
    text = table(index.newest(9), index.digits(), Screen(100))
    lines = text.splitlines()
    assert lines[0].split() == ["trace", "start", "duration", "spans", "outcome", "services", "name"]
    assert lines[1].split() == ["10000000", "2025-11-23", "12:00:00.000", "5.00", "ms", "1", "ok", "shop", "work"]
    assert lines[2].startswith("20000000  2025-11-23 12:00:01.000    1.23 s      1  error    shöp\ufffd")
    assert lines[2].endswith("…")
    assert max(map(len, lines)) <= 100
    assert text.replace("\n", "").isprintable()
    coloured = table(index.newest(9), 8, Screen(100, colour=True)).splitlines()
    assert "\x1b[31merror" in coloured[2]
    assert "\x1b" not in coloured[1]
    assert table(index.newest(9), 8, Screen(100, encoding="ascii")).isascii()
