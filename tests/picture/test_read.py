"""What the reader makes of files: every format, every way in which one can be wrong."""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch import RequestLog, Tracing, flush
from midwatch.logs import JsonFormatter
from midwatch.picture import sources
from midwatch.picture.read import Reader
from midwatch.picture.sources import Sources
from midwatch.picture.span import OUTCOMES
from midwatch.testing import ScriptedApp

MS = 1_000_000

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_otlp(build: Any, read: Any) -> None:
    """A span as the protocol has it, with everything that a picture shows."""
    raised = {"name": "exception", "timeUnixNano": "7", "attributes": [attribute("exception.type", "KeyError")]}
    told = build.told(
        parentSpanId="00000000000000AA",
        status={"code": 2, "message": "no such item"},
        attributes=[attribute("http.route", "/items"), {"key": "n", "value": {"intValue": "7"}}],
        events=[raised],
    )
    (span,) = read(build.otlp(told))
    assert span[:6] == (build.trace, build.id(1), build.id(0xAA), "shop", "GET /items", "server")
    assert (span.start, span.duration) == (build.noon, 5 * MS)
    assert (span.outcome, span.error_type) == ("error", "KeyError")
    assert span.attributes == {"http.route": "/items", "n": 7, "status.message": "no such item"}
    assert [(event.name, event.time, event.attributes) for event in span.events] == [
        ("exception", 7, {"exception.type": "KeyError"})
    ]


def attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def test_otlp_written_otherwise(build: Any, read: Any) -> None:
    """Snake case, capitals, numbers as numbers, names for numbers, nulls and unknown fields."""
    span = {
        "trace_id": build.trace.upper(),
        "span_id": "AB",
        "parent_span_id": "",
        "name": "q",
        "kind": "SPAN_KIND_CLIENT",
        "start_time_unix_nano": build.noon,
        "end_time_unix_nano": float(build.noon + 10**15),
        "status": {"code": "STATUS_CODE_ERROR"},
        "attributes": [attribute("error.type", "Timeout"), attribute("midwatch.outcome", "aborted"), None, 3],
        "events": None,
        "what": {"is": "this"},
    }
    parts = {"resource": {"attributes": None}, "scope_spans": [{"spans": [span]}, {"spans": None}, {}]}
    (found,) = read(json.dumps({"resource_spans": [parts, {"scopeSpans": []}]}))
    assert found[:6] == (build.trace, build.id(0xAB), None, "", "q", "client")
    assert (found.outcome, found.error_type) == ("aborted", "Timeout")
    assert found.start == build.noon
    assert found.duration > 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"boolValue": True}, True),
        ({"doubleValue": 0.5}, 0.5),
        ({"doubleValue": "NaN"}, "NaN"),
        ({"int_value": 3}, 3),
        ({"intValue": "x"}, "x"),
        ({"intValue": "9" * 40}, "1.000000e+40"),
        ({"bytesValue": "AAE="}, "AAE="),
        ({"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}, '["a",1]'),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": False}}]}}, '{"k":false}'),
        ({"stringValue": "x" * 9000}, "x" * 8192 + "…"),
    ],
)
def test_otlp_values(value: Any, shown: Any, build: Any, read: Any) -> None:
    """Every kind of value is a plain one in the end."""
    (span,) = read(build.otlp(build.told(attributes=[{"key": "k", "value": value}, {"key": "l", "value": {}}])))
    assert span.attributes == {"k": shown}


def test_zipkin(build: Any, read: Any) -> None:
    """A list of spans, on one line or many, with times in microseconds and short trace ids."""
    span = {
        "traceId": "463ac35c9f6413ad",
        "id": "a2fb4a1d1a96d312",
        "parentId": "463ac35c9f6413ad",
        "kind": "SERVER",
        "name": "get /items",
        "timestamp": build.noon // 1000,
        "duration": 5000,
        "shared": True,
        "localEndpoint": {"serviceName": "stock"},
        "tags": {"error": "boom", "http.status_code": "500"},
        "annotations": [{"timestamp": 1, "value": "sent"}, 7],
    }
    for text in (json.dumps([span]), json.dumps([[span]], indent=2), json.dumps(span)):
        (found,) = read(text)
        assert found[:6] == ("0" * 16 + span["traceId"], span["id"], span["parentId"], "stock", "get /items", "server")
        assert (found.start, found.duration, found.status) == (build.noon, 5 * MS, "500")
        assert (found.outcome, found.error_type, found.shared) == ("error", "boom", True)
        assert [event[:2] for event in found.events] == [("sent", 1000)]


def test_request_line(build: Any, read: Any) -> None:
    """A request line is a span that ended at its timestamp; any other line is an event of its span."""
    other = {"timestamp": "2025-11-23T12:00:00Z", "message": "hello", "trace_id": build.trace, "span_id": build.id(1)}
    span, note = read(f"{json.dumps(build.line())}\nshop-1  | {json.dumps(other)}\n")
    assert (span.start, span.duration, span.name, span.source) == (build.noon, 5 * MS, "GET /items", "line")
    assert (span.parent_id, span.service, span.status, span.outcome) == (None, "shop", "200", "ok")
    assert (note.source, note.events[0].name, note.events[0].time) == ("note", "hello", build.noon)


@pytest.mark.parametrize(
    ("timestamp", "start"),
    [("2025-11-23T13:00:00.005+01:00", 0), ("2025-11-23T12:00:00.005", 0), ("gestern", None), (7, None)],
)
def test_request_line_times(timestamp: Any, start: int | None, build: Any, read: Any) -> None:
    """Any offset will do; what is no time is unknown, and the line still counts."""
    (span,) = read(json.dumps(build.line(timestamp=timestamp)))
    assert span.start == (0 if start is None else build.noon)


def test_a_request_line_without_an_outcome(build: Any, read: Any) -> None:
    """Lines of others are judged by their status."""
    line = build.line(outcome="splendid", **{"http.response.status_code": 503})
    assert read(json.dumps(line))[0].outcome == "error"


def test_what_is_no_span(build: Any, read: Any) -> None:
    """Broken lines are counted, foreign ones too, and spans beside a broken one are still read."""
    good = build.otlp(build.told(1))
    torn = good[: len(good) // 2]
    without_id = build.otlp(build.told(2, spanId="xyz"), build.told(3))
    lines = ["\ufeff" + good, torn, "INFO: started", '{"message": "hello"}', without_id, "", '{"traceId": "1"}', "[1]"]
    assert [span.span_id for span in read("\r\n".join(lines))] == [build.id(1), build.id(3)]
    assert (read.reader.broken, read.reader.foreign) == (4, 2)


def test_halves_of_characters(build: Any, read: Any) -> None:
    """Half of a surrogate pair costs itself, not the line; whole pairs stay."""
    (span,) = read(build.otlp(build.told(name="a\ud800b\udc00c\U0001f600d\udbff")))
    assert span.name == "a\ufffdb\ufffdc\U0001f600d\ufffd"


def test_broken_parts(build: Any, read: Any) -> None:
    """What is broken within a line costs itself only."""
    good = build.otlp(build.told(1))[len('{"resourceSpans": [') : -len("]}")]
    scopes = '{"scopeSpans": [7, {"spans": 7}, {"spans": [7, {}, "\\ud800", 1e999]}]}'
    unnamed = build.otlp(build.told(2)).replace('"resource":', '"resource": 1e999, "other":')
    (one, two) = read(f'{{"resourceSpans": [7, {good}, {scopes}, {{"scopeSpans": {{}}}}]}}\n{unnamed}')
    assert [span.service for span in (one, two)] == ["shop", ""]
    assert read.reader.broken == 8
    nameless = build.line(7)
    del nameless["http.request.method"], nameless["http.route"]
    assert read(json.dumps(nameless))[0].name == "GET /items 200"
    assert read(json.dumps(build.line(span_id=None))) == []
    assert read.reader.broken == 1


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe\n",
        b"[" * 100_000,
        b'{"resourceSpans": ' + b"[" * 100_000,
        b"{\n" * 100_000,
        b"[\n]]",
        b'"{"',
        b"{\n}x",
    ],
)
def test_hostile_documents(text: bytes, read: Any) -> None:
    """Nothing that is no JSON, or too deep, gets further than the count."""
    assert read(text) == []
    assert read.reader.broken + read.reader.foreign > 0


def test_documents_over_many_lines(build: Any, read: Any) -> None:
    """What `jq` has made readable is read, however many documents there are."""
    documents = [json.loads(build.otlp(build.told(number))) for number in (1, 2)]
    assert len(read("\n".join(json.dumps(document, indent=2) for document in documents))) == 2
    assert len(read(json.dumps(documents, indent=2))) == 2


def test_long_lines(build: Any, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is too long is left out and told; the next one is read."""
    monkeypatch.setattr(sources, "LONGEST", 1 << 12)
    good = build.otlp(build.told())
    assert len(read(f"{'x' * 10_000}\n{good}\n")) == 1
    assert read.sources.cut == 1


def test_only_one_trace(build: Any, read: Any) -> None:
    """Lines that cannot belong to a trace are passed over; what is read again is the same."""
    read("\n".join([build.otlp(build.told(1)), build.otlp(build.told(2, traceId="ab" * 16))]))
    assert [span.span_id for span in read.reader.spans("ab" * 16)] == [build.id(2)]
    assert len(list(read.reader.spans())) == 2


def test_a_pipe_is_read_twice(build: Any, tmp_path: Path) -> None:
    """What can be read only once is put aside."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(build.otlp(build.told()),))
    writer.start()
    with Sources([str(pipe), str(pipe)]) as files:
        reader = Reader(files)
        assert [len(list(reader.spans())) for _ in range(2)] == [1, 1]
    writer.join()


@given(st.lists(st.binary() | anything.map(lambda value: json.dumps(value).encode()), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes(read: Any, lines: list[bytes]) -> None:
    """Whatever a file holds, reading it raises nothing."""
    read(b"\n".join(lines))


@given(st.sampled_from(["otlp", "zipkin", "line", "attribute"]), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_fields(build: Any, read: Any, form: str, data: st.DataObject) -> None:
    """Whatever stands in the known fields, a span is whole: ids are ids, times are times, attributes are plain."""
    zipkin = {"traceId": build.trace, "id": build.id(1), "tags": {}, "annotations": [], "localEndpoint": {}}
    told = {"otlp": build.told(status={}, events=[]), "zipkin": zipkin, "line": build.line(), "attribute": {}}[form]
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(told) or ["value"]), anything, max_size=3))
    if form == "attribute":
        kind = data.draw(st.sampled_from(["intValue", "arrayValue", "kvlistValue", "stringValue"]))
        changed = {"attributes": [{"key": "k", "value": {kind: data.draw(anything)}}]}
        told, form = build.told(), "otlp"
    text = json.dumps(told | changed)
    for span in read(build.otlp(json.loads(text)) if form == "otlp" else text):
        assert len(span.trace_id) == 32
        assert len(span.span_id) == 16
        assert span.outcome in OUTCOMES
        assert 0 <= span.start < 2**63
        assert 0 <= span.duration < 2**63
        assert isinstance(span.label, str)
        assert all(isinstance(value, str | int | float | bool) for value in span.attributes.values())


def test_what_we_write(door: Any, read: Any, tmp_path: Path) -> None:
    """A span and a line that a door has left are read as what they were."""
    files = [tmp_path / "own.spans.jsonl", tmp_path / "own.log.jsonl"]
    handler = logging.FileHandler(files[1])
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("midwatch.request")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    exported: list[Any] = []
    try:
        app = door.watch(ScriptedApp(status=503), Tracing(to=[exported.append, files[0].as_uri()]), RequestLog())
        assert door.call(app, "POST", "/orders").status == 503
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert flush()
    found = Reader(Sources([str(file) for file in files])).spans()
    # A machine that is busy makes background work of what follows the last byte.
    span, line = (one for one in found if one.name != "background")
    assert (span.span_id, line.span_id) == (exported[0].span_id,) * 2
    assert (span.source, line.source) == ("span", "line")
    assert (span.outcome, line.outcome, span.status, line.status) == ("error", "error", "503", "503")
    assert abs(span.start - line.start) < 10_000
    assert abs(span.duration - line.duration) < 10_000
