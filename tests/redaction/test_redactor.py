"""The redactor as others use it: text within limits, what the user adds, errors and spans."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch import ErrorReport, Tracing
from midwatch.errors.describe import describe
from midwatch.errors.frames import is_in_app
from midwatch.redaction import DEFAULT, Redactor
from midwatch.testing import ScriptedApp
from midwatch.tracing import Captured, Span

CANARY = "s3cr3tC4n4ry"
JWT = "eyJhbGciOiJIUzI1NiJ9." + "x" * 500


class Odd:
    def __str__(self) -> str:
        raise RuntimeError(CANARY)


# Limits


@pytest.mark.parametrize("length", range(40, 140, 7))
@pytest.mark.parametrize(
    "secret",
    [f" x://me:{CANARY}@host ", f" password={CANARY} ", f" Bearer {CANARY} ", " 4111 1111 1111 1111 ", f" {JWT} "],
)
def test_a_secret_that_straddles_the_limit(secret: str, length: int) -> None:
    shown = DEFAULT.text("x" * length + secret + "y" * 5000, 100)
    assert len(shown) <= 101
    assert not {CANARY[:4], "4111", "eyJh"} & {shown[at : at + 4] for at in range(len(shown))}


def test_what_is_read_beyond_the_limit_is_never_shown() -> None:
    """Masks are short: what follows them moves up, up to a secret that was cut where reading ended."""
    for padding in range(400, 700, 11):
        text = f"{JWT} {JWT} {'y' * padding} x://me:{CANARY}@host"
        shown = DEFAULT.text(text[:2000] + "z" * 5000, 600)
        assert CANARY[:4] not in shown
        assert shown.endswith("…")


def test_text_of_anything() -> None:
    """An object is what it says, or that it says nothing."""
    assert DEFAULT.text(ValueError(f"token={CANARY}"), 100) == "token=[redacted]"
    assert DEFAULT.text(b"token=a \xff", 100) == r"token=[redacted] \xff"
    assert DEFAULT.text(None, 100) == "None"
    assert DEFAULT.text(Odd(), 100).endswith("Odd that raises RuntimeError>")
    assert DEFAULT.text("a\x00\ud800\x1b\nb", 100) == "a\\x00?\\x1b\nb"


@given(st.text(max_size=200), st.integers(0, 60))
def test_text_is_bounded_and_stays(text: str, limit: int) -> None:
    """No longer than asked for and a mark; shown once more, it is the same."""
    shown = DEFAULT.text(text, limit)
    assert len(shown) <= limit + 1
    assert DEFAULT.text(shown, limit + 1) == shown
    shown.encode()


# What the user adds


def test_patterns() -> None:
    """What they find is hidden, everywhere, whole although the text is cut."""
    redactor = Redactor(patterns=["CUST-[0-9]{8}", "(?i)internal [a-z]+"])
    assert redactor.text("CUST-12345678 is INTERNAL stuff", 100) == "[redacted] is [redacted]"
    assert redactor.header("x-customer", "CUST-12345678") == "[redacted]"
    assert redactor.field("n", {"c": ["CUST-12345678"]}) == {"c": ["[redacted]"]}
    assert redactor.query("c=CUST-12345678&d=1") == "c=REDACTED&d=1"
    assert redactor.source("x = 'CUST-12345678'", 100) == "x = '[redacted]'"
    shown = redactor.text("x" * 5000 + " CUST-12345678" + "y" * 10_000, 5005)
    assert shown.startswith("x" * 5000)
    assert "CUST" not in shown


def test_patterns_that_take_the_square_see_short_texts() -> None:
    """With one of those, no text is shown further than it was searched in."""
    redactor = Redactor(patterns=["CUST-[0-9]{8}", "[a-z]+@x"])
    shown = redactor.text("x" * 1020 + " CUST-12345678" + "y" * 10_000, 100_000)
    assert 1000 < len(shown) <= 1025
    assert "CUST" not in shown


def test_names() -> None:
    redactor = Redactor(names=["X-Internal-User"])
    assert redactor.text("GET /?x_internal_user=ann&a=1", 100) == "GET /?x_internal_user=[redacted]&a=1"
    assert redactor.header("x-internal-user", "ann") == "[REDACTED]"
    assert redactor.fields({"xInternalUser": "ann", "user": "bob"}) == {"xInternalUser": "[redacted]", "user": "bob"}
    assert redactor.query("x-internal-user=ann") == "x-internal-user=REDACTED"
    assert redactor.hides("x-internal-user")
    assert not DEFAULT.hides("x-internal-user")


# Errors


def refused(message: str, password: str) -> KeyError:
    return KeyError(message)


def failed(secret: str) -> BaseException:
    """An exception with *secret* wherever an exception can carry one."""
    local = {"password": secret}
    assert local

    def member(number: int) -> Exception:
        error = ValueError(f"member {number}: api_key={secret}")
        error.add_note(f"Cookie: sid={secret}")
        return error

    try:
        try:
            raise refused(f"Bearer {secret}", password="l1teralS3cret")
        except KeyError as error:
            raise ExceptionGroup(f"x://me:{secret}@db", [member(1), member(2)]) from error
    except ExceptionGroup as error:
        error.add_note(f"-----BEGIN PRIVATE KEY-----\n{secret}")
        return error


def test_no_part_of_an_error_tells_a_secret() -> None:
    """Message, notes, cause, members, and what is written in the source; never a local variable."""
    fields = describe(failed(CANARY), is_in_app)
    text = json.dumps(fields)
    assert CANARY not in text
    assert "l1teralS3cret" not in text
    assert 'secret}", password=[redacted])\n' in fields["exception.stacktrace"]
    assert fields["exception.chain"][0]["message"] == "'Bearer [redacted]'"
    assert fields["exception.group"]["members"][0]["message"] == "member 1: api_key=[redacted]"


def test_errors_obey_the_users_redactor(door: Any) -> None:
    """In all that a destination is handed."""
    seen: list[Any] = []

    class Keeps:
        def take(self, occurrence: Any) -> None:
            seen.extend((occurrence.title, occurrence.described, occurrence.request))

        def close(self, deadline: float) -> None: ...

    error = ValueError("CUST-12345678 failed")
    error.add_note("CUST-12345678")
    redactor = Redactor(patterns=["CUST-[0-9]{8}"])
    app = door.watch(ScriptedApp(error=error), ErrorReport(to=[Keeps()], redactor=redactor))
    door.call(app, path=f"/reset/{JWT[:30]}")
    assert "CUST" not in json.dumps(seen)
    assert JWT[:30] not in json.dumps(seen)
    assert seen[0] == "ValueError: [redacted] failed"


# Spans


def test_spans_obey_the_users_redactor(door: Any) -> None:
    """Query, headers, exceptions and what a status says."""
    spans: list[Span] = []
    redactor = Redactor(["iban"], ["CUST-[0-9]{8}"])
    error = ValueError(f"CUST-12345678 token={CANARY}")
    captured = Captured(["x-note", "x-iban"], redactor=redactor)
    app = door.watch(ScriptedApp(error=error), Tracing(to=[spans.append], captured=captured, redactor=redactor))
    headers = [("host", "x"), ("x-note", "CUST-12345678"), ("x-iban", "DE")]
    door.call(app, query="iban=DE&c=CUST-12345678&a=1", headers=headers)
    (span,) = spans
    assert span.attributes["url.query"] == "iban=REDACTED&c=REDACTED&a=1"
    assert span.attributes["http.request.header.x-note"] == ["[redacted]"]
    assert span.attributes["http.request.header.x-iban"] == ["[REDACTED]"]
    (event,) = span.events
    assert event.attributes is not None
    assert event.attributes["exception.message"] == "[redacted] token=[redacted]"
    assert CANARY not in str(event.attributes)
    assert "CUST" not in str(event.attributes)


def test_the_status_of_a_span_tells_no_secret(door: Any) -> None:
    """Libraries put the message of an exception there."""
    from opentelemetry.trace import StatusCode

    spans: list[Span] = []
    Tracing(to=[spans.append])
    from midwatch.tracing import TracerProvider

    with TracerProvider().get_tracer("x").start_as_current_span("job") as span:
        span.set_status(StatusCode.ERROR, f"OSError: password={CANARY}")
        span.record_exception(failed(CANARY))
    assert spans[0].status_description == "OSError: password=[redacted]"
    assert CANARY not in str([event.attributes for event in spans[0].events])
