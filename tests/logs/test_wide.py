"""What the application, and the settings, add to the line of a request."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import midwatch
from midwatch import RequestLog, delivery
from midwatch.logs import Shown
from midwatch.logs.line import NAMES
from midwatch.testing import ScriptedApp, call_wsgi


def test_handlers_add_to_their_own_line(door: Any, lines: Any) -> None:
    """Keywords, or a mapping for names that are no identifiers; the last value counts; they come after ours."""

    def handle() -> None:
        midwatch.log(order="17", items=3)
        midwatch.log({"cart.total": 12.5}, items=4)

    door.call(door.watch(ScriptedApp(before=handle), RequestLog()))
    line = lines.one
    assert list(line)[-3:] == ["order", "items", "cart.total"]
    assert (line["order"], line["items"], line["cart.total"]) == ("17", 4, 12.5)


def test_another_request_has_none_of_it(door: Any, lines: Any) -> None:
    """Fields belong to one request."""
    door.call(door.watch(ScriptedApp(before=lambda: midwatch.log(order="17")), RequestLog()))
    door.call(door.watch(ScriptedApp(), RequestLog()))
    assert ["order" in line for line in lines.all] == [True, False]


def test_it_is_there_when_the_request_fails(door: Any, lines: Any) -> None:
    """The line of a failure is the one that needs it most."""

    def handle() -> None:
        midwatch.log(step="payment")
        raise ValueError

    door.call(door.watch(ScriptedApp(before=handle), RequestLog()))
    assert (lines.one["step"], lines.one["outcome"]) == ("payment", "error")


def test_outside_of_a_request_nothing_happens() -> None:
    """Code that is shared with jobs may call it."""
    midwatch.log(order="17")


@pytest.mark.parametrize("name", sorted(NAMES))
def test_no_name_of_a_line_is_overwritten(door: Any, lines: Any, name: str) -> None:
    """What a line says of its request, it says by itself."""
    door.call(door.watch(ScriptedApp(before=lambda: midwatch.log({name: "forged"})), RequestLog()))
    assert lines.one.get(name) != "forged"


def test_values_are_those_of_the_end(door: Any, lines: Any) -> None:
    """What the application changes after the request is over does not change its line."""
    noted: list[int] = [1]
    door.call(door.watch(ScriptedApp(before=lambda: midwatch.log(numbers=noted)), RequestLog()))
    noted.append(2)
    assert lines.one["numbers"] == [1]


def test_threads_and_tasks_add_to_the_same_line(lines: Any) -> None:
    """All code that serves a request shares its exchange."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.to_thread(midwatch.log, thread=1)
        await asyncio.create_task(note())
        await ScriptedApp().asgi(scope, receive, send)

    async def note() -> None:
        midwatch.log(task=2)

    midwatch.testing.call_asgi(midwatch.ASGIMiddleware(app, RequestLog()))
    assert (lines.one["thread"], lines.one["task"]) == (1, 2)


def test_many_fields_are_bounded_and_counted(door: Any, lines: Any) -> None:
    """A handler that loops costs no memory: 128 fields, and a count of what is left out."""
    before = delivery.losses.get("fields of request lines", 0)
    door.call(door.watch(ScriptedApp(before=lambda: midwatch.log({f"f{n}": n for n in range(200)})), RequestLog()))
    assert sum(name.startswith("f") and name[1:].isdigit() for name in lines.one) == 128
    assert delivery.losses["fields of request lines"] - before == 72


def test_threads_that_are_first_at_once_lose_nothing() -> None:
    """Two threads of one request may both be the first to add."""
    seen: list[Any] = []

    def handle() -> None:
        exchange = midwatch.current()
        assert exchange is not None
        start = threading.Barrier(8)

        def add(number: int) -> None:
            start.wait()
            exchange.note({f"f{number}": number})

        threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen.append(exchange.noted)

    call_wsgi(midwatch.WSGIMiddleware(ScriptedApp(before=handle).wsgi, RequestLog()))
    assert len(seen[0]) == 8


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __repr__


def cyclic() -> list[Any]:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


HOSTILE = [Hostile(), cyclic(), {"a": {"b": Hostile()}}, float("nan"), 10**400, "\ud800", "x" * 10**6, {1: 2}, b"\xff"]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_values_are_one_valid_line(door: Any, lines: Any, number: int) -> None:
    """Whatever is added, the request is served and its line can be read."""
    app = door.watch(ScriptedApp(before=lambda: midwatch.log(value=HOSTILE[number])), RequestLog())
    assert door.call(app).status == 200
    assert "value" in lines.one
    assert len(lines.texts[0]) < 64_000


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.text() | st.integers() | st.floats(), st.lists)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_fields_are_one_valid_line(lines: Any, fields: dict[str, Any]) -> None:
    """One line, which JSON can read."""
    lines.queued.clear()
    call_wsgi(midwatch.WSGIMiddleware(ScriptedApp(before=lambda: midwatch.log(fields)).wsgi, RequestLog()))
    assert lines.one["outcome"] == "ok"


def test_queries_and_headers_are_shown_where_they_are_asked_for(door: Any, lines: Any) -> None:
    """Values of other parameters are hidden, and secrets are hidden whatever the settings say."""
    shown = Shown(query=["page", "token"], request=["X-Tenant", "Authorization"], response=["Cache-Control"])
    app = ScriptedApp(headers=(("content-type", "text/plain"), ("cache-control", "no-store"), ("set-cookie", "s=1")))
    headers = [("host", "h"), ("x-tenant", "acme"), ("authorization", "Basic Zm9vOmJhcg=="), ("x-other", "o")]
    door.call(door.watch(app, RequestLog(shown=shown)), query="page=2&q=cancer&token=abc", headers=headers)
    line = lines.one
    assert line["url.query"].startswith("page=2&")
    assert "cancer" not in line["url.query"]
    assert "abc" not in line["url.query"]
    assert line["http.request.header.x-tenant"] == "acme"
    assert "Zm9v" not in lines.texts[0]
    assert line["http.response.header.cache-control"] == "no-store"
    assert not any("other" in name or "cookie" in name for name in line)


def test_by_default_nothing_of_them_is(door: Any, lines: Any) -> None:
    """The query is off, headers are off."""
    door.call(door.watch(ScriptedApp(), RequestLog()), query="page=2", headers=[("host", "h"), ("x-tenant", "acme")])
    assert "url.query" not in lines.one
    assert not any(name.startswith("http.request.header") for name in lines.one)
