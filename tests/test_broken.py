"""What was broken once, by trying to: each bug has its test."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import flask
import flask_login
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

import midwatch
from midwatch import ASGIMiddleware, Exchange, Hold, Outcome, Plugin, Reply, RequestLog, Tracing, WSGIMiddleware
from midwatch.testing import Recorder, ScriptedApp, call_asgi, call_wsgi


def test_headers_that_can_be_read_once(signals: Any) -> None:
    """Both protocols' servers take any iterable; looking at it must not use it up."""
    pairs = [("content-type", "text/plain"), ("set-cookie", "a=1")]

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        headers = ((name.encode(), value.encode()) for name, value in pairs)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", iter(pairs))
        return []

    assert call_asgi(ASGIMiddleware(asgi, *signals.plugins())).headers[:2] == pairs
    assert call_wsgi(WSGIMiddleware(wsgi, *signals.plugins())).headers[:2] == pairs


def test_a_bug_in_the_clean_up_after_a_departure_is_an_error(websocket: Any) -> None:
    """What fails while a departure is handled is the application's, and reported."""

    class WebSocketDisconnect(Exception):
        """As Starlette names it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        try:
            raise WebSocketDisconnect
        except WebSocketDisconnect:
            raise KeyError("clean-up")

    recorder = Recorder()
    websocket(ASGIMiddleware(app, recorder), {"type": "websocket.disconnect", "code": 1000})

    assert recorder.exchange.outcome is Outcome.ERROR
    assert "on_error" in recorder.moments


def test_a_plugin_that_warms_the_application_up(door: Any) -> None:
    """on_startup may call the application: it comes back into the door that is starting."""

    class WarmsUp(Plugin):
        app: Any = None
        served = 0

        def on_startup(self) -> None:
            self.served = call_wsgi(self.app).status or 0

    plugin = WarmsUp()
    plugin.app = WSGIMiddleware(ScriptedApp().wsgi, plugin)

    assert call_wsgi(plugin.app).status == 200
    assert plugin.served == 200


@pytest.mark.parametrize("how", ["empty", "write"])
def test_a_replaced_response_has_its_whole_body(how: str) -> None:
    """Although the application's own is empty, or was written imperatively."""
    failed: Future[Any] = Future()
    failed.set_exception(OSError())

    class Strict(Plugin):
        def on_response(self, exchange: Exchange) -> Hold:
            return Hold(failed, 1, otherwise=Reply(503, "no audit"))

    def app(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("302 Found", [("location", "/")])
        if how == "write":
            write(b"moved")
        return []

    answer = call_wsgi(WSGIMiddleware(app, Strict()), validate=False)

    assert (answer.status, answer.body) == (503, b"no audit")


class Named(Plugin):
    """Knows which of several instances it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[str] = []
        self.started = 0

    def on_startup(self) -> None:
        self.started += 1

    def on_finish(self, exchange: Exchange) -> None:
        self.seen.append(exchange.path)


def test_mounted_applications_keep_their_own_plugins(door: Any) -> None:
    """Two inner doors with plugins of one class: each sees its own requests, and is started."""
    one, two = Named("one"), Named("two")
    inner = {"/one": door.watch(ScriptedApp(), one), "/two": door.watch(ScriptedApp(), two)}

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        await inner[scope["path"]](scope, receive, send)

    def wsgi(environ: Any, start_response: Any) -> Any:
        return inner[environ["PATH_INFO"]](environ, start_response)

    outer = door.watch(asgi if door.name == "asgi" else wsgi, Recorder())
    for path in ("/one", "/two", "/one"):
        door.call(outer, path=path)

    assert (one.seen, two.seen) == (["/one", "/one"], ["/two"])
    assert (one.started, two.started) == (1, 1)


def test_tracing_may_join_at_an_inner_door(door: Any) -> None:
    """The request id is sent back, and its span is current in the application."""
    recorder = Recorder()
    seen: list[Any] = []

    def before() -> None:
        from opentelemetry.trace import get_current_span

        seen.append(get_current_span())

    inner = door.watch(ScriptedApp(before=before), Tracing())
    kind: Any = ASGIMiddleware if door.name == "asgi" else WSGIMiddleware

    answer = door.call(kind(inner, RequestLog(), recorder))

    assert answer.header("x-request-id") == recorder.exchange.trace_id
    assert seen == [recorder.exchange.span]


def test_answers_that_are_none(door: Any) -> None:
    """on_error may return nonsense; the application's exception is the one that leaves, and the exchange ends."""

    class Nonsense(Plugin):
        def on_error(self, exchange: Exchange) -> Any:
            return "sorry"

    recorder = Recorder()
    app = ScriptedApp(error=KeyError("broken"))
    answer = door.call(door.watch(app, Nonsense(), recorder))

    assert answer.error is app.error
    assert recorder.exchange.outcome is Outcome.ERROR


@pytest.mark.parametrize(
    "make",
    [
        lambda: Reply("many"),  # type: ignore[arg-type]
        lambda: Reply(200, 123),  # type: ignore[arg-type]
        lambda: Reply(200, headers={"x-a": "1\r\nset-cookie: b"}),
        lambda: Reply(200, media_type="text/plain\r\n"),
        lambda: Hold(None, 1),  # type: ignore[arg-type]
    ],
)
def test_impossible_answers_are_refused_where_they_are_made(make: Any) -> None:
    """In the plugin, whose failure changes nothing; not in the response."""
    with pytest.raises((TypeError, ValueError)):
        make()


def test_odd_wsgi_applications() -> None:
    """Header values that are no text, a status that is none, exc_info by keyword: the server's business, not ours."""
    recorder = Recorder()

    def lenient(status: Any, headers: Any, exc_info: Any = None) -> Any:
        return lambda data: None

    def number(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", 5)])
        return [b"12345"]

    def nothing(environ: Any, start_response: Any) -> list[bytes]:
        start_response(None, [])
        return []

    def keyword(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status="200 OK", headers=[], exc_info=None)
        return []

    for app in (number, nothing, keyword):
        body = WSGIMiddleware(app, recorder)({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lenient)
        body.close()  # type: ignore[attr-defined]

    assert [exchange.status for exchange in recorder.exchanges] == [200, None, 200]


def test_absolute_form_and_userinfo_are_not_shown() -> None:
    """h11 hands the whole target over as path."""
    recorder = Recorder()
    call_asgi(
        ASGIMiddleware(ScriptedApp().asgi, recorder),
        path="http://user:SECRET@h/items",
        headers=[("host", "u:SECRET@h:1")],
    )

    assert (recorder.exchange.path, recorder.exchange.host) == ("/items", "h")


def test_a_hold_that_fails_late_is_nobodys_news(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio would log what nobody retrieved, with its message."""
    future: Future[Any] = Future()

    class Holds(Plugin):
        def on_request(self, exchange: Exchange) -> Hold:
            return Hold(future, 0.001)

    async def main() -> None:
        async def send(message: Any) -> None: ...

        watched = ASGIMiddleware(ScriptedApp().asgi, Holds())
        await watched({"type": "http", "method": "GET", "path": "/", "headers": []}, None, send)  # type: ignore[arg-type]
        future.set_exception(RuntimeError("SECRET"))
        await asyncio.sleep(0)

    with caplog.at_level(logging.DEBUG, "asyncio"):
        asyncio.run(main())

    assert "SECRET" not in caplog.text


def test_an_app_called_in_process_has_no_user_of_its_callers() -> None:
    """Flask's context is current, but it is another request's."""
    recorder = Recorder()
    inner = flask.Flask("inner")
    inner.post("/")(lambda: "ok")
    midwatch.install(inner, {"log": False, "plugins": [recorder]})

    outer = flask.Flask("outer")
    outer.secret_key = "test"

    @flask_login.LoginManager(outer).request_loader
    def load(request: Any) -> Any:
        user = flask_login.UserMixin()
        user.id = "alice"
        return user

    @outer.get("/")
    def page() -> bytes:
        assert flask_login.current_user.get_id() == "alice"
        return call_wsgi(inner, "POST").body

    assert call_wsgi(outer).body == b"ok"
    assert recorder.exchange.actor is None


def test_a_framework_whose_start_fails_is_not_stood_in_for() -> None:
    """A middleware that cannot be made: the server must hear of it."""

    class Broken:
        def __init__(self, app: Any) -> None:
            raise TypeError("no such option")

    failing: Any = Broken
    app = midwatch.install(Starlette(middleware=[Middleware(failing)]), {"log": False})

    with pytest.raises(TypeError, match="no such option"):
        asyncio.run(app({"type": "lifespan"}, None, None))  # type: ignore[arg-type]


def _one_line(path: str) -> None:
    from midwatch.destinations import lines_to

    lines_to(f"file://{path}")("from the child")


def test_children_of_multiprocessing_have_last_words(tmp_path: Path) -> None:
    """They end by os._exit, without atexit."""
    _one_line(str(tmp_path / "parent"))
    midwatch.flush()
    child = multiprocessing.get_context("fork").Process(target=_one_line, args=(str(tmp_path / "child"),))
    child.start()
    child.join(10)

    assert (tmp_path / "child").read_text() == "from the child\n"


SIGNALLED = """
import os, signal, sys, threading
from midwatch.delivery import Channel, flush

channel = Channel("signalled", lambda batch: None)
_worker = channel.worker
count = 0

def handler(number, frame):
    global count
    count += 1
    _worker.awake = False
    channel.put("from the handler")

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
while count < 1000:
    _worker.awake = False
    channel.put("from the thread")
signal.setitimer(signal.ITIMER_REAL, 0)
print(flush(10), flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_a_signal_handler_may_log() -> None:
    """It interrupts any line of the queue's, in the same thread; nothing may be locked against itself."""
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED], capture_output=True, text=True, timeout=60, check=True, env=dict(os.environ)
    )

    assert done.stdout == "True\n"
