"""One trace out of many spans: each once, the important ones first, and no more than fit."""

from __future__ import annotations

from typing import Any

from midwatch.picture import trace as module
from midwatch.picture.line import span_of
from midwatch.picture.span import Event
from midwatch.picture.trace import Trace


def test_a_span_and_its_line_are_one(build: Any) -> None:
    """Whichever comes first, the span wins and the line adds what it knows more."""
    span = build.span(1, 9, name="GET /items", kind="server", attributes={"http.route": "/items", "only": "span"})
    line = span_of(build.line(1, outcome="error", **{"error.type": "KeyError", "request_id": "r1"}))
    assert line is not None
    for order in ((span, line), (line, span)):
        (one,) = Trace(build.trace, order).spans.values()
        assert (one.source, one.parent_id, one.kind) == ("span", build.id(9), "server")
        assert (one.outcome, one.error_type) == ("error", "KeyError")
        assert (one.attributes["only"], one.attributes["request_id"]) == ("span", "r1")
    sure = span._replace(attributes={"midwatch.outcome": "ok"})
    assert next(iter(Trace(build.trace, (sure, line)).spans.values())).outcome == "ok"


def test_the_same_again(build: Any) -> None:
    """A delivery that was repeated changes nothing; another span with the same id is left out and counted."""
    span = build.span(1)
    assert Trace(build.trace, [span, span]).clashing == 0
    trace = Trace(build.trace, [span, build.span(1, name="other"), build.span(2)._replace(trace_id="f" * 32)])
    assert [one.name for one in trace.spans.values()] == ["work"]
    assert trace.clashing == 1


def test_a_full_trace(build: Any) -> None:
    """What is too much is counted; roots, entries and failures still find a place."""
    plain = [build.span(number, 1) for number in range(2, 8)]
    vital = [build.span(9, 1, outcome="error"), build.span(10, 1, kind="server"), build.span(1)]
    trace = Trace(build.trace, [*plain, *vital], limit=4)
    assert {int(span_id, 16) for span_id, _ in trace.spans} == {2, 9, 10, 1}
    assert trace.left_out == 5
    assert len(Trace(build.trace, vital, limit=2).spans) == 2


def test_too_many_attributes(build: Any, monkeypatch: Any) -> None:
    """Beyond a size of all together, spans come without attributes, and log lines not at all."""
    monkeypatch.setattr(module, "CHARACTERS", 100)
    spans = [build.span(number, attributes={"k": "x" * 60}) for number in (1, 2)]
    note = build.span(1, source="note", events=(Event("x" * 200, 0, {}),))
    trace = Trace(build.trace, [*spans, note])
    assert [bool(span.attributes) for span in trace.spans.values()] == [True, False]
    assert trace.bare == 1
    assert not any(span.events for span in trace.spans.values())


def test_lines_become_events(build: Any) -> None:
    """Log lines are events of their span, in order of time and no more than a span may have."""
    span = build.span(1, events=(Event("middle", 2, {}),))
    notes = [
        build.span(1, source="note", events=(Event(name, time, {}),)) for name, time in (("last", 3), ("first", 1))
    ]
    stray = build.span(2, source="note", events=(Event("stray", 1, {}),))
    (one,) = Trace(build.trace, [*notes, stray, span]).spans.values()
    assert [event.name for event in one.events] == ["first", "middle", "last"]
    (one,) = Trace(build.trace, [span, *notes * 100]).spans.values()
    assert len(one.events) == 129
