"""The access logs of servers: muted beside ours, also after the server has configured logging again."""

from __future__ import annotations

import logging
import logging.config
from typing import TYPE_CHECKING

import pytest
import uvicorn.config

from midwatch.logs import configure_logging
from midwatch.logs.access import LOGGERS, unmute_access_logs

if TYPE_CHECKING:
    from collections.abc import Iterator
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
