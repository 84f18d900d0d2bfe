"""Headers: only those that are allowed, and none that is a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.redaction import DEFAULT, Redactor, shown_headers


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("authorization", "Basic dXNlcjpwYXNz", "[REDACTED]"),
        ("Cookie", "theme=dark", "[REDACTED]"),
        ("X-API_Key", "a", "[REDACTED]"),
        ("x-tenant", "acme", "acme"),
        ("referer", "https://x.example/?code=abc&a=1", "https://x.example/?code=[redacted]&a=1"),
        ("location", "https://me:swordfish@x.example/", "https://[redacted]@x.example/"),
        ("x-forwarded-uri", "/?token=abc", "/?token=[redacted]"),
        ("x-note", "Bearer abc123.DEF", "Bearer [redacted]"),
        ("x-empty", "", ""),
        ("x-odd", "a\x1c\xff", "a\x1c\xff"),
    ],
)
def test_one_header(name: str, value: str, shown: str) -> None:
    assert DEFAULT.header(name, value) == shown


def test_what_is_long_is_cut() -> None:
    assert DEFAULT.header("x-tenant", "a" * 5000) == "a" * 1024
    assert DEFAULT.header("x-tenant", "a" * 5000, 9) == "a" * 9


def test_those_that_are_allowed() -> None:
    """By name in lower case, bytes as servers have them; a secret is hidden although it was allowed."""
    headers: list[tuple[str | bytes, str | bytes]] = [
        (b"Host", b"x"),
        (b"Authorization", b"Basic abc"),
        ("Accept", "a"),
        ("accept", "b"),
        ("x-other", "c"),
    ]
    assert shown_headers(headers, DEFAULT, {"host", "authorization", "accept"}) == {
        "host": "x",
        "authorization": "[REDACTED]",
        "accept": "a, b",
    }
    assert shown_headers(headers, DEFAULT) == {"host": "x", "accept": "a, b"}


def test_the_users_functions() -> None:
    redactor = Redactor(calls=[lambda name, value: None if name == "x-tenant" else value])
    assert redactor.header("x-tenant", "acme") == "[REDACTED]"
    assert redactor.header("x-other", "acme") == "acme"


@given(st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=30)), max_size=20))
def test_any_headers(headers: list[tuple[bytes, bytes]]) -> None:
    shown = shown_headers([*headers, (b"cookie", b"s3cret")], DEFAULT, {"cookie", "a", ""})
    assert set(shown) <= {"cookie", "a", ""}
    assert "s3cret" not in shown["cookie"]


def test_many_headers_are_bounded() -> None:
    """Of one message no more than 64 are shown, however many are allowed."""
    names = {f"x-{number}" for number in range(100)}
    assert len(shown_headers([(name, "a") for name in names], DEFAULT, names)) == 64
    assert len(shown_headers([("x-1", "a" * 100)] * 10_000, DEFAULT, names)["x-1"]) <= 1024
