"""Every example does what its first lines promise."""

from __future__ import annotations

import importlib.util
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import midwatch
from midwatch.logs.handler import DeliveryHandler
from midwatch.testing import Answer, call_asgi, call_wsgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

EXAMPLES = Path(__file__).parent.parent / "examples"
SESAME = [("host", "testserver"), ("authorization", "Bearer sesame")]


@pytest.fixture
def example() -> Iterator[Callable[[str], ModuleType]]:
    """Import one example, as a server would; its log handlers go with the test."""
    loggers = [logging.getLogger(), logging.getLogger("midwatch")]
    before = [(logger.level, logger.propagate) for logger in loggers]

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    midwatch.flush()
    for logger, (level, propagate) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.propagate = propagate
        for handler in [handler for handler in logger.handlers if isinstance(handler, DeliveryHandler)]:
            logger.removeHandler(handler)


class Written:
    """The lines that an example has written to stdout."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def all(self) -> list[dict[str, Any]]:
        midwatch.flush()
        return [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]

    def by(self, logger: str) -> list[dict[str, Any]]:
        return [line for line in self.all() if line["logger"] == logger]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Written:
    return Written(capsys)


def ask(module: ModuleType, *args: Any, **options: Any) -> Answer:
    call = call_wsgi if module.__name__ in {"flask_app", "plain_wsgi"} else call_asgi
    return call(module.app, *args, **options)


FRAMEWORKS = [("fastapi_app", "/items/{item}"), ("flask_app", "/items/<int:item>")]


@pytest.mark.parametrize(("name", "route"), FRAMEWORKS)
def test_an_item_is_one_line(name: str, route: str, example: Callable[[str], ModuleType], written: Written) -> None:
    """A request to either framework is one line with its route, and the client gets the id that the line carries."""
    answer = ask(example(name), "GET", "/items/7")
    assert (answer.status, json.loads(answer.body)) == (200, {"item": 7})
    (line,) = written.by("midwatch.request")
    assert (line["service.name"], line["http.route"], line["outcome"]) == ("shop", route, "ok")
    assert answer.header("x-request-id") == line["trace_id"]


@pytest.mark.parametrize("name", [name for name, _ in FRAMEWORKS])
def test_an_order_has_an_actor(name: str, example: Callable[[str], ModuleType], written: Written) -> None:
    """An order with the token is recorded under the name of the user."""
    answer = ask(example(name), "POST", "/orders", headers=SESAME)
    assert (answer.status, json.loads(answer.body)) == (201, {"order": "17", "of": "ada"})
    events = [line["audit"] for line in written.by("midwatch.audit") if line["audit"]["kind"] != "system"]
    assert [event["action"] for event in events] == ["order.create", "POST /orders"]
    assert [(event["actor"]["id"], event["outcome"]) for event in events] == [("ada", "success")] * 2
    assert events[0]["resource"] == [{"type": "order", "id": "17"}]


@pytest.mark.parametrize("name", [name for name, _ in FRAMEWORKS])
def test_a_stranger_is_refused_and_recorded(name: str, example: Callable[[str], ModuleType], written: Written) -> None:
    """An order without the token is refused, still carries a request id, and is a denied event of nobody."""
    answer = ask(example(name), "POST", "/orders")
    assert answer.status == 401
    assert answer.header("x-request-id")
    (event,) = (line["audit"] for line in written.by("midwatch.audit") if line["audit"]["kind"] != "system")
    assert (event["actor"], event["outcome"]) == ({"type": "anonymous", "verified": False}, "denied")


@pytest.mark.parametrize("name", ["plain_asgi", "plain_wsgi"])
def test_a_plain_application_is_watched_too(name: str, example: Callable[[str], ModuleType], written: Written) -> None:
    """Without a framework there is the same line, with the route and the actor that the application tells."""
    answer = ask(example(name), "PUT", "/greeting", headers=SESAME)
    assert (answer.status, answer.body) == (200, b"hello ada\n")
    lines = {line["logger"]: line for line in written.all()}
    line = lines["midwatch.request"]
    assert (line["service.name"], line["http.route"], line["outcome"]) == ("greeter", "/greeting", "ok")
    assert answer.header("x-request-id") == line["trace_id"]
    assert lines["midwatch.audit"]["audit"]["actor"]["id"] == "ada"


@pytest.mark.parametrize("name", ["plain_asgi", "plain_wsgi"])
def test_paths_that_nobody_knows_have_no_route(
    name: str, example: Callable[[str], ModuleType], written: Written
) -> None:
    """Any other path is served, and does not become a route."""
    assert ask(example(name), "GET", "/else").body == b"hello stranger\n"
    (line,) = written.by("midwatch.request")
    assert "http.route" not in line


@pytest.mark.parametrize("name", ["fastapi_app", "flask_app", "plain_asgi", "plain_wsgi", "own_plugin"])
@pytest.mark.parametrize("path", ["/metrics", "/health"])
def test_every_example_has_figures_and_health(name: str, path: str, example: Callable[[str], ModuleType]) -> None:
    """What the first lines of an example tell to ask for is there."""
    assert ask(example(name), "GET", path).status == 200


def test_slow_requests_are_told(example: Callable[[str], ModuleType], caplog: pytest.LogCaptureFixture) -> None:
    """The plugin warns of a request that took too long, and says nothing of a quick one."""
    module = example("own_plugin")
    assert ask(module, "GET", "/report", query="seconds=0.11").status == 200
    (warning,) = (record for record in caplog.records if record.name == "slow")
    assert warning.getMessage().startswith("GET /report took 0.")
    caplog.clear()
    quick = midwatch.ASGIMiddleware(
        module.Starlette(routes=[module.Route("/", module.report)]), module.SlowRequests(60)
    )
    assert call_asgi(quick, query="seconds=0").status == 200
    assert not [record for record in caplog.records if record.name == "slow"]
