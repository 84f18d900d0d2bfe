"""The answer for an application that has none: in which form, with what in it, and what never."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.errors import ErrorReport
from midwatch.errors.problem import LONGEST, negotiated
from midwatch.testing import ScriptedApp
from midwatch.tracing.server import Tracing

CANARY = "swordfish"

FORMS = [
    (None, "application/problem+json"),
    ("", "application/problem+json"),
    ("*/*", "application/problem+json"),
    ("application/problem+json", "application/problem+json"),
    ("application/json", "application/problem+json"),
    ("application/json, text/plain, */*", "application/problem+json"),  # axios
    ("application/*;q=0.3, text/html;q=0.2", "application/problem+json"),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),  # a browser
    ("TEXT/HTML", "text/html; charset=utf-8"),
    ("text/*", "text/html; charset=utf-8"),
    ("text/plain", "text/plain; charset=utf-8"),
    ("text/plain, text/html;q=0.9", "text/plain; charset=utf-8"),
    ("application/json;q=0, text/plain;q=0.1", "text/plain; charset=utf-8"),
    ("image/png", "application/problem+json"),
    ("no media type", "application/problem+json"),
    ("text/html;q=2", "application/problem+json"),
    ("text/html, " * LONGEST, "application/problem+json"),
]


@pytest.fixture
def app(door: Any) -> Any:
    report = ErrorReport(respond="problem+json")
    return door.watch(ScriptedApp(error=ValueError(CANARY)), Tracing(), report)


def ask(door: Any, app: Any, accept: str | None, method: str = "GET") -> Any:
    headers = [("host", "x"), ("x-request-id", "abc-1"), *([] if accept is None else [("accept", accept)])]
    return door.call(app, method, headers=headers)


@pytest.mark.parametrize(("accept", "media_type"), FORMS)
def test_the_client_chooses_the_form(door: Any, app: Any, accept: str | None, media_type: str) -> None:
    """Whatever it prefers, it gets the request id, caches are told, and the exception is not shown."""
    answer = ask(door, app, accept)
    assert (answer.status, answer.header("content-type")) == (500, media_type)
    assert (answer.header("vary"), answer.header("cache-control")) == ("Accept", "no-store")
    assert answer.header("x-request-id") == "abc-1"
    assert b"abc-1" in answer.body
    assert not any(secret in answer.body for secret in (CANARY.encode(), b"ValueError", b"Traceback"))


def test_each_form_in_full(door: Any, app: Any) -> None:
    """What a program, a person in a terminal and one in a browser see."""
    told = json.loads(ask(door, app, None).body)
    assert len(told.pop("trace_id")) == 32
    assert told == {"type": "about:blank", "title": "Internal Server Error", "status": 500, "request_id": "abc-1"}
    assert ask(door, app, "text/plain").body == b"Internal Server Error\nrequest abc-1\n"
    page = ask(door, app, "text/html").body
    assert page.startswith(b"<!doctype html>\n")
    assert b"<h1>Internal Server Error</h1><p>Request <code>abc-1</code></p>" in page


def test_without_an_id_there_is_none(door: Any) -> None:
    """What is unknown is left out, in every form."""
    app = door.watch(ScriptedApp(error=ValueError()), ErrorReport(respond="problem+json"))
    assert ask(door, app, "text/plain").body == b"Internal Server Error\n"
    assert b"<p>" not in ask(door, app, "text/html").body
    assert sorted(json.loads(ask(door, app, None).body)) == ["status", "title", "type"]
    assert sorted(json.loads(negotiated(None).body)) == ["status", "title", "type"]


def test_head_has_the_headers_alone(door: Any, app: Any) -> None:
    """RFC 9110 section 9.3.2."""
    answer, whole = ask(door, app, "text/html", "HEAD"), ask(door, app, "text/html")
    assert (answer.status, answer.body) == (500, b"")
    assert answer.header("content-length") == str(len(whole.body))


def test_a_response_that_has_started_is_left_as_it_is(door: Any) -> None:
    """Nothing can be answered any more."""
    app = ScriptedApp(chunks=(b"a", b"b"), error=ValueError(), error_after=1)
    answer = ask(door, door.watch(app, ErrorReport(respond="problem+json")), "text/html")
    assert (answer.status, answer.body, answer.header("vary")) == (200, b"a", None)


def test_a_websocket_is_not_answered_in_http(websocket: Any) -> None:
    """An application that raises before it accepts: the server refuses the handshake."""
    from midwatch import ASGIMiddleware

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError

    socket = websocket(ASGIMiddleware(app, ErrorReport(respond="problem+json")))
    assert (socket.sent, type(socket.error)) == ([], ValueError)


def test_an_id_is_shown_as_text() -> None:
    """Whatever an application makes its request id, it is not markup."""

    class Asked:
        request_id, trace_id = "<script>", None

        def header(self, name: str) -> str:
            return "text/html"

    body = negotiated(Asked()).body  # type: ignore[arg-type]
    assert b"<script>" not in body
    assert b"&lt;script&gt;" in body


PIECES = ["text/html", "text/plain", "*/*", "application/json", ";", ",", "q=", "0.5", "1e9", '"', "\\", "=", " ", "*"]
pieces = st.sampled_from(PIECES)


@given(st.one_of(st.text(max_size=300), st.lists(pieces, max_size=40).map("".join)))
def test_every_header_is_answered(accept: str) -> None:
    """No Accept header of a stranger's costs the answer."""

    class Asked:
        request_id, trace_id = "a", "b"

        def header(self, name: str) -> str:
            return accept

    reply = negotiated(Asked())  # type: ignore[arg-type]
    assert reply.status == 500
    assert b"a" in reply.body
