"""What an exception says is bounded, printable, and without the secrets that messages are known to carry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.errors.text import one_line, shown

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAK\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("401 for Bearer abc123.def-456", "401 for Bearer [redacted]"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic [redacted]"),
        ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "got [redacted]"),
        (f"bad key {PEM} here", "bad key [redacted] here"),
        (f"bad key {PEM[:50]}", "bad key [redacted]"),
        ("cannot reach postgresql://shop:s3cr@t@db:5432/shop", "cannot reach postgresql://[redacted]@db:5432/shop"),
        ("https://key@bugs.example/1 is down", "https://[redacted]@bugs.example/1 is down"),
        ("host=db password=swordfish port=5", "host=db password=[redacted] port=5"),
        ("host=db password='sword fish' port=5", "host=db password=[redacted] port=5"),
        ("{'user': 'me', 'api_key': 'sword fish'}", "{'user': 'me', 'api_key': [redacted]}"),
        ('{"client_secret": "sword, fish"}', '{"client_secret": [redacted]}'),
        ("password='swordfish", "password=[redacted]"),
    ],
)
def test_secrets_are_masked(text: str, expected: str) -> None:
    """Known kinds of credentials do not leave with a message."""
    assert shown(text, 1000) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Bearer authentication failed",
        "basic configuration is missing",
        "unexpected token: '}'",
        "GET https://example.org/a@b failed",
        "mail to ops@example.org bounced",
        "-----BEGIN CERTIFICATE-----",
        "two\nlines\tand more",
    ],
)
def test_prose_is_left_alone(text: str) -> None:
    """What only looks like a credential stays readable."""
    assert shown(text, 1000) == text


@pytest.mark.parametrize("before", range(60, 100))
def test_a_secret_that_straddles_the_limit_is_masked(before: int) -> None:
    """The text is cut after it was masked."""
    text = shown("x" * before + " postgresql://shop:swordfish@db/shop", 100)
    assert "sword" not in text


@given(st.text(st.characters()), st.integers(0, 50))
def test_any_text_is_bounded_and_can_be_carried(text: str, limit: int) -> None:
    """What is shown is UTF-8 without control characters, and no longer than asked for."""
    found = shown(text, limit)
    assert len(found) <= limit + 1
    found.encode()
    assert not set(found) & {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))}


def test_text_that_is_short_enough_is_itself() -> None:
    """Nothing is changed without need."""
    assert shown("naïve – ß", 9) == "naïve – ß"
    assert shown("0123456789", 9) == "012345678…"


def test_one_line_shows_line_ends() -> None:
    """A message of several lines cannot forge another one."""
    assert one_line("a\nb\tc", 10) == "a\\nb\\tc"
    assert one_line("abcdef", 3) == "abc…"
