"""The moments: who is called, in which order, and what happens to those who misbehave."""

from __future__ import annotations

import logging
import pathlib
import re
from concurrent.futures import Future
from typing import Any

import pytest

from midwatch import Exchange, Hold, Plugin, Reply, plugin
from midwatch.lifecycle import Lifecycle
from midwatch.moments import Moments
from midwatch.plugin import MOMENTS, failures, hook_failed
from midwatch.testing import Recorder, ScriptedApp


class Logbook(Plugin):
    """Writes down its name at each moment."""

    def __init__(self, name: str, book: list[str]) -> None:
        self.name = name
        self.book = book

    def on_request(self, exchange: Exchange) -> None:
        self.book.append(f"{self.name} request")

    def on_response(self, exchange: Exchange) -> None:
        self.book.append(f"{self.name} response")

    def on_error(self, exchange: Exchange) -> None:
        self.book.append(f"{self.name} error")

    def on_finish(self, exchange: Exchange) -> None:
        self.book.append(f"{self.name} finish")


def test_in_order_in_reverse_order_out(door: Any) -> None:
    """The first to be asked is the last to be told."""
    book: list[str] = []
    app = ScriptedApp(error=ValueError(), error_after=0)

    door.call(door.watch(app, Logbook("a", book), Logbook("b", book)))

    assert book == ["a request", "b request", "b response", "a response", "b error", "a error", "b finish", "a finish"]


class Says(Plugin):
    """Answers on_request."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def on_request(self, exchange: Exchange) -> Any:
        return self.answer


def test_everyone_is_asked_and_the_first_reply_wins(door: Any) -> None:
    """The application is not called; every plugin sees every exchange."""
    recorder = Recorder()
    app = ScriptedApp(error=AssertionError("the app must not be called"))

    answer = door.call(door.watch(app, Says(Reply(202, "one")), Says(Reply(203, "two")), recorder))

    assert (answer.status, answer.body) == (202, b"one")
    assert recorder.moments[1:] == ["on_request", "on_response", "on_finish"]
    assert recorder.exchange.status == 202


def test_reply_to_head_has_no_body_but_its_length(door: Any) -> None:
    """RFC 9110 section 9.3.2."""
    answer = door.call(door.watch(ScriptedApp(), Says(Reply(200, "hello", headers={"x-one": "1"}))), "HEAD")

    assert (answer.body, answer.header("content-length"), answer.header("x-one")) == (b"", "5", "1")


def done(result: Any = None, error: Exception | None = None) -> Future[Any]:
    future: Future[Any] = Future()
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
    return future


@pytest.mark.parametrize(
    ("hold", "status"),
    [
        pytest.param(Hold(done(), 1), 200, id="done"),
        pytest.param(Hold(done(Reply(202)), 1), 202, id="resolves to a reply"),
        pytest.param(Hold(done("nonsense"), 1), 200, id="resolves to something else"),
        pytest.param(Hold(done(error=OSError()), 1), 200, id="fails"),
        pytest.param(Hold(done(error=OSError()), 1, otherwise=Reply(503)), 503, id="fails, otherwise"),
        pytest.param(Hold(Future(), 0), 200, id="late"),
        pytest.param(Hold(Future(), 0, otherwise=Reply(503)), 503, id="late, otherwise"),
    ],
)
@pytest.mark.parametrize("moment", ["on_request", "on_response"])
def test_hold(door: Any, moment: str, hold: Hold, status: int) -> None:
    """What a future comes to, in time or not, before the application and before its response."""

    class Holds(Plugin):
        def on_request(self, exchange: Exchange) -> Any:
            return hold if moment == "on_request" else None

        def on_response(self, exchange: Exchange) -> Any:
            return hold if moment == "on_response" and exchange.status == 200 else None

    recorder = Recorder()
    answer = door.call(door.watch(ScriptedApp(), Holds(), recorder))

    assert answer.status == recorder.exchange.status == status


def test_nonsense_from_a_moment_is_ignored(door: Any) -> None:
    """A plugin that returns what is no answer has not answered."""
    answer = door.call(door.watch(ScriptedApp(), Says("nonsense")))

    assert answer.body == b"hello"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        pytest.param(Recorder, "did you mean Recorder()?", id="class"),
        pytest.param("nonsense", "not a midwatch.Plugin instance", id="text"),
        pytest.param(Plugin(), "overrides no moment", id="base"),
    ],
)
def test_what_is_no_plugin(door: Any, wrong: Any, message: str) -> None:
    """The mistake is named when the door is made."""
    with pytest.raises(TypeError, match=re.escape(message)):
        door.watch(ScriptedApp(), wrong)


def test_coroutines_are_refused() -> None:
    """A coroutine would never be awaited."""

    class Async(Plugin):
        async def on_finish(self, exchange: Exchange) -> None:  # type: ignore[override]
            """Never runs."""

    with pytest.raises(TypeError, match=r"Async\.on_finish is a coroutine"):
        Moments([Async()])


def test_only_overridden_moments_are_called() -> None:
    """An unused moment costs nothing."""
    moments = Moments([Says(None)])

    assert [len(getattr(moments, name)) for name in MOMENTS] == [0, 0, 1, 0, 0, 0, 0]


def test_failures_are_counted_and_told_once_a_minute(caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    """A plugin that fails on every request does not flood the log."""
    now = [0.0]
    monkeypatch.setattr("midwatch.plugin.time.monotonic", lambda: now[0])

    def hook() -> None: ...

    def fail(times: int) -> None:
        for _ in range(times):
            try:
                raise RuntimeError("bug")
            except RuntimeError:
                hook_failed(hook)

    fail(5)
    now[0] = 59.0
    fail(5)
    now[0] = 61.0
    fail(5)

    assert failures[hook.__qualname__] == 15
    assert len(caplog.records) == 2
    assert caplog.records[0].exc_info


def test_a_log_handler_that_raises_is_nobodys_problem(door: Any) -> None:
    """Neither the client's nor the other plugins'."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("disk full")

    class Fails(Plugin):
        def on_request(self, exchange: Exchange) -> None:
            raise RuntimeError("bug")

    handler = Broken()
    logging.getLogger("midwatch").addHandler(handler)
    recorder = Recorder()
    try:
        answer = door.call(door.watch(ScriptedApp(), Fails(), recorder))
    finally:
        logging.getLogger("midwatch").removeHandler(handler)

    assert answer.body == b"hello"
    assert recorder.exchange.status == 200


def test_lifecycle_is_once_each_and_can_be_run_again() -> None:
    """Whoever says so first starts and stops; a plugin that fails in either does not stop the others."""

    class Fails(Plugin):
        def on_startup(self) -> None:
            raise RuntimeError("start")

        def on_shutdown(self, deadline: float) -> None:
            raise RuntimeError("stop")

    recorder = Recorder()
    lifecycle = Lifecycle(Moments([Fails(), recorder]))
    for _ in range(2):
        lifecycle.start()
        lifecycle.start()
        lifecycle.stop()
        lifecycle.stop()

    assert recorder.moments == ["on_startup", "on_shutdown"] * 2


def test_the_table_names_every_moment() -> None:
    """The documentation of the moments is the module's."""
    table = plugin.__doc__ or ""

    assert [moment for moment in MOMENTS if f"`{moment}(" not in table] == []
    readme = pathlib.Path(__file__).parents[1] / "README.md"
    assert [moment for moment in MOMENTS if moment not in readme.read_text()] == []


def test_misspelt_moments_are_refused() -> None:
    """A moment that would never come."""

    class Typo(Recorder):
        def on_requets(self, exchange: Exchange) -> None:
            """Never called."""

    with pytest.raises(TypeError, match=r"did you mean on_request\?"):
        Moments([Typo()])


def test_a_reply_from_on_response_changes_nothing(door: Any) -> None:
    """The response is the application's; only a Hold that fails may stand in for it."""

    class Replies(Plugin):
        def on_response(self, exchange: Exchange) -> Any:
            return Reply(500, "replaced")

    assert door.call(door.watch(ScriptedApp(), Replies())).body == b"hello"
