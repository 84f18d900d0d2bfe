"""/errors: what it tells, to whom, and that it is not there for anybody else."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

import pytest

import midwatch
from midwatch import ErrorReport, Tracing
from midwatch.errors.ledger import KEPT
from midwatch.service import Service
from midwatch.testing import Recorder, ScriptedApp

STRANGERS: list[dict[str, Any]] = [
    {"peer": ("203.0.113.9", 4)},
    {"peer": ("127.0.0.1", 4), "headers": [("host", "x"), ("x-forwarded-for", "127.0.0.1")]},
    {"peer": ("10.1.1.1", 4), "headers": [("host", "x"), ("forwarded", "for=10.0.0.1")]},
    {"peer": None},
]


class Shop:
    """Fails when it is told to, by the path."""

    def __init__(self) -> None:
        self.hello = ScriptedApp()

    def _fail(self, path: str) -> None:
        if path == "/value":
            raise ValueError("no such size")
        if path == "/key":
            raise KeyError("price")

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        self._fail(scope["path"])
        await self.hello.asgi(scope, receive, send)

    def wsgi(self, environ: Any, start_response: Any) -> Any:
        self._fail(environ["PATH_INFO"])
        return self.hello.wsgi(environ, start_response)


def watch(door: Any, *more: Any, **options: Any) -> Any:
    report = ErrorReport(**{"path": "/errors", "service": Service("orders", "1.4.2"), **options})
    return door.watch(getattr(Shop(), door.name), Tracing(), report, *more)


def test_what_it_tells(door: Any) -> None:
    """Of each fingerprint how often, since when and what was last, the latest first; and whose counts they are."""
    now = [1_700_000_000.0]
    app = watch(door, clock=lambda: now[0])
    for path, request_id in (("/value", "a"), ("/key", "b"), ("/value", "c")):
        door.call(app, path=path, headers=[("host", "x"), ("x-request-id", request_id)])
        now[0] += 10
    answer = door.call(app, path="/errors")
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert answer.header("cache-control") == "no-store"
    told = json.loads(answer.body)
    errors = told.pop("errors")
    assert told == {
        "service": {"service.name": "orders", "service.version": "1.4.2"},
        "process": {"pid": os.getpid(), "host": socket.gethostname(), "since": "2023-11-14T22:13:20.000000Z"},
        "scope": "what this process has seen since then; other processes of the service count for themselves",
        "forgotten": 0,
    }
    assert [error.pop("fingerprint")[:3] for error in errors] == ["v1:", "v1:"]
    assert [len(error.pop("trace_id")) for error in errors] == [32, 32]
    assert errors == [
        {
            "count": 2,
            "first": "2023-11-14T22:13:20.000000Z",
            "last": "2023-11-14T22:13:40.000000Z",
            "title": "ValueError: no such size",
            "where": "request",
            "method": "GET",
            "request_id": "c",
        },
        {
            "count": 1,
            "first": "2023-11-14T22:13:30.000000Z",
            "last": "2023-11-14T22:13:30.000000Z",
            "title": "KeyError: 'price'",
            "where": "request",
            "method": "GET",
            "request_id": "b",
        },
    ]


def test_the_route_is_told() -> None:
    """Where a framework routes, and by install()."""
    from fastapi import FastAPI

    from midwatch.testing import call_asgi

    app = FastAPI()
    app.add_api_route("/orders/{order}", lambda order: int("seven"))
    midwatch.install(app, {"log": False})
    call_asgi(app, path="/orders/7")
    (error,) = json.loads(call_asgi(app, path="/errors").body)["errors"]
    assert error["route"] == "/orders/{order}"


@pytest.mark.parametrize("path", ["/errors", "/errors/"])
def test_its_own_requests_are_one_route(door: Any, path: str) -> None:
    """With and without the slash, and known as what operators ask for."""
    recorder = Recorder()
    assert door.call(watch(door, recorder), path=path).status == 200
    assert (recorder.exchange.route, recorder.exchange.probe) == ("/errors", True)


@pytest.mark.parametrize("options", STRANGERS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_for_strangers_it_does_not_exist(door: Any, method: str, options: dict[str, Any]) -> None:
    """The application is asked, and its answer is the one they get."""
    recorder = Recorder()
    app = watch(door, recorder)
    answer, plain = (door.call(app, method, path, **options) for path in ("/errors", "/other"))
    assert (answer.status, answer.body) == (plain.status, plain.body)
    assert recorder.exchanges[0].route is None
    assert not recorder.exchanges[0].probe


@pytest.mark.parametrize("path", ["/errorsx", "/errors/x", "/Errors", "/x/errors", "//errors"])
def test_every_other_path_is_the_application_s(door: Any, path: str) -> None:
    """A path that is only like ours is not ours."""
    assert door.call(watch(door), path=path).body == b"hello"


def test_by_default_there_is_none(door: Any) -> None:
    """A report that is used alone serves nothing; installed, it does, unless told otherwise."""
    assert door.call(watch(door, path=None), path="/errors").body == b"hello"
    bare = getattr(Shop(), door.name)
    app = midwatch.install(bare, {"log": False})
    assert b'"errors":' in door.call(app, path="/errors").body
    app = midwatch.install(bare, {"log": False, "errors": {"path": False}})
    assert door.call(app, path="/errors").body == b"hello"


def test_the_path_may_be_the_root(door: Any) -> None:
    """A server of its own for operators needs no name for it."""
    app = watch(door, path="/")
    assert b'"errors":' in door.call(app, path="/").body
    assert door.call(app, path="/errors").body == b"hello"


def test_other_methods_are_not_allowed(door: Any) -> None:
    """405 says which are (RFC 9110 section 15.5.6); HEAD is GET without its body."""
    app = watch(door)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = door.call(app, method, "/errors")
        assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")
    head = door.call(app, "HEAD", "/errors")
    assert (head.status, head.body) == (200, b"")
    assert int(head.header("content-length") or 0) > 100


def test_allow_says_who_may_read(door: Any) -> None:
    """Networks and peers without an address, as the settings have it."""
    app = watch(door, allow=["203.0.113.0/24", "unix"])
    bodies = [door.call(app, path="/errors", peer=peer).body for peer in (("203.0.113.9", 1), None, ("127.0.0.1", 1))]
    assert [body == b"hello" for body in bodies] == [False, False, True]


def test_a_refusal_is_logged_once_a_minute(door: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The line names who was refused, and the setting that decides it."""
    app = watch(door)
    for peer in (("203.0.113.1", 1), ("203.0.113.2", 1)):
        door.call(app, path="/errors", peer=peer)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "midwatch"]
    assert "'203.0.113.1'" in line
    assert "errors.allow" in line


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"path": "errors"}, ValueError, "path: 'errors' is not a path"),
        ({"path": "/errors?x"}, ValueError, "is not a path"),
        ({"allow": "10.0.0.0/8"}, TypeError, "one string"),
        ({"allow": ["ten"]}, ValueError, "ten"),
    ],
)
def test_settings_that_cannot_work(options: Any, kind: type[Exception], said: str) -> None:
    """They stop the start."""
    with pytest.raises(kind, match=said.replace("?", r"\?")):
        ErrorReport(**options)


def test_a_thousand_groups_are_told_whole(door: Any) -> None:
    """Nothing is cut but what is forgotten, and that is counted; nothing acts on a terminal."""
    report = ErrorReport(path="/errors", to=[], fingerprint=lambda error, route: str(error))
    for number in range(KEPT + 7):
        report.outside(ValueError(f"{number} \x1b[2J\x9b{'x' * 900}"), "handled", None)
    body = door.call(door.watch(ScriptedApp(), report), path="/errors").body
    told = json.loads(body)
    assert (len(told["errors"]), told["forgotten"]) == (KEPT, 7)
    assert told["errors"][0]["title"].startswith("ValueError: 1006 ")
    assert not any(byte < 32 or byte == 127 for byte in body)
    assert "\x9b".encode() not in body
