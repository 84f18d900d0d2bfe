"""All destinations together: each gets every span, none keeps another waiting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor

from midwatch import Tracing, flush
from midwatch.plugin import failures
from midwatch.testing import ScriptedApp
from midwatch.tracing.export import body, exporter, finished_spans
from midwatch.tracing.provider import provider

from .export_double import LONG, SERVICE, collecting, ended, made

if TYPE_CHECKING:
    from midwatch.tracing import Span


def test_none() -> None:
    """Then nothing is recorded."""
    assert exporter([], SERVICE) is None


def test_several_at_once(door: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    finished_spans.clear()
    taken: list[Span] = []
    with collecting() as otlp, collecting() as zipkin:
        to = [
            f"otlp://{otlp.at}",
            f"zipkin://{zipkin.at}",
            f"file://{tmp_path}/spans",
            "console",
            "memory",
            taken.append,
        ]
        door.call(door.watch(ScriptedApp(), Tracing(to=to, service=SERVICE)))
        assert flush(LONG)
        (span,) = taken
        assert list(finished_spans) == [span]
        assert otlp.ids == zipkin.ids == [span.span_id]
    assert span.span_id in (tmp_path / "spans").read_text()
    assert span.trace_id in capfd.readouterr().err
    finished_spans.clear()


def test_a_destination_that_is_wrong_stops_the_start() -> None:
    """With its place and without its credentials."""
    with pytest.raises(ValueError, match=r"^otlp://host: 'x' is no parameter; ") as raised:
        Tracing(to=["otlp://user:secret@host?x=1"])
    assert "secret" not in str(raised.value)
    with pytest.raises(ValueError, match="not a destination for spans; known are"):
        Tracing(to=["stdout"])


def test_a_function_that_raises() -> None:
    """Is counted; the others get the span."""

    def fail(span: Any) -> None:
        raise RuntimeError("no")

    taken: list[Span] = []
    export = exporter([fail, taken.append], SERVICE)
    assert export is not None
    export(ended())
    assert len(taken) == 1
    (name,) = [name for name in failures if name.endswith("fail")]
    assert failures.pop(name) == 1


def test_a_file_is_cut_into_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them whole, and of a size that readers bear; what no line can hold is left out."""
    monkeypatch.setattr(body, "ENOUGH", 50_000)
    monkeypatch.setattr(body, "TOO_MUCH", 60_000)
    export = exporter([f"file://{tmp_path}/spans"], SERVICE)
    assert export is not None
    for number in range(20):
        span = made(number)
        for part in range(2 + 4 * (number == 7)):
            span.set_attribute(f"text{part}", "x" * 10_000)
        span.end(span.start_time + 1)
        export(span)
    assert flush(LONG)
    lines = (tmp_path / "spans").read_text().splitlines()
    assert max(map(len, lines)) < 60_000
    spans = [json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"] for line in lines]
    assert [int(span["spanId"], 16) for some in spans for span in some] == [n for n in range(1, 21) if n != 8]


def test_what_sends_spans_makes_none(door: Any) -> None:
    """With every call of urllib3 instrumented, and our own provider taking what that makes."""
    URLLib3Instrumentor().instrument(tracer_provider=provider)
    try:
        with collecting() as collector:
            door.call(door.watch(ScriptedApp(), Tracing(to=[f"otlp://{collector.at}"], service=SERVICE)))
            assert flush(LONG)
            assert flush(LONG)
            assert len(collector.ids) == 1
    finally:
        URLLib3Instrumentor().uninstrument()
