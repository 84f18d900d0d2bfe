"""The shared record: what it says, and what it refuses."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch import Actor, Exchange, Outcome, Plugin, current
from midwatch.frameworks import Framework
from midwatch.headers import field_name, field_value, without_port
from midwatch.testing import Recorder, ScriptedApp, call_asgi, call_wsgi


def test_clocks_and_sizes(door: Any) -> None:
    """Started, first byte, ended, in this order; duration is set when it is over."""
    recorder = Recorder()
    door.call(door.watch(ScriptedApp(chunks=(b"12", b"345")), recorder))

    exchange = recorder.exchange
    assert exchange.first_byte is not None
    assert exchange.ended is not None
    assert exchange.started <= exchange.first_byte <= exchange.ended
    assert exchange.duration == exchange.ended - exchange.started
    assert exchange.time_to_first_byte == exchange.first_byte - exchange.started
    assert (exchange.bytes_out, exchange.complete, exchange.outcome) == (5, True, Outcome.OK)


def test_what_both_doors_say_of_one_request(door: Any) -> None:
    """Names, values and types are the same, whichever protocol brought them."""
    recorder = Recorder()
    app = door.watch(ScriptedApp(), recorder)

    door.call(
        app, "GET", "/caf\u00e9", query="q=1", headers=[("Host", "shop.example:8080"), ("X-A", "1"), ("X-A", "2")]
    )

    exchange = recorder.exchange
    assert (exchange.kind, exchange.method, exchange.path, exchange.app_path) == (
        "http",
        "GET",
        "/caf\u00e9",
        "/caf\u00e9",
    )
    assert (exchange.query, exchange.scheme, exchange.http_version) == ("q=1", "http", "1.1")
    assert (exchange.host, exchange.header("x-a"), exchange.header("x-b")) == ("shop.example", "1, 2", None)
    assert (exchange.peer, exchange.client) == (("127.0.0.1", 50000), "127.0.0.1")
    assert exchange.direct


def test_no_peer_and_no_host(door: Any) -> None:
    """Unix sockets and HTTP/1.0."""
    recorder = Recorder()
    door.call(door.watch(ScriptedApp(), recorder), headers=[], peer=None)

    assert (recorder.exchange.peer, recorder.exchange.client, recorder.exchange.host) == (None, None, None)


def test_mount_point_is_no_part_of_the_app_path() -> None:
    """root_path and SCRIPT_NAME say where the application is mounted; our endpoints are found below it."""
    from midwatch import ASGIMiddleware, WSGIMiddleware

    recorder = Recorder()
    call_asgi(ASGIMiddleware(ScriptedApp().asgi, recorder), path="/api/health", scope={"root_path": "/api"})
    call_wsgi(WSGIMiddleware(ScriptedApp().wsgi, recorder), path="/health", environ={"SCRIPT_NAME": "/api"})
    call_asgi(ASGIMiddleware(ScriptedApp().asgi, recorder), path="/api", scope={"root_path": "/api"})

    assert [(e.path, e.app_path) for e in recorder.exchanges] == [
        ("/api/health", "/health"),
        ("/api/health", "/health"),
        ("/api", "/"),
    ]


def test_the_app_may_name_route_and_actor(door: Any) -> None:
    """What application code knows better than any framework."""

    def before() -> None:
        exchange = current()
        assert exchange is not None
        exchange.route = "/orders/{id}"
        exchange.actor = Actor("u1")
        exchange.extra["orders"] = 1

    recorder = Recorder()
    door.call(door.watch(ScriptedApp(before=before), recorder))

    exchange = recorder.exchange
    assert (exchange.route, exchange.actor, exchange.extra) == ("/orders/{id}", Actor("u1"), {"orders": 1})


def test_a_framework_that_fails_costs_only_its_answer(door: Any) -> None:
    """Route and user are questions to code that is not ours."""

    class Broken(Framework):
        forgets = True

        def route(self, native: Any) -> str | None:
            raise RuntimeError("route")

        def user(self, native: Any) -> Actor | None:
            raise RuntimeError("user")

    recorder = Recorder()
    answer = door.call(door.watch(ScriptedApp(), recorder, framework=Broken()))

    assert answer.body == b"hello"
    assert (recorder.exchange.route, recorder.exchange.actor) == (None, None)

    class Reads(Plugin):
        def on_request(self, exchange: Exchange) -> None:
            assert exchange.route is None

    assert door.call(door.watch(ScriptedApp(), Reads(), framework=Broken())).body == b"hello"


def test_current_is_seen_where_the_context_is(door: Any) -> None:
    """The calling code and threads that copy its context; not others."""
    seen: list[Any] = []

    def before() -> None:
        import contextvars

        seen.append(current())
        thread = threading.Thread(target=contextvars.copy_context().run, args=(lambda: seen.append(current()),))
        thread.start()
        thread.join()

    recorder = Recorder()
    door.call(door.watch(ScriptedApp(before=before), recorder))

    assert seen == [recorder.exchange] * 2
    assert current() is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x\r\ny", "1"),
        ("x", "1\r\nset-cookie: a"),
        ("x", "\0"),
        ("x", "\u2028"),
        ("", "1"),
        ("x y", "1"),
        ("x", "\x7f"),
    ],
)
def test_headers_cannot_split_the_response(door: Any, name: str, value: str) -> None:
    """RFC 9110 section 5.5; whoever tries has its name in the log, and the response goes out without."""
    failed: list[type] = []

    class Adds(Plugin):
        def on_response(self, exchange: Exchange) -> None:
            try:
                exchange.add_header(name, value)
            except ValueError as error:
                failed.append(type(error))

    answer = door.call(door.watch(ScriptedApp(), Adds()))

    assert failed == [ValueError]
    assert answer.headers == [("content-type", "text/plain")]


def test_several_headers_of_one_name(door: Any) -> None:
    """Added, never replaced."""

    class Adds(Plugin):
        def on_response(self, exchange: Exchange) -> None:
            exchange.add_header("x-one", "a")
            exchange.add_header("x-one", "\xe9")

    answer = door.call(door.watch(ScriptedApp(), Adds()))

    assert answer.headers[1:] == [("x-one", "a"), ("x-one", "\xe9")]


@given(st.text())
def test_field_values(value: str) -> None:
    """Accepted exactly when no line can be split by it."""
    allowed = all(c == "\t" or " " <= c <= "~" or "\xa0" <= c <= "\xff" for c in value)
    try:
        encoded = field_value(value)
    except ValueError:
        assert not allowed
    else:
        assert allowed
        assert encoded.decode("latin-1") == value


@given(st.text())
def test_field_names(name: str) -> None:
    """Tokens only."""
    try:
        assert field_name(name).decode() == name
    except ValueError:
        assert not name.isalnum() or not name.isascii()


@pytest.mark.parametrize(
    ("host", "expected"), [("a:80", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1", ""), (":", ""), ("a:b:c", "a")]
)
def test_host_without_port(host: str, expected: str) -> None:
    """Whatever a stranger calls a host."""
    assert without_port(host) in {expected, "[::"}
