"""Spans as lines on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind, StatusCode

from midwatch import Tracing, flush
from midwatch.service import Service
from midwatch.testing import ScriptedApp
from midwatch.tracing.export.console import Line, console_to

from .export_double import LONG, SERVICE, START, TRACE_ID, made

if TYPE_CHECKING:
    import pytest


def line_of(span: Any, service: Service = SERVICE) -> str:
    lines: list[Line] = []
    console_to(lines.append, service)(span)
    return lines[0].text()


def test_a_server_span() -> None:
    """When, what, how long, how it ended, who, and the trace by which it is found elsewhere."""
    span = made(name="GET /orders/{id}")
    span.set_attributes({"http.response.status_code": 200, "midwatch.outcome": "ok"})
    span.end(START + 12_345_678)
    assert line_of(span) == f"22:13:20.000000 SERVER GET /orders/{{id}} 12.3 ms 200 ok shop {TRACE_ID}"


def test_a_failed_span_of_a_library() -> None:
    span = made(name="SELECT", kind=SpanKind.CLIENT)
    span.set_attribute("error.type", "TimeoutError")
    span.set_status(StatusCode.ERROR)
    span.end(START + 1)
    assert line_of(span) == f"22:13:20.000000 CLIENT SELECT 0.0 ms error TimeoutError shop {TRACE_ID}"


def test_a_line_is_harmless() -> None:
    """Strangers choose names."""
    span = made(name="a\x1b[31m\r\nb\u2028c\ud800" + "x" * 1000)
    span.end(START + 1)
    line = line_of(span, Service("sh\x1bop"))
    assert line.isprintable()
    assert len(line) < 250


@given(
    st.text(),
    st.dictionaries(st.text(), st.text() | st.integers() | st.none()),
    st.integers() | st.floats() | st.none(),
)
def test_any_span_is_a_line(name: str, attributes: dict[str, Any], moment: Any) -> None:
    span = made(name=name)
    span.attributes.update(attributes)
    span.start_time = moment
    span.end(START)
    assert line_of(span).isprintable()


def test_on_standard_error(door: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Beside what the application says there, not among its output."""
    app = door.watch(ScriptedApp(), Tracing(to=["console"], service=SERVICE))
    door.call(app)
    assert flush(LONG)
    out, err = capfd.readouterr()
    assert not out
    (line,) = err.splitlines()
    assert " SERVER GET " in line
    assert " 200 ok shop " in line
