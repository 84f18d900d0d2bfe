"""The plugin: who may begin and end a drain, and what responses carry meanwhile."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch import ASGIMiddleware, WSGIMiddleware
from midwatch.health import HealthCheck
from midwatch.health.drain import Drain
from midwatch.health.drain.checked import delay_of
from midwatch.testing import Recorder, ScriptedApp, call_asgi, call_wsgi

PATH = "/health/drain"


def told(answer: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(answer.body)
    return document


def test_it_is_shown_begun_and_ended(door: Any) -> None:
    drain, recorder = Drain(), Recorder()
    app = door.watch(ScriptedApp(), drain, recorder)
    assert told(door.call(app, path=PATH)) == {"draining": False, "sigterm": "health.drain is 0"}
    answer = door.call(app, "POST", f"{PATH}/", query="seconds=60")
    assert answer.status == 202
    assert told(answer)["reason"] == "POST"
    assert 0 < told(answer)["left"] <= 60
    assert drain.begun is not None
    assert door.call(app, path="/").body == b"hello", "requests are served as ever"
    assert door.call(app, "DELETE", PATH).status == 200
    assert not drain.draining
    assert recorder.exchanges[0].route == PATH
    assert recorder.exchanges[0].probe


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "stranger",
    [
        {"peer": ("203.0.113.9", 50000)},
        {"peer": ("10.0.0.7", 50000)},
        {"headers": [("x-forwarded-for", "127.0.0.1")]},
        {"headers": [("origin", "http://evil.example")]},
    ],
)
def test_strangers_are_refused(door: Any, method: str, stranger: dict[str, Any]) -> None:
    """Others than direct peers on this machine, and pages in a browser on it."""
    drain = Drain()
    app = door.watch(ScriptedApp(), drain)
    answer = door.call(app, method, PATH, **stranger)
    assert answer.status == 403
    assert "loopback" in told(answer)["error"]
    assert "Forwarded" in told(answer)["error"]
    assert "drain_allow" not in told(answer)["error"], "there is no such setting"
    assert not drain.draining


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_other_methods(door: Any, method: str) -> None:
    answer = door.call(door.watch(ScriptedApp(), Drain()), method, PATH)
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD, OPTIONS, POST, DELETE")


@pytest.mark.parametrize("query", ["seconds=", "seconds=-1", "seconds=nan", "seconds=1e9", "seconds=soon", "a&" * 20])
def test_nonsense_begins_nothing(door: Any, query: str) -> None:
    drain = Drain()
    assert door.call(door.watch(ScriptedApp(), drain), "POST", PATH, query=query).status == 400
    assert not drain.draining


@settings(deadline=None)
@given(st.text(max_size=40))
def test_seconds_of_strangers(text: str) -> None:
    """Any text is a time from 0 to an hour, or none."""
    seconds = delay_of(text)
    assert seconds is None or 0 <= seconds <= 3600


def test_waiting_for_the_end(door: Any) -> None:
    """`?wait` is answered when the time is over; under a server of one thread, at once."""
    drain = Drain()
    app = door.watch(ScriptedApp(), drain)
    answer = door.call(app, "POST", PATH, query="seconds=0.1&wait")
    if answer.status == 200:
        assert told(answer)["left"] == 0
    else:
        assert door.name == "wsgi"
    assert drain.draining


def test_who_waits_hears_of_the_end() -> None:
    drain = Drain()
    drain.begin("POST", 600)
    over = drain.over()
    assert over is not None
    assert over is drain.over()
    drain.end()
    over.result(10)
    assert drain.over() is None


def test_of_the_threads_of_a_server_one_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask to be answered at the end, requests find a thread."""
    drain, waited = Drain(), threading.Event()
    over = drain.over

    def noticed() -> object:
        found = over()
        waited.set()
        return found

    monkeypatch.setattr(drain, "over", noticed)
    app = WSGIMiddleware(ScriptedApp().wsgi, drain)
    environ = {"wsgi.multithread": True}
    first: list[Any] = []
    waits = threading.Thread(
        target=lambda: first.append(call_wsgi(app, "POST", PATH, query="seconds=600&wait", environ=environ))
    )
    waits.start()
    assert waited.wait(10)
    for _ in range(3):
        assert call_wsgi(app, "POST", PATH, query="wait", environ=environ).status == 202
    assert call_wsgi(app, "DELETE", PATH, environ=environ).status == 200
    waits.join(10)
    assert [answer.status for answer in first] == [200]


def test_nothing_is_left_of_one_that_was_ended() -> None:
    """A flood of POST and DELETE leaves no timers."""
    drain = Drain()
    for _ in range(3):
        drain.begin("POST", 600)
        over = drain.over()
        assert over is not None
        timer = drain.begun.timer if drain.begun is not None else None
        assert timer is not None
        drain.end()
        timer.join(10)
        assert not timer.is_alive()


def test_a_server_that_starts_again_serves() -> None:
    """As under test clients: the drain was of the one that has stopped."""
    drain = Drain(path=PATH)
    drain.on_startup()
    drain.begin("POST", 600)
    drain.on_shutdown(1)
    assert drain.draining, "to the end"
    drain.on_startup()
    assert not drain.draining


def test_connections_are_closed(door: Any) -> None:
    """Of HTTP/1, while it drains, where the application may say so: WSGI leaves it to the server."""
    drain = Drain()
    app = door.watch(ScriptedApp(), drain)
    assert door.call(app).header("connection") is None
    drain.begin("test")
    assert door.call(app).header("connection") == ("close" if door.name == "asgi" else None)


@pytest.mark.parametrize(("version", "told"), [("1.0", "close"), ("1.1", "close"), ("2", None), ("3", None)])
def test_only_http_1_has_such_a_header(version: str, told: str | None) -> None:
    drain = Drain()
    drain.begin("test")
    answer = call_asgi(ASGIMiddleware(ScriptedApp().asgi, drain), scope={"http_version": version})
    assert answer.header("connection") == told


def test_what_the_application_says_of_its_connection_stays() -> None:
    drain = Drain()
    drain.begin("test")
    app = ScriptedApp(headers=(("connection", "keep-alive"),))
    answer = call_asgi(ASGIMiddleware(app.asgi, drain))
    assert [value for name, value in answer.headers if name == "connection"] == ["keep-alive"]


def test_a_websocket_is_left_alone(websocket: Any) -> None:
    """Accepted as ever: its handshake has a connection header of its own."""
    drain = Drain()
    drain.begin("test")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})

    seen = websocket(ASGIMiddleware(app, drain))
    assert not seen.sent[0].get("headers")


def test_readiness_fails_and_liveness_does_not(door: Any) -> None:
    """What the drain is for."""
    drain = Drain()
    app = door.watch(ScriptedApp(), drain, HealthCheck(drain=drain))
    assert door.call(app, path="/health/ready").status == 200
    drain.begin("test")
    assert door.call(app, path="/health/ready").status == 503
    assert door.call(app, path="/health/live").status == 200
    drain.end()
    assert door.call(app, path="/health/ready").status == 200


def test_the_first_begin_counts() -> None:
    drain = Drain(delay=5, clock=lambda: 100.0)
    assert drain.begin("first")
    assert not drain.begin("second", 60)
    assert (drain.left, drain.begun and drain.begun.reason) == (5, "first")


def test_callbacks() -> None:
    """In order, not in the caller's thread, and one that raises disturbs no other."""
    drain = Drain()
    called: list[str] = []
    begun, ended = threading.Event(), threading.Event()
    drain.when_begun(lambda: called.append(threading.current_thread().name))
    drain.when_begun(lambda: 1 / 0)
    drain.when_begun(begun.set)
    drain.when_ended(ended.set)
    drain.begin("test")
    assert begun.wait(10)
    drain.end()
    assert ended.wait(10)
    assert called == ["midwatch-drain-told"]


@pytest.mark.parametrize(
    ("reason", "seconds", "words"),
    [
        ("SIGTERM", 5.0, "draining for 5 s (SIGTERM): no more requests should come"),
        ("another worker", 4.84763, "draining for 4.8 s (another worker): no more requests should come"),
        ("another worker", 0.0, "draining (another worker): no more requests should come"),
        ("file", 5.0, "draining while the file is there: no more requests should come"),
        ("file", 0.0, "draining while the file is there: no more requests should come"),
    ],
)
def test_what_the_log_says(caplog: pytest.LogCaptureFixture, reason: str, seconds: float, words: str) -> None:
    """How long it lasts, as far as that is known; what a file begins lasts as long as the file."""
    drain, told = Drain(), threading.Event()
    drain.when_begun(told.set)
    drain.begin(reason, seconds)
    assert told.wait(10)
    assert words in caplog.messages


def test_a_signal_is_not_taken_back() -> None:
    drain = Drain()
    drain.begin("SIGTERM")
    assert not drain.end()
    assert drain.draining


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"delay": -1}, "health.drain:"),
        ({"delay": float("nan")}, "health.drain:"),
        ({"delay": True}, "health.drain:"),
        ({"path": "drain"}, r"Drain\.path"),
        ({"path": "/"}, r"Drain\.path"),
        ({"allow": "127.0.0.1"}, r"Drain\.allow"),
        ({"allow": ["nowhere"]}, r"Drain\.allow"),
    ],
)
def test_settings_that_cannot_work(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Drain(**options)
