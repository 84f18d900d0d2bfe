from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midwatch.saturation.capacity import UNKNOWN, Capacity, detected

HANG = 30.0

WSGI = """

from midwatch.saturation.capacity import detected

def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [repr(detected()).encode()]
"""

ASGI = """
from midwatch.saturation.capacity import detected

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": repr(detected()).encode()})
"""


SHOWN = """
import midwatch

def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [b""]

app = midwatch.install(app, {"metrics": {"directory": False}, "log": False})
"""


def asked(folder: Path, source: str, command: list[str], path: str = "") -> str:
    """What an application says of the server that *command* starts on descriptor 3."""
    (folder / "served.py").write_text(source)
    reading, writing = os.pipe()
    program = textwrap.dedent(f"""
        import os, socket, sys
        listening = socket.create_server(("127.0.0.1", 0))
        os.write({writing}, b"%d\\n" % listening.getsockname()[1])
        os.dup2(listening.fileno(), 3)
        os.set_inheritable(3, True)
        os.execvp(sys.argv[1], sys.argv[1:])
    """)
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *command], cwd=folder, pass_fds=(writing,), stdout=said, stderr=said
        )
    os.close(writing)
    try:
        with os.fdopen(reading) as port:
            address = f"http://127.0.0.1:{port.readline().strip()}/{path}"
        with urllib.request.urlopen(address, timeout=HANG) as answer:
            return answer.read().decode()  # type: ignore[no-any-return]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(HANG)


GUNICORN = [sys.executable, "-m", "gunicorn", "served:app", "--bind", "fd://3", "--graceful-timeout", "1",
            "--no-control-socket"]  # fmt: skip
UVICORN = [sys.executable, "-m", "uvicorn", "served:app", "--fd", "3"]


@pytest.mark.parametrize(
    ("source", "command", "capacity"),
    [
        (WSGI, GUNICORN, "1"),
        (WSGI, [*GUNICORN, "--threads", "3"], "3"),
        (ASGI, [*GUNICORN, "-k", "uvicorn.workers.UvicornWorker"], "None"),
        (ASGI, [*UVICORN, "--limit-concurrency", "20"], "20"),
        (ASGI, UVICORN, "None"),
    ],
    ids=["gunicorn-sync", "gunicorn-gthread", "gunicorn-uvicorn", "uvicorn-limit", "uvicorn"],
)
def test_what_a_real_server_says(tmp_path: Path, source: str, command: list[str], capacity: str) -> None:
    assert asked(tmp_path, source, command) == capacity


def test_the_first_page_of_a_server_shows_what_it_says(tmp_path: Path) -> None:
    """Whoever scales by it would have read a hundred of each worker."""
    page = asked(tmp_path, SHOWN, [*GUNICORN, "--threads", "3"], "metrics").splitlines()
    assert [line for line in page if line.startswith(("http_server_capacity ", "http_server_utilization_ratio "))] == [
        "http_server_capacity 3.0",
        "http_server_utilization_ratio 0.0",
    ]


def test_waitress(tmp_path: Path) -> None:
    serve = "import waitress, socket, served; waitress.serve(served.app, sockets=[socket.socket(fileno=3)], threads=5)"
    assert asked(tmp_path, WSGI, [sys.executable, "-c", serve]) == "5"


def test_no_server_says_nothing() -> None:
    assert detected() is None


def test_a_server_of_another_make_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        def handle(self, *given: Any) -> None: ...

        @property
        def config(self) -> Any:
            raise RuntimeError

    Odd.__module__, Odd.__name__ = "uvicorn.server", "Server"
    monkeypatch.setitem(sys.modules, "uvicorn", object())
    before = signal.signal(signal.SIGUSR1, Odd().handle)
    try:
        assert detected() is None
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_setting_wins_and_the_rest_is_assumed(store: Any) -> None:
    assumed = Capacity(store, lambda: 50)
    assumed.look()
    assert (assumed.size, assumed.known, assumed.turn(1.0)) == (UNKNOWN, None, 0.5)
    given = Capacity(store, lambda: 50, 25)
    given.look()
    assert (given.size, given.known, given.turn(1.0)) == (25, 25, 2.0)


def test_nothing_is_shown_before_somebody_has_asked_the_server(store: Any, value: Callable[..., float]) -> None:
    """Unless the settings say it."""
    assumed = Capacity(store, lambda: 50)
    assert assumed.turn(1.0) == 0.5
    assert not [sample for metric in store.collect() for sample in metric.samples]
    assumed.look()
    assert (value("http_server_capacity"), value("http_server_utilization_ratio")) == (UNKNOWN, 0.5)


def test_a_capacity_that_is_given_is_shown_at_once(store: Any, value: Callable[..., float]) -> None:
    Capacity(store, lambda: 50, 25).turn(1.0)
    assert (value("http_server_capacity"), value("http_server_utilization_ratio")) == (25, 2.0)


def test_the_share_in_use_is_that_of_the_whole_time_where_seconds_are_known(store: Any) -> None:
    """A worker of one request is either full or empty at any moment."""
    busy = iter([10.0, 10.5, 11.5, 0.0, 4.0, None, 4.0])
    worker = Capacity(store, lambda: 1, 1, busy=lambda: next(busy))
    assert [worker.turn(1.0) for _ in range(4)] == [1.0, 0.5, 1.0, 0.0]
    assert worker.turn(2.0) == 2.0
    assert worker.turn(1.0) == 1.0
    assert worker.turn(1.0) == 1.0
