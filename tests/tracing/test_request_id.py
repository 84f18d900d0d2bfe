"""The request id: taken in when it is harmless, and sent back whatever happens."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch import ErrorReport, Tracing, install
from midwatch.testing import Recorder, ScriptedApp, call_asgi, call_wsgi

HARMLESS = [
    "a",
    "0",
    "6f0a3bb9c2f84cc5a1a1ce2a4d8a9d0b",
    "a-b_c.d",
    "A" * 128,
    "-",
    "...",
    "7b1f8c9e-0001-4a4f-8b1d-000000000000",
]
HARMFUL = [
    "",
    " ",
    "a" * 129,
    "a" * 65_536,
    "a b",
    " a",
    "a,b",
    "a\r\nset-cookie: x=1",
    "a\nb",
    "a\r",
    "a\x00",
    "\x1b[31mred",
    "a\x7f",
    "é",
    "a\xa0",
    "a/b",
    "a:b",
    "<script>",
    "%0d%0a",
    '{"a":1}',
    "a\n",
]


@pytest.mark.parametrize("value", HARMLESS)
def test_a_harmless_id_is_kept(door: Any, value: str) -> None:
    """It is that of the exchange, and sent back."""
    recorder = Recorder()
    app = door.watch(ScriptedApp(), Tracing(), recorder)
    answer = door.call(app, headers=[("host", "x"), ("x-request-id", value)])
    assert recorder.exchange.request_id == value
    assert [v for name, v in answer.headers if name == "x-request-id"] == [value]


@pytest.mark.parametrize("value", HARMFUL, ids=range(len(HARMFUL)))
def test_any_other_is_replaced_by_the_trace_id(door: Any, value: str) -> None:
    """Nothing of it is sent back."""
    recorder = Recorder()
    app = door.watch(ScriptedApp(), Tracing(), recorder)
    answer = door.call(app, headers=[("host", "x"), ("x-request-id", value)])
    assert re.fullmatch("[0-9a-f]{32}", recorder.exchange.trace_id or "")
    assert recorder.exchange.request_id == recorder.exchange.trace_id
    assert [v for name, v in answer.headers if name == "x-request-id"] == [recorder.exchange.trace_id]


def test_two_ids_are_none(door: Any) -> None:
    """Which of them was meant, nobody can say."""
    answer = door.call(
        door.watch(ScriptedApp(), Tracing()), headers=[("host", "x"), ("x-request-id", "a"), ("x-request-id", "b")]
    )
    assert re.fullmatch("[0-9a-f]{32}", answer.header("x-request-id"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(max_codepoint=255), max_size=140))
def test_nothing_else_ever_comes_back(door: Any, value: str) -> None:
    """What is sent back is harmless, and the caller's own where that was."""
    answer = door.call(door.watch(ScriptedApp(), Tracing()), headers=[("host", "x"), ("x-request-id", value)])
    told = answer.header("x-request-id")
    assert re.fullmatch(r"[A-Za-z0-9_.\-]{1,128}", told)
    assert told == value or not re.fullmatch(r"[A-Za-z0-9_.\-]{1,128}", value)


@pytest.mark.parametrize("name", ["x-request-id", "X-Request-ID"])
def test_the_applications_own_is_not_doubled(door: Any, name: str) -> None:
    """An application that answers with one knows better."""
    if door.name == "asgi":
        name = name.lower()  # The specification has header names in lower case.
    app = door.watch(ScriptedApp(headers=(("content-type", "text/plain"), (name, "its-own"))), Tracing())
    answer = door.call(app, headers=[("host", "x"), ("x-request-id", "the-callers")])
    assert [value for key, value in answer.headers if key == "x-request-id"] == ["its-own"]


@pytest.mark.parametrize("name", ["x-correlation-id", "X-Correlation-ID"])
def test_another_header(door: Any, name: str) -> None:
    """The name has no case."""
    app = door.watch(ScriptedApp(), Tracing(request_id=name))
    answer = door.call(app, headers=[("host", "x"), ("x-correlation-id", "abc"), ("x-request-id", "def")])
    assert answer.header("x-correlation-id") == "abc"
    assert answer.header("x-request-id") is None


def test_no_header(door: Any) -> None:
    """None takes nothing in and sends nothing back."""
    recorder = Recorder()
    app = door.watch(ScriptedApp(), Tracing(request_id=None), recorder)
    answer = door.call(app, headers=[("host", "x"), ("x-request-id", "abc")])
    assert recorder.exchange.request_id is None
    assert [name for name, _ in answer.headers] == ["content-type"]


@pytest.mark.parametrize("name", ["", "two words", "x:y", "é", "a\r\nb"])
def test_what_is_no_header_name_stops_the_start(name: str) -> None:
    """Loud at start, rather than on every response."""
    with pytest.raises(ValueError, match="not the name of a header"):
        Tracing(request_id=name)


def test_a_bare_app_that_raises_answers_with_it(door: Any) -> None:
    """The 500 that stands in for an answer carries the id by which the failure is found."""
    app = door.watch(ScriptedApp(error=ValueError("no")), Tracing(), ErrorReport())
    answer = door.call(app, headers=[("host", "x"), ("x-request-id", "abc")])
    assert isinstance(answer.error, ValueError)
    assert answer.status == 500
    assert [value for key, value in answer.headers if key == "x-request-id"] == ["abc"]


ONLY = {"log": False, "metrics": False, "audit": False, "health": False}


@pytest.mark.parametrize(("path", "status"), [("/fine", 200), ("/broken", 500), ("/missing", 404)])
def test_fastapi(path: str, status: int) -> None:
    """On a 500 too, which Starlette makes outside of every middleware."""
    app = FastAPI(openapi_url=None)

    @app.get("/fine")
    async def fine() -> str:
        return "fine"

    @app.get("/broken")
    async def broken() -> str:
        raise ValueError("broken")

    answer = call_asgi(install(app, ONLY), path=path, headers=[("host", "x"), ("x-request-id", "abc")])
    assert answer.status == status
    assert [value for key, value in answer.headers if key == "x-request-id"] == ["abc"]


@pytest.mark.parametrize(("path", "status"), [("/fine", 200), ("/broken", 500), ("/missing", 404)])
def test_flask(path: str, status: int) -> None:
    """On a 500 too, which Flask makes of an unhandled exception."""
    app = Flask("traced")
    app.logger.disabled = True

    @app.get("/fine")
    def fine() -> str:
        return "fine"

    @app.get("/broken")
    def broken() -> str:
        raise ValueError("broken")

    answer = call_wsgi(install(app, ONLY), path=path, headers=[("host", "x"), ("x-request-id", "abc")])
    assert answer.status == status
    assert [value for key, value in answer.headers if key == "x-request-id"] == ["abc"]
