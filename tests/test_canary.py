"""
A secret in more than twenty places, and every byte that leaves the process: it is in none of them.

Every kind of destination is a real socket or a real file; what is put into requests, exceptions, settings and log calls
is what people have found in their logs.
"""

from __future__ import annotations

import base64
import json
import logging
import urllib.parse
from typing import TYPE_CHECKING, Any

import flask
import pytest
from fastapi import FastAPI, Request, Response

import midwatch
from midwatch.settings import load
from midwatch.testing import call_asgi, call_wsgi

from .ears import Ears

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CANARY = "cAnary7hunter2Xyz"
OURS = "sEttings7secret9Abc"
"""What the settings hold: it may go to the one server that asks for it."""

JWT = f"eyJhbGciOiJIUzI1NiJ9.{base64.urlsafe_b64encode(CANARY.encode()).decode().rstrip('=')}.{CANARY}"

HEADERS = [
    ("host", "shop.example"),
    ("authorization", f"Bearer {CANARY}"),
    ("cookie", f"session={CANARY}"),
    ("x-api-key", CANARY),
    ("proxy-authorization", f"Basic {base64.b64encode(CANARY.encode()).decode()}"),
    ("x-tenant", f"acme token={CANARY}"),
    ("content-type", "application/json"),
]
NAMES = ["authorization", "cookie", "x-api-key", "proxy-authorization", "x-tenant", "referer"]

QUERY = f"page=2&token={CANARY}&pass%77ord={CANARY}&next=https%3A%2F%2Fada%3A{CANARY}%40host%2F&code={CANARY}&x={JWT}"

BODY = json.dumps({"user": "ada", "password": CANARY, "card": {"client_secret": CANARY}, "note": f"Bearer {CANARY}"})


def break_down() -> None:
    """Raise something that tells secrets in every part of it."""
    local = CANARY
    midwatch.log({"password": CANARY, "deep": [{"api_key": CANARY}], "url": f"amqp://ada:{CANARY}@queue/1"})
    logger = logging.getLogger("app")
    logger.warning("login with password=%s failed", CANARY, extra={"access_token": CANARY, "note": f"Bearer {CANARY}"})
    try:
        try:
            raise KeyError(f"Authorization: Bearer {CANARY}")
        except KeyError:
            raise OSError(f"postgresql://app:{CANARY}@db/orders refused") from None
    except OSError as error:
        member = ValueError(f"api_key={CANARY}")
        member.add_note(f"secret: '{CANARY}'")
        group = ExceptionGroup(f"token={CANARY}", [member, RuntimeError(f"jwt {JWT}")])
        group.add_note(f"password={CANARY}")
        password = "cAnary7hunter2Xyz"  # noqa: F841 - a literal in the line that fails, and in those around it
        raise group from RuntimeError(f"{{'password': '{local}'}} {error}")


def fastapi_app() -> Any:
    app = FastAPI()

    @app.post("/orders")
    async def orders(request: Request, response: Response) -> dict[str, str]:
        await request.body()
        with midwatch.span("pay") as span:
            span.record_exception(ValueError(f"password={CANARY}"))
        break_down()
        return {}

    @app.post("/login")
    async def login(request: Request, response: Response) -> dict[str, str]:
        await request.body()
        response.headers["set-cookie"] = f"session={CANARY}"
        return {}

    return app


def flask_app() -> Any:
    app = flask.Flask("shop")

    @app.post("/orders")
    def orders() -> dict[str, str]:
        flask.request.get_data()
        with midwatch.span("pay") as span:
            span.record_exception(ValueError(f"password={CANARY}"))
        break_down()
        return {}

    @app.post("/login")
    def login() -> Any:
        flask.request.get_data()
        return {}, 200, {"set-cookie": f"session={CANARY}"}

    return app


@pytest.fixture
def ears() -> Iterator[Ears]:
    with Ears() as ears:
        yield ears


def settings_for(ears: Ears, tmp_path: Path) -> dict[str, Any]:
    def at(name: str, kind: str) -> str:
        return f"127.0.0.1:{ears.port(name, kind)}"

    return {
        "trace": {
            "to": [
                f"otlp://{at('otlp', 'http')}?header.x-key={OURS}",
                f"zipkin://ada:{OURS}@{at('zipkin', 'http')}",
                f"file://{tmp_path}/spans.jsonl",
            ],
            "request_headers": NAMES,
            "response_headers": ["set-cookie"],
        },
        "log": {
            "to": [
                "stdout",
                f"file://{tmp_path}/log.jsonl",
                f"syslog+tcp://{at('syslog', 'bytes')}",
                f"fluentd://{at('fluentd', 'bytes')}?ack=0&compression=none",
            ],
            "query": ["page", "token", "next"],
            "request_headers": NAMES,
            "response_headers": ["set-cookie"],
            "body_bytes": 4096,
        },
        "errors": {
            "to": [
                "log",
                f"sentry+http://{OURS}@{at('sentry', 'http')}/1",
                f"smtp://ada:{OURS}@{at('smtp', 'smtp')}/ops@example.org?starttls=no",
                f"webhook+http://{at('webhook', 'http')}/hook/{OURS}",
                f"json://ada:x@127.0.0.1:{ears.port('apprise', 'http')}/{OURS}",
            ],
        },
        "audit": {"to": f"file://{tmp_path}/audit.jsonl"},
    }


def forms(secret: str) -> list[bytes]:
    """The secret as it is, and as encodings would have it."""
    encoded = base64.b64encode(secret.encode())
    return [secret.encode(), encoded, urllib.parse.quote(secret).encode(), secret[:10].encode(), secret.encode()[::-1]]


@pytest.mark.filterwarnings("ignore:'imghdr'")  # imported by Apprise
@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_no_byte_that_leaves_holds_it(
    framework: str, ears: Ears, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Requests that fail and requests that do not, through every destination at once."""
    settings = settings_for(ears, tmp_path)
    app = midwatch.install(fastapi_app() if framework == "fastapi" else flask_app(), settings)
    call: Any = call_asgi if framework == "fastapi" else call_wsgi
    for path in ("/orders", "/login"):
        call(app, "POST", path, query=QUERY, headers=HEADERS, body=BODY.encode())
    errors = call(app, path="/errors").body
    metrics = call(app, path="/metrics").body
    assert midwatch.flush(20)
    for name in ears.heard:
        ears.until(name, b"orders")

    left = dict(ears.heard)
    for file in tmp_path.glob("*.jsonl"):
        left[file.name] = file.read_bytes()
    out, err = capfd.readouterr()
    left |= {"stdout": out.encode(), "stderr": err.encode(), "errors": errors, "metrics": metrics}
    left["repr"] = repr(load(settings)).encode()
    told = ["otlp", "zipkin", "syslog", "fluentd", "sentry", "smtp", "webhook", "spans.jsonl", "log.jsonl"]
    assert [name for name in told if b"orders" not in left[name]] == [], "everything was told of the request"
    for name, data in left.items():
        found = [form for form in forms(CANARY) if form in data]
        where = [data[max(0, data.find(form) - 120) : data.find(form) + 40] for form in found]
        assert not found, f"{name}: {where}"
    own = {"apprise", "otlp", "zipkin", "sentry", "smtp", "webhook"}
    assert [name for name in left.keys() - own if any(form in left[name] for form in forms(OURS)[:2])] == []


def test_the_ears_hear(ears: Ears) -> None:
    """So that silence means something."""
    import socket

    with socket.create_connection(("127.0.0.1", ears.port("plain", "bytes"))) as sock:
        sock.sendall(CANARY.encode())
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    assert ears.heard["plain"] == CANARY.encode()
