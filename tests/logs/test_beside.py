"""Beside other loggers: the recipes of `docs/logs.md`, run as they stand."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from loguru import logger as loguru

from midwatch import RequestLog, Tracing
from midwatch.testing import ScriptedApp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "logs.md").read_text()


def recipes(title: str) -> list[str]:
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert section is not None
    return re.findall(r"```python\n(.*?)```", section[1], re.DOTALL)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    loguru.remove()
    loguru.configure(patcher=lambda record: None)
    loguru.add(sys.stderr)


@pytest.fixture
def requested(door: Any, lines: Any) -> Callable[[Callable[[], None]], dict[str, Any]]:
    """Serve one request that does something; its line."""
    logging.getLogger("app").addHandler(lines.handler)
    logging.getLogger("app").setLevel(logging.INFO)

    def serve(handle: Callable[[], None]) -> dict[str, Any]:
        door.call(door.watch(ScriptedApp(before=handle), Tracing(), RequestLog()))
        found: dict[str, Any] = next(line for line in lines.all if line["logger"] == "midwatch.request")
        return found

    return serve


def test_there_are_two_recipes_each() -> None:
    """So that none goes untested."""
    assert (len(recipes("structlog")), len(recipes("loguru"))) == (2, 2)


def test_structlog_with_lines_of_its_own(requested: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Its lines carry the trace of the request."""
    exec(recipes("structlog")[0], {})
    request = requested(lambda: structlog.get_logger().info("low stock", item=7))
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["item"], line["level"]) == ("low stock", 7, "info")
    assert (line["trace_id"], line["span_id"]) == (request["trace_id"], request["span_id"])


def test_structlog_through_our_handler(requested: Any, lines: Any) -> None:
    """Its fields become fields of our line, also where standard logging has the name; secrets are hidden."""
    exec(recipes("structlog")[1], {})
    request = requested(lambda: structlog.get_logger("app").warning("low stock", item=7, name="x", password="y"))
    (line,) = [line for line in lines.all if line["logger"] == "app"]
    assert (line["message"], line["item"], line["level"]) == ("low stock", 7, "WARNING")
    assert line["trace_id"] == request["trace_id"]
    assert (line["name_"], line["password"]) == ("x", "[redacted]")


def test_structlog_sends_exceptions_through_our_handler(lines: Any) -> None:
    """With our stack."""
    exec(recipes("structlog")[1], {})
    logging.getLogger("app").addHandler(lines.handler)
    logging.getLogger("app").setLevel(logging.INFO)
    try:
        raise ValueError("the bug")
    except ValueError:
        structlog.get_logger("app").exception("failed")
    assert lines.one["exception.message"] == "the bug"
    assert lines.one["exception.stacktrace"].startswith("Traceback")


def test_loguru_with_sinks_of_its_own(requested: Any) -> None:
    """Its serialized lines carry the trace of the request."""
    loguru.remove()
    sink = io.StringIO()
    loguru.add(sink, serialize=True)
    exec(recipes("loguru")[0], {})
    request = requested(lambda: loguru.info("low stock"))
    extra = json.loads(sink.getvalue())["record"]["extra"]
    assert (extra["trace_id"], extra["span_id"]) == (request["trace_id"], request["span_id"])


def test_loguru_through_our_handler(requested: Any, lines: Any) -> None:
    """Its lines are ours, below the logger of the module that wrote them."""
    exec(recipes("loguru")[1], {})
    module = logging.getLogger(__name__)
    module.addHandler(lines.handler)

    def handle() -> None:
        local = "a value"
        try:
            raise ValueError("the bug")
        except ValueError:
            loguru.bind(item=7).opt(exception=True).warning("low stock")
        assert local

    request = requested(handle)
    module.removeHandler(lines.handler)
    (line,) = [line for line in lines.all if line["message"] == "low stock"]
    assert (line["item"], line["exception.message"]) == (7, "the bug")
    assert "a value" not in str(line).replace('local = "a value"', "")
    assert line["level"] == "WARNING"
    assert line["trace_id"] == request["trace_id"]
