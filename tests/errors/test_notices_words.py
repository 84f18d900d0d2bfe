"""A notice is short, plain, and says what one would ask."""

from __future__ import annotations

import json
import os
import secrets
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.errors.ledger import Sighting
from midwatch.errors.notices import Notice, Summary, Told, Words
from midwatch.errors.notices.chat import slack_text, without_calls
from midwatch.errors.notices.verdicts import Line
from midwatch.logs.safe import encode_line
from midwatch.service import Service

from .people_double import NOON, SERVICE, notice, occurrence, raised
from .test_hostile import Raises as Mute
from .test_hostile import SaysLiar, Strange, generated, long_chain, wide

LONGEST = 4500
"""Characters of a text, whatever happens."""

DAY = 86_400.0


def within(error: Exception) -> BaseException:
    """*error*, through two more frames of ours, and with a cause."""

    def inner() -> None:
        try:
            raise KeyError("price")
        except KeyError as cause:
            raise error from cause

    def outer() -> None:
        inner()

    try:
        outer()
    except Exception as caught:
        return caught
    raise AssertionError


def test_the_first_notice() -> None:
    """What, where, since when, in which process: all on a phone."""
    told = Words(SERVICE, "web-3").told(
        occurrence(within(ValueError("no such order")), where="thread"), Told("first", 1, NOON, 0.0, capped=False)
    )
    assert told.kind == "first"
    assert told.title == "[orders production] ValueError: no such order (first seen)"
    lines = told.text.splitlines()
    assert lines[0] == "Caused by KeyError: 'price'"
    assert lines[1].startswith("Where: ")
    assert "errors/test_notices_words.py:" in lines[1]
    assert lines[1].endswith("in within.<locals>.inner")
    assert lines[2] == "Of: thread"
    assert lines[3] == "Count: 1 since 2023-11-14 22:13:20 UTC"
    assert lines[4] == f"Told by: orders 1.4.2, process {os.getpid()} on web-3; each process counts its own"
    assert lines[5] == "Stack, innermost last:"
    assert [line.rpartition(" in ")[2].rpartition(".")[2] for line in lines[6:9]] == ["within", "outer", "inner"]
    assert lines[9] == f"Fingerprint: {told.fingerprint}"
    assert len(lines) == 10


def test_fields_are_those_of_the_log_line() -> None:
    """By their names, and the kind of notice."""
    told = notice(ValueError("bad"))
    assert told.fields | {"exception.stacktrace": "..."} == {
        "notice": "first",
        "timestamp": "2023-11-14T22:13:20.000000Z",
        "level": "ERROR",
        "message": "ValueError: bad",
        "service.name": "orders",
        "service.version": "1.4.2",
        "deployment.environment.name": "production",
        "host.name": "web-3",
        "process.pid": os.getpid(),
        "error.fingerprint": told.fingerprint,
        "error.count": 1,
        "exception.type": "ValueError",
        "exception.message": "bad",
        "exception.stacktrace": "...",
    }
    assert "test_notices_words" not in told.title


@pytest.mark.parametrize(
    ("told", "title", "count"),
    [
        (Told("count", 100, NOON, 0.0, capped=False), "(100 times)", "Count: 100 since 2023-11-14 22:13:20 UTC"),
        (
            Told("returned", 1, NOON + DAY, 3 * DAY, capped=False),
            "(has come back)",
            "Count: 123 since 2023-11-13 22:13:20 UTC, none in the 3 days before this one",
        ),
    ],
)
def test_further_notices(told: Told, title: str, count: str) -> None:
    """Say how often, or how long it was silent."""
    seen = occurrence(raised(ValueError("bad")), sighting=Sighting(123, NOON - DAY, NOON))
    found = Words(SERVICE).told(seen, told)
    assert found.title.endswith(title)
    assert count in found.text.splitlines()


def test_a_digest() -> None:
    """All kinds with their counts; those that are too many are summed up."""
    lines = [Line(f"v1:{number}", f"Error{number}: x", 100 - number, 200, NOON) for number in range(23)]
    found = Words(SERVICE, "web-3").summary(Summary("digest", lines, 7, 0, NOON), NOON + 600)
    total = sum(range(78, 101)) + 7
    assert found.title == f"[orders production] {total} errors of 23 kinds"
    text = found.text.splitlines()
    assert (
        text[0]
        == f"{total} errors of 23 kinds since 2023-11-14 22:13:20 UTC, besides those that you were told of one by one."
    )
    assert text[2] == "100 x Error0: x"
    assert text[21] == "81 x Error19: x"
    assert text[22] == "237 x 3 other kinds"
    assert text[23] == "7 x kinds that were too many to be remembered"
    assert found.fingerprint is None
    assert found.fields["notice"] == "digest"
    assert found.fields["error.count"] == total
    assert found.fields["errors"][0] == {"error.fingerprint": "v1:0", "message": "Error0: x", "error.count": 100}


def test_what_was_suppressed() -> None:
    """Is said in the title, or in the digest."""
    lines = [Line("v1:1", "ValueError", 1, 1, NOON)]
    words = Words(SERVICE)
    alone = words.summary(Summary("suppressed", lines, 0, 1, NOON), NOON)
    assert alone.title == "[orders production] 1 notice suppressed: 1 error of 1 kind"
    beside = words.summary(Summary("digest", lines, 0, 12, NOON), NOON)
    assert beside.title == "[orders production] 1 error of 1 kind"
    assert "12 notices suppressed, since there were too many in an hour." in beside.text


def check(told: Notice) -> None:
    """What holds for every notice."""
    assert told.title.isprintable()
    assert len(told.title) < 400
    assert len(told.text) < LONGEST
    assert all(line.isprintable() for line in told.text.split("\n"))
    told.whole.encode()
    json.loads(encode_line(told.fields))


@pytest.mark.parametrize(
    "error",
    [
        Mute(),
        SaysLiar(),
        Strange("x"),
        ValueError("two\r\nlines\r\nBcc: x@example.org\r\n\r\nbody"),
        ValueError("a" * (1 << 20)),
        ValueError("\ud800\udfff"),
        ValueError("\u202e gnp.exe \u2028 \x1b[31m\0"),
        generated("a\nb" * 300, "f\ng" * 300),
        long_chain(),
        wide(),
    ],
)
def test_whatever_an_exception_says(error: Exception) -> None:
    """Title and text are printable and short."""
    check(notice(error))


@given(st.text(st.characters(), max_size=300), st.text(st.characters(), max_size=300))
def test_any_text(message: str, name: str) -> None:
    """Title and text are printable and short, whatever the service is called."""
    seen = occurrence(raised(ValueError(message)))
    words = Words(Service(name, name, name, ((name, name),)), name)
    check(words.told(seen, Told("first", 1, NOON, 0.0, capped=False)))
    check(words.summary(Summary("digest", [Line(name, message, 1, 1, NOON)], 0, 0, NOON), NOON))


def test_secrets_are_masked() -> None:
    """In title, text and fields; and variables are in none of them."""
    canary = secrets.token_hex()

    def fails(password: str) -> None:
        raise ValueError(f"cannot reach postgresql://shop:{canary}@db/shop")

    try:
        fails(canary)
    except ValueError as error:
        told = notice(error)
    assert "postgresql://" in told.title
    assert canary not in encode_line({"title": told.title, "text": told.text, **told.fields})


def test_a_request_is_named(door: Any) -> None:
    """By its route, its id and its trace."""
    from midwatch import ErrorReport, Tracing
    from midwatch.testing import ScriptedApp

    found: list[Notice] = []

    class Keeps:
        def take(self, seen: Any) -> None:
            found.append(Words(SERVICE).told(seen, Told("first", 1, NOON, 0.0, capped=False)))

        def close(self, deadline: float) -> None: ...

    app = ScriptedApp(error=ValueError("bad"))
    door.call(
        door.watch(app, Tracing(), ErrorReport(to=[Keeps()])),
        path="/orders/1\nFingerprint: forged",
        headers=[("host", "x"), ("x-request-id", "abc-1")],
    )
    (told,) = found
    lines = told.text.splitlines()
    assert "Request: GET /orders/1\\nFingerprint: forged" in lines
    assert "Request id: abc-1" in lines
    assert f"Trace: {told.fields['trace_id']}" in lines
    assert told.fields["http.request.method"] == "GET"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a & b <c>", "a &amp; b &lt;c&gt;"),
        ("<!channel> look", "&lt;\u200b!channel&gt; look"),
        (
            "@Everyone @here me@here.example @all @alley",
            "@\u200bEveryone @\u200bhere me@\u200bhere.example @\u200ball @alley",
        ),
    ],
)
def test_nobody_is_called_by_a_strangers_words(text: str, expected: str) -> None:
    """In a chat; what has a meaning there is escaped."""
    assert slack_text(text) == expected


@given(st.text())
def test_text_for_a_chat_reads_the_same(text: str) -> None:
    """Escaped, there is no markup left; but for spaces without width, nothing is changed."""
    found = slack_text(text)
    assert "<" not in found
    assert ">" not in found
    plain = found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert plain.replace("\u200b", "") == text.replace("\u200b", "")
    assert without_calls(without_calls(text)) == without_calls(text)
