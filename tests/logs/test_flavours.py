"""The same line by the names, units and types of those who read it."""

from __future__ import annotations

import json
import logging
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import midwatch
from midwatch import ErrorReport, Plugin, RequestLog, Tracing
from midwatch.logs import DeliveryHandler, JsonFormatter
from midwatch.logs.flavours import FLAVOURS, flavour
from midwatch.service import Service
from midwatch.testing import ScriptedApp

SERVICE = Service("shop", "1.2", "test")


class Routed(Plugin):
    def on_request(self, exchange: Any) -> None:
        exchange.route = "/orders/{id}"


@pytest.fixture
def told(door: Any, read_line: Any) -> Any:
    """The line of one request, the line of an error, and the line of a handler, in a flavour."""

    def tell(fields: str, *, entries: bool = False, **options: Any) -> list[dict[str, Any]]:
        queued: list[Any] = []
        formatter = JsonFormatter(SERVICE, fields=fields, **options)
        handler = DeliveryHandler(queued.append, formatter, entries=entries)
        logger = logging.getLogger("midwatch")
        logger.addHandler(handler)
        logging.getLogger("app").addHandler(handler)
        logger.setLevel(logging.INFO)
        logging.getLogger("app").setLevel(logging.INFO)

        def handle() -> None:
            midwatch.log(order="17")
            logging.getLogger("app").warning("low stock", extra={"item": 7})
            raise ValueError("the bug")

        plugins = Tracing(), RequestLog(service=SERVICE), ErrorReport(service=SERVICE), Routed()
        headers = [("host", "shop.example:8000"), ("user-agent", "curl/8")]
        door.call(door.watch(ScriptedApp(before=handle), *plugins), "POST", "/orders/17", headers=headers)
        texts = [line if isinstance(line, str) else line.entry().text if entries else line.text() for line in queued]
        by_logger = {"app": None, "midwatch.error": None, "midwatch.request": None}
        for text, line in zip(texts, queued, strict=True):
            name = line.entry().logger if entries else next(name for name in by_logger if f'"{name}"' in text)
            by_logger[name] = read_line(text)
        return list(by_logger.values())  # type: ignore[arg-type]

    return tell


def test_otel_is_what_a_line_is(told: Any) -> None:
    """The default needs no translation."""
    app, error, request = told("otel")
    assert app["level"] == "WARNING"
    assert error["exception.type"] == "ValueError"
    assert request["http.server.request.duration"] < 10
    assert request["order"] == "17"


def test_ecs(told: Any) -> None:
    """Elastic's names; `@timestamp`, `log.level`, `message` and `ecs.version` first; durations in nanoseconds."""
    app, error, request = told("ecs")
    for line in (app, error, request):
        assert list(line)[:4] == ["@timestamp", "log.level", "message", "ecs.version"]
        assert (line["service.name"], line["service.environment"]) == ("shop", "test")
        assert line["event.dataset"] == "shop.log"
        assert len(line["trace.id"]) == 32
    assert (app["log.level"], app["log.logger"], app["item"]) == ("warning", "app", 7)
    assert (error["error.type"], error["error.message"]) == ("ValueError", "the bug")
    assert error["error.stack_trace"].startswith("Traceback")
    assert type(request["event.duration"]) is int
    assert 0 < request["event.duration"] < 10_000_000_000
    assert (request["event.outcome"], request["http.response.status_code"]) == ("failure", 500)
    assert request["labels.http_route"] == "/orders/{id}"
    assert ip_address(request["client.ip"])
    assert request["order"] == "17"


def test_ecs_has_no_ip_where_there_is_none(read_line: Any) -> None:
    """Elastic refuses the whole document for an address that is none, such as a test client's."""
    translate = flavour("ecs")
    assert translate is not None
    assert "client.ip" not in translate({"client.address": "testclient"})
    assert translate({"client.address": "::1"})["client.ip"] == "::1"


def test_gcp(told: Any) -> None:
    """Google's: the request in `httpRequest`, sizes and latency as text, the trace below its project."""
    app, error, request = told("gcp", project="acme")
    for line in (app, error, request):
        assert line["logging.googleapis.com/trace"].startswith("projects/acme/traces/")
        assert len(line["logging.googleapis.com/spanId"]) == 16
        assert line["logging.googleapis.com/trace_sampled"] is True
        assert line["serviceContext"] == {"service": "shop", "version": "1.2"}
    assert (app["severity"], app["item"]) == ("WARNING", 7)
    assert error["stack_trace"].startswith("Traceback")
    asked = request["httpRequest"]
    assert (asked["requestMethod"], asked["status"], asked["userAgent"]) == ("POST", 500, "curl/8")
    assert asked["requestUrl"] == "http://shop.example/orders/17"
    assert asked["latency"].endswith("s")
    assert 0 < float(asked["latency"][:-1]) < 10
    assert type(asked.get("responseSize", "0")) is str
    assert request["order"] == "17"


def test_gcp_takes_the_project_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Google's own runtimes set it; without one, the id alone."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "shop-1")
    line = {"trace_id": "a" * 32, "level": "TRACE"}
    known, unknown = flavour("gcp"), flavour("gcp")
    assert known is not None
    assert unknown is not None
    assert known(dict(line))["logging.googleapis.com/trace"] == f"projects/shop-1/traces/{'a' * 32}"
    assert unknown(dict(line))["severity"] == "DEFAULT"


def test_datadog(told: Any) -> None:
    """Datadog's: ids decimal, low 64 bits; durations in nanoseconds; the service under its short names."""
    app, error, request = told("datadog")
    plain = {}
    for line in (app, error, request):
        assert (line["service"], line["env"], line["version"], line["ddsource"]) == ("shop", "test", "1.2", "python")
        assert int(line["dd.trace_id"]) < 2**64
        assert int(line["dd.span_id"]) < 2**64
        plain = line
    assert (app["status"], app["logger.name"]) == ("warning", "app")
    assert (error["error.kind"], error["error.message"]) == ("ValueError", "the bug")
    assert type(plain["duration"]) is int
    assert (plain["http.method"], plain["http.status_code"]) == ("POST", 500)
    assert plain["http.url_details.path"] == "/orders/17"
    assert plain["http.useragent"] == "curl/8"


@pytest.mark.parametrize("name", FLAVOURS)
def test_networks_get_the_same_text(told: Any, name: str) -> None:
    """An entry carries the translated line, and its ids as they are."""
    lines = told(name, entries=True)
    assert all(lines)


def test_an_unknown_one_is_refused() -> None:
    """With the known ones."""
    with pytest.raises(ValueError, match="'xml' is none of otel, ecs, gcp, datadog"):
        JsonFormatter(fields="xml")


plain = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)


@given(
    name=st.sampled_from(["ecs", "gcp", "datadog"]),
    line=st.fixed_dictionaries(
        {"timestamp": st.text(), "level": st.text(), "logger": st.text(), "message": st.text()},
        optional={
            "service.name": st.text(),
            "trace_id": st.integers(0, 2**128 - 1).map("{:032x}".format),
            "span_id": st.integers(0, 2**64 - 1).map("{:016x}".format),
            "trace_flags": st.integers(0, 255).map("{:02x}".format),
            "http.server.request.duration": st.floats(0, 1e6),
            "http.response.body.size": st.integers(0, 2**63),
            "client.address": st.text(),
            "outcome": st.text(),
            "error.type": st.text(),
            "exception.type": st.text(),
        },
    ),
    more=st.dictionaries(st.text(), plain, max_size=4),
)
def test_no_line_is_too_odd_to_translate(name: str, line: dict[str, Any], more: dict[str, Any]) -> None:
    """A translation never raises and loses no field of the application."""
    translate = flavour(name)
    assert translate is not None
    before = {**more, **line}
    after = translate(dict(before))
    assert json.loads(json.dumps(after)) is not None
    for key in more.keys() - line.keys():
        if key.isalpha() and key.islower() and key not in after and key != "outcome":
            raise AssertionError(f"{key} is gone")
