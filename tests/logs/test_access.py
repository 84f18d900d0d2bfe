"""The access logs of servers: muted beside ours, also after the server has configured logging again."""

from __future__ import annotations

import logging
import logging.config
import threading
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn.config
from django.core.servers import basehttp
from werkzeug.serving import make_server

from midwatch.logs import configure_logging
from midwatch.logs.access import LOGGERS, unmute_access_logs
from midwatch.testing import ScriptedApp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.server import HTTPServer
    from pathlib import Path


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    names = ("", "uvicorn", "uvicorn.error", *LOGGERS)
    before = [(logging.getLogger(name), logging.getLogger(name).handlers[:]) for name in names]
    yield
    unmute_access_logs()
    for logger, handlers in before:
        logger.handlers[:] = handlers


def say(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    logging.getLogger(name).info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", "/", "1.1", 200)
    out, err = capsys.readouterr()
    return out + err


def configure(tmp_path: Path, **options: object) -> None:
    configure_logging(to=[f"file://{tmp_path}/log"], **options)  # type: ignore[arg-type]


def test_muting_survives_the_configuration_of_uvicorn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """uvicorn replaces handlers and levels after the application was imported."""
    configure(tmp_path, root=True)
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
    assert say("uvicorn.access", capsys) == ""
    assert "hello" in _error("hello", capsys)


def _error(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    logging.getLogger("uvicorn.error").error(text)
    return capsys.readouterr().err


def flask_run() -> tuple[str, HTTPServer]:
    return "werkzeug", make_server("127.0.0.1", 0, ScriptedApp().wsgi)


def runserver() -> tuple[str, HTTPServer]:
    server = basehttp.WSGIServer(("127.0.0.1", 0), basehttp.WSGIRequestHandler)
    server.set_app(ScriptedApp().wsgi)
    return "django.server", server


@pytest.mark.parametrize("muted", [True, False])
@pytest.mark.parametrize("made", [flask_run, runserver])
def test_requests_of_development_servers_are_muted_and_where_they_listen_is_not(
    made: Callable[[], tuple[str, HTTPServer]], tmp_path: Path, caplog: pytest.LogCaptureFixture, muted: bool
) -> None:
    configure(tmp_path, root=True, access_logs=not muted)
    name, server = made()
    with server, caplog.at_level(logging.INFO, name):
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert httpx.get(f"http://127.0.0.1:{server.server_port}/orders").status_code == 200
        thread.join()
        logging.getLogger(name).info(" * Running on http://127.0.0.1:5000")
    assert "Running on" in caplog.text
    assert ("/orders" in caplog.text) is not muted


def test_they_go_on_where_somebody_wants_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the setting, and also after they were muted."""
    configure(tmp_path, root=True)
    configure(tmp_path, root=True, access_logs=True)
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
    assert "GET / HTTP/1.1" in say("uvicorn.access", capsys)


def test_they_go_on_where_the_application_has_its_own_logging(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who has configured logging gets no surprise."""
    configure(tmp_path, root=False)
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
    assert "GET / HTTP/1.1" in say("uvicorn.access", capsys)


def test_once_however_often(tmp_path: Path) -> None:
    """A filter for each call would be a leak."""
    for _ in range(3):
        configure(tmp_path, root=True)
    assert [len(logging.getLogger(name).filters) for name in LOGGERS] == [1] * len(LOGGERS)
