"""Errors outside of requests: starts that fail, threads that end, exceptions that were handled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette

import midwatch
from midwatch import ASGIMiddleware, ErrorReport, Tracing, WSGIMiddleware
from midwatch.errors import capture, outside
from midwatch.errors.threads import ThreadErrors
from midwatch.plugin import failures
from midwatch.testing import ScriptedApp, call_wsgi

SETTINGS: dict[str, Any] = {"log": False}


class Lifespan:
    """A server that starts an application and stops it; keeps what it said, and how many lines there were by then."""

    def __init__(self, lines: Any) -> None:
        self.said: list[tuple[str, int]] = []
        self.error: Any = None
        self._lines = lines

    async def _serve(self, app: Any) -> None:
        messages = ["lifespan.shutdown", "lifespan.startup"]

        async def receive() -> dict[str, Any]:
            return {"type": messages.pop()}

        async def send(message: Any) -> None:
            self.said.append((message["type"], len(self._lines.all)))

        try:
            await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
        except Exception as error:
            self.error = error

    def run(self, app: Any) -> Lifespan:
        asyncio.run(self._serve(app))
        return self


@contextlib.asynccontextmanager
async def no_database(app: Any) -> Any:
    yield int("no database")


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
def test_a_start_that_fails_is_reported_before_the_server_hears_of_it(kind: Any, lines: Any) -> None:
    """Once, outside of any request; the server may end the process as soon as it is told."""
    app = midwatch.install(kind(lifespan=no_database), SETTINGS)
    served = Lifespan(lines).run(app)
    assert served.said == [("lifespan.startup.failed", 1)]
    assert isinstance(served.error, ValueError)
    line = lines.one
    assert (line["error.origin"], line["exception.type"]) == ("startup", "ValueError")
    assert not {"trace_id", "http.route", "url.path"} & line.keys()


def test_a_bare_application_that_cannot_start(lines: Any) -> None:
    """One that took part in the protocol and raised."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise ValueError("no database")

    assert isinstance(Lifespan(lines).run(ASGIMiddleware(app, ErrorReport())).error, ValueError)
    assert lines.one["error.origin"] == "startup"


def test_a_start_that_says_that_it_failed(lines: Any) -> None:
    """Without an exception there is nothing to report, and with one that it does not let out there is."""

    async def quiet(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    async def handles(scope: Any, receive: Any, send: Any) -> None:
        try:
            await receive()
            raise ValueError("no database")
        except ValueError:
            await send({"type": "lifespan.startup.failed", "message": "no"})

    Lifespan(lines).run(ASGIMiddleware(quiet, ErrorReport()))
    assert lines.all == []
    Lifespan(lines).run(ASGIMiddleware(handles, ErrorReport()))
    assert lines.one["error.origin"] == "startup"


def test_an_application_without_lifespan_has_no_start_that_fails(lines: Any) -> None:
    """It raises because it does not know the protocol."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError(scope["type"])

    served = Lifespan(lines).run(ASGIMiddleware(app, ErrorReport()))
    assert [kind for kind, _ in served.said] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert lines.all == []


def test_a_stop_that_fails_is_no_start_that_fails(lines: Any) -> None:
    """What is reported as a start was one."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> Any:
        yield
        raise ValueError("cannot close")

    served = Lifespan(lines).run(midwatch.install(Starlette(lifespan=lifespan), SETTINGS))
    assert [kind for kind, _ in served.said] == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert lines.all == []


def test_a_process_that_ends_at_once_has_delivered(tmp_path: Path) -> None:
    """A real server, a real file: the line is there when the process is gone."""
    log = tmp_path / "errors.jsonl"
    (tmp_path / "shop.py").write_text(
        textwrap.dedent(f"""
        from contextlib import asynccontextmanager
        from fastapi import FastAPI
        import midwatch

        @asynccontextmanager
        async def lifespan(app):
            raise ValueError("no database")
            yield

        app = midwatch.install(FastAPI(lifespan=lifespan), {{"log": {{"to": ["file://{log}"]}}}})
        """)
    )
    command = [sys.executable, "-m", "uvicorn", "shop:app", "--port", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 3, done.stderr.decode()
    errors = [line for line in map(json.loads, log.read_text().splitlines()) if line["logger"] == "midwatch.error"]
    assert [line["message"] for line in errors] == ["ValueError: no database"]


@pytest.fixture
def started() -> Iterator[Any]:
    """Starts reports, and stops them in the end."""
    reports: list[ErrorReport] = []

    def start(**options: Any) -> ErrorReport:
        report = ErrorReport(**options)
        report.on_startup()
        reports.append(report)
        return report

    yield start
    for report in reports:
        report.on_shutdown(1.0)


@pytest.fixture
def hooked() -> Iterator[list[threading.ExceptHookArgs]]:
    """What the hook of the application hears; without one, pytest fails the test for the thread."""
    heard: list[threading.ExceptHookArgs] = []
    before, threading.excepthook = threading.excepthook, heard.append
    yield heard
    threading.excepthook = before


def in_thread(error: BaseException, **options: Any) -> None:
    def run() -> None:
        raise error

    thread = threading.Thread(target=run, **options)
    thread.start()
    thread.join()


def test_an_exception_that_ends_a_thread_is_reported(started: Any, hooked: Any, lines: Any) -> None:
    """If asked to; whoever listened before still hears of it."""
    started(threads=True)
    error = ValueError("poller died")
    in_thread(error)
    assert (lines.one["error.origin"], lines.one["message"]) == ("thread", "ValueError: poller died")
    assert [args.exc_value for args in hooked] == [error]


def test_threads_are_left_alone_unless_asked(started: Any, hooked: Any, lines: Any) -> None:
    """It is opt-in: the hook is one for all of the process."""
    before = threading.excepthook
    started()
    assert threading.excepthook is before
    in_thread(ValueError())
    assert (lines.all, len(hooked)) == ([], 1)


@pytest.mark.parametrize("leaving", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_a_thread_that_leaves_is_no_error(started: Any, hooked: Any, lines: Any, leaving: type[BaseException]) -> None:
    """SystemExit ends a thread on purpose."""
    started(threads=True)
    in_thread(leaving())
    assert (lines.all, len(hooked)) == ([], 1)


def test_our_own_threads_are_not_reported(started: Any, hooked: Any, lines: Any) -> None:
    """A delivery that fails would report that it failed by a delivery."""
    started(threads=True)
    in_thread(ValueError(), name="midwatch-delivery")
    assert (lines.all, len(hooked)) == ([], 1)


def test_an_exception_of_a_request_in_a_thread_is_reported_once(
    started: Any, hooked: Any, lines: Any, door: Any
) -> None:
    """An exception that the application fetched from its thread and raised again is the same one."""
    error = ValueError("both")

    def before() -> None:
        in_thread(error)
        raise error

    door.call(door.watch(ScriptedApp(before=before), ErrorReport(threads=True)))
    assert lines.one["error.origin"] == "thread"


def test_the_hook_is_put_back(hooked: Any, lines: Any) -> None:
    """When the server stops; where another one came later and calls ours, ours is silent, and does not come twice."""
    before = threading.excepthook
    report = ErrorReport(threads=True)
    report.on_startup()
    ours = threading.excepthook
    report.on_shutdown(1.0)
    assert threading.excepthook is before

    report.on_startup()
    threading.excepthook = lambda args: ours(args)
    report.on_shutdown(1.0)
    in_thread(ValueError("late"))
    assert (lines.all, len(hooked)) == ([], 1)
    report.on_startup()
    in_thread(ValueError("again"))
    assert (lines.one["message"], len(hooked)) == ("ValueError: again", 2)
    report.on_shutdown(1.0)


def test_a_listener_that_fails_keeps_nobody_from_hearing(hooked: Any) -> None:
    """It is counted, and the hook that was there before is called."""

    def broken(error: Exception) -> None:
        raise RuntimeError("disk full")

    listening = ThreadErrors(broken)
    listening.start()
    before = sum(failures.values())
    in_thread(ValueError("died"))
    listening.stop()
    assert [str(args.exc_value) for args in hooked] == ["died"]
    assert sum(failures.values()) == before + 1


def test_of_several_reports_one_reports(started: Any, hooked: Any, lines: Any) -> None:
    """Two applications in one process, each with threads on."""
    started(threads=True)
    started(threads=True)
    in_thread(ValueError())
    assert len(lines.all) == 1


def test_a_handled_exception_is_reported_with_its_request(door: Any, lines: Any) -> None:
    """capture() changes no answer; the request is the one that is being served."""

    def before() -> None:
        try:
            raise ValueError("prices of yesterday")
        except ValueError as error:
            capture(error)

    app = door.watch(ScriptedApp(before=before), Tracing(), ErrorReport())
    answer = door.call(app, path="/orders", headers=[("host", "x"), ("x-request-id", "abc-1")])
    line = lines.one
    assert (answer.status, answer.error) == (200, None)
    assert (line["error.origin"], line["request_id"], line["url.path"]) == ("handled", "abc-1", "/orders")
    assert line["error.count"] == 1


def test_a_handled_exception_that_is_raised_after_all_is_reported_once(door: Any, lines: Any) -> None:
    """And answered for as any other."""
    error = ValueError("twice")

    def before() -> None:
        capture(error)
        capture(error)
        raise error

    answer = door.call(door.watch(ScriptedApp(before=before), ErrorReport()))
    assert (answer.status, answer.error) == (500, error)
    assert lines.one["error.origin"] == "handled"


def test_of_several_applications_that_of_the_request_reports(started: Any, lines: Any) -> None:
    """Each has destinations of its own; outside of requests, it is the one that started last."""
    taken: list[str] = []

    class Notes:
        def __init__(self, name: str) -> None:
            self._name = name

        def take(self, occurrence: Any) -> None:
            taken.append(self._name)

        def close(self, deadline: float) -> None: ...

    shop = ErrorReport(to=[Notes("shop")])
    started(to=[Notes("stock")])
    call_wsgi(WSGIMiddleware(ScriptedApp(before=lambda: capture(ValueError())).wsgi, shop))
    started(to=[Notes("last")])
    assert taken == ["shop"]
    capture(ValueError())
    assert taken == ["shop", "last"]
    shop.on_shutdown(1.0)


def test_nothing_is_said_where_nobody_listens(monkeypatch: pytest.MonkeyPatch, lines: Any) -> None:
    """Without a report that runs, capture() does nothing."""
    monkeypatch.setattr(outside, "_listeners", [])
    capture(ValueError())
    assert lines.all == []


def test_capture_never_raises(started: Any) -> None:
    """It is called where something failed already; what goes wrong is counted."""

    class Broken:
        def outside(self, *_: Any) -> None:
            raise RuntimeError

    broken = Broken()
    outside.listen(broken)
    outside.listen(broken)
    before = failures.get("capture", 0)
    try:
        capture(ValueError())
        capture("no exception")  # type: ignore[arg-type]
    finally:
        outside.forget(broken)
        outside.forget(broken)
    assert failures["capture"] == before + 1
    assert any("Broken.outside" in name for name in failures)
