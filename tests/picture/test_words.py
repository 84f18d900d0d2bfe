"""Numbers and names as a person may see them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.picture.span import Span
from midwatch.picture.words import clean, columns, counted, duration, fit, moment


@pytest.mark.parametrize(
    ("nanoseconds", "words"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1.00 µs"),
        (9_996, "10.0 µs"),
        (99_960, "100 µs"),
        (999_400, "999 µs"),
        (999_600, "1.00 ms"),
        (12_345_678, "12.3 ms"),
        (1_234_567_890, "1.23 s"),
        (59_900_000_000, "59.9 s"),
        (59_999_999_999, "1 min 00 s"),
        (61_000_000_000, "1 min 01 s"),
        (86_400_000_000_000, "1440 min"),
        (2**63 - 1, "153722867 min"),
    ],
)
def test_duration(nanoseconds: int, words: str) -> None:
    """Three digits, in the unit that fits, also where rounding changes the unit."""
    assert duration(nanoseconds) == words


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(1_763_899_200_000_001_999, "2025-11-23T12:00:00.000001Z"), (0, ""), (2**63 - 1, "2262-04-11T23:47:16.854775Z")],
)
def test_moment(nanoseconds: int, text: str) -> None:
    """RFC 3339; nothing for what is unknown."""
    assert moment(nanoseconds) == text
    assert moment(10**30) == ""


def test_counted() -> None:
    """One is one."""
    assert [counted(1, "span"), counted(0, "span"), counted(12345, "span")] == ["1 span", "0 spans", "12 345 spans"]


def test_clean() -> None:
    """Control characters, directions and halves of characters are seen, not obeyed."""
    assert clean("a\x1b[0m\u202e\ud800\u200b字 é") == "a�[0m���字 é"
    assert clean("a\tb\nc\x85") == "a b c "
    assert clean("a\tb\nc\x85", lines=True) == "a\tb\nc "


@given(st.text(max_size=60), st.integers(0, 40))
def test_fit(text: str, width: int) -> None:
    """Exactly as wide as asked, whatever it is made of."""
    fitted = fit(clean(text), width)
    assert columns(fitted) == width
    assert columns(fit(clean(text), width, "...")) == width


def test_fit_marks_what_it_cut() -> None:
    """What is cut ends visibly, and wide characters are not cut in two."""
    assert fit("abcdef", 4) == "abc…"
    assert fit("字字字", 4) == "字… "
    assert fit("a" + "\u0301" * 3, 2) == "a" + "\u0301" * 3 + " "


@pytest.mark.parametrize(
    ("name", "kind", "attributes", "label"),
    [
        ("GET /items", "server", {"url.path": "/items/7"}, "GET /items"),
        ("GET", "server", {"url.path": "/items/7"}, "GET /items/7"),
        ("GET", "server", {}, "GET"),
        ("GET", "client", {"url.full": "https://u:p@h:1/a?b=c#d"}, "GET h:1/a"),
        ("GET", "client", {"http.url": "http://h/a"}, "GET h/a"),
        ("GET", "client", {"server.address": "h"}, "GET h"),
        ("task", "internal", {"url.path": "/x"}, "task"),
        ("", "", {}, "?"),
    ],
)
def test_label(name: str, kind: str, attributes: dict[str, str], label: str) -> None:
    """A name that is only a method says what was asked, without what may be secret."""
    assert Span("", "", name=name, kind=kind, attributes=attributes).label == label
