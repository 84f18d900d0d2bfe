"""Bodies of requests in their lines: only if asked for, only what was read, only text, and no secrets."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import midwatch
from midwatch import RequestLog
from midwatch.logs.body import BodyCapture
from midwatch.testing import call_asgi, call_wsgi
from midwatch.wsgi.input import Input

FIELD = "http.request.body.content"


class Reader:
    """An application that reads its body in pieces, all of it or some."""

    def __init__(self, pieces: int | None = None, size: int = 3) -> None:
        self.read = b""
        self._pieces, self._size = pieces, size

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        if self._pieces != 0:
            message = await receive()
            self.read += message["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    def wsgi(self, environ: Any, start_response: Any) -> Any:
        while self._pieces is None or self._pieces > 0:
            piece = environ["wsgi.input"].read(self._size)
            if not piece:
                break
            self.read += piece
            self._pieces = None if self._pieces is None else self._pieces - 1
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]


@pytest.fixture
def post(door: Any) -> Any:
    def call(body: bytes, media_type: str | None = "application/json", limit: int = 100, **options: Any) -> Reader:
        reader = Reader(**options)
        app = door.watch(getattr(reader, door.name), BodyCapture(limit), RequestLog())
        headers = [("host", "h")] if media_type is None else [("host", "h"), ("content-type", media_type)]
        door.call(app, "POST", "/", body=body, headers=headers)
        return reader

    return call


def test_what_the_application_reads_is_shown(post: Any, lines: Any) -> None:
    """The application gets every byte, in the pieces it asked for."""
    body = b'{"item": "book", "count": 2}'
    assert post(body).read == body
    assert json.loads(lines.one[FIELD]) == {"item": "book", "count": 2}


def test_off_by_default(door: Any, lines: Any) -> None:
    """Without BodyCapture nothing of a body is kept."""
    reader = Reader()
    app = door.watch(getattr(reader, door.name), RequestLog())
    door.call(app, "POST", "/", body=b"{}", headers=[("host", "h"), ("content-type", "application/json")])
    assert FIELD not in lines.one


def test_what_is_not_read_is_not_shown(post: Any, lines: Any) -> None:
    """Nothing is read ahead."""
    assert post(b'{"a": 1}', pieces=0).read == b""
    assert FIELD not in lines.one


def test_a_long_body_is_cut_visibly(post: Any, lines: Any) -> None:
    """No more is kept than is shown."""
    body = b"x" * 1000
    assert post(body, "text/plain", limit=10).read == body
    assert lines.one[FIELD] == "x" * 10 + "…"


@pytest.mark.parametrize(
    ("media_type", "shown"),
    [
        ("application/json", True),
        ("application/vnd.api+json; charset=utf-8", True),
        ("APPLICATION/JSON", True),
        ("application/x-www-form-urlencoded", True),
        ("text/plain", True),
        ("application/xml", True),
        ("application/octet-stream", False),
        ("multipart/form-data; boundary=x", False),
        ("image/png", False),
        ("application/jsonp", False),
        (None, False),
    ],
)
def test_only_text_is_shown(post: Any, lines: Any, media_type: str | None, shown: bool) -> None:
    """By what the request says that it is."""
    post(b"abc", media_type)
    assert (FIELD in lines.one) is shown


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b'{"user": "ada", "password": "hunter2"}', "application/json"),
        (b'{"deep": [{"client_secret": "hunter2"}]}', "application/json"),
        (b"user=ada&password=hunter2", "application/x-www-form-urlencoded"),
        (b"user=ada&pass%77ord=hunter2", "application/x-www-form-urlencoded"),
        (b'{"password": "hunter2", "cut off', "application/json"),
        (b"password=hunter2", "text/plain"),
    ],
)
def test_secrets_are_hidden(post: Any, lines: Any, body: bytes, media_type: str) -> None:
    """By the names of fields; where a body is no JSON after all, by what the text says."""
    post(body, media_type)
    assert "hunter2" not in lines.texts[0]
    assert FIELD in lines.one


@given(body=st.binary(max_size=300), media_type=st.sampled_from(["application/json", "text/x", "application/xml"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_one_valid_line(lines: Any, body: bytes, media_type: str) -> None:
    """Whatever strangers send."""
    for call, kind, name in (
        (call_asgi, midwatch.ASGIMiddleware, "asgi"),
        (call_wsgi, midwatch.WSGIMiddleware, "wsgi"),
    ):
        lines.queued.clear()
        reader = Reader()
        app: Any = kind(getattr(reader, name), BodyCapture(64), RequestLog())
        call(app, "POST", "/", body=body, headers=[("host", "h"), ("content-type", media_type)])
        assert reader.read == body
        assert len(lines.one.get(FIELD, "")) <= 64 * 6 + 1


def test_every_way_to_read_a_wsgi_body_is_seen() -> None:
    """read, readline, readlines and iteration (PEP 3333); everything else is the server's stream."""
    seen: list[bytes] = []
    stream: Any = Input(io.BytesIO(b"a\nb\nc\nd\ne\n"), seen.append)
    assert stream.read(2) == b"a\n"
    assert stream.readline() == b"b\n"
    assert next(iter(stream)) == b"c\n"
    assert stream.readlines() == [b"d\n", b"e\n"]
    assert b"".join(seen) == b"a\nb\nc\nd\ne\n"
    assert stream.seekable()
