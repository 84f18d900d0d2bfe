"""Expressions of users that may take long are refused, and those that do not are not."""

from __future__ import annotations

import re
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.redaction import Redactor
from midwatch.redaction.lint import judge


@pytest.mark.parametrize(
    "pattern",
    [
        "CUST-[0-9]{8}", r"\bORD-\d+-\d+\b", r"[\w.+-]+@[\w-]+\.[\w.-]+", r"(?:\d{1,3}\.){3}\d{1,3}",
        "(?i)cust-[0-9a-z]+", r"DE\d{2}(?: ?\d{4}){4} ?\d{2}", "(foo|bar)+", "(a|b)+",
        "a+", r"(?:\w{1,40}\s){1,5}", "x{2}y+z", ".+?x", "x(?=y+)z", r"(?<=ab)\d+",
        r"(?>\d+)\d", "[^@]+@[^@]+", "(?:ab|ac)", r"\d{3}-\d{2}-\d{4}", "a*+b", "(?s:.)x", "(?P<n>a)b",
    ],
)  # fmt: skip
def test_accepted(pattern: str) -> None:
    assert judge(pattern).risk is None
    Redactor(patterns=[pattern])


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a+)+", "nested quantifiers"),
        ("(a*)*b", "repeats what may be nothing"),
        (r"(\w+\s?)*x", "nested quantifiers"),
        ("(a?b?c)+x", "nested quantifiers"),
        ("(?:(?:x*)y)+", "nested quantifiers"),
        ("(?:x+y?){5}", "nested quantifiers"),
        ("((?>(a+)+b))", "nested quantifiers"),
        ("(?=(a+)+b)x", "nested quantifiers"),
        ("(a|aa)+", "alternatives that may match the same"),
        (r"(?:ab|cd|\w\w)+d", "alternatives that may match the same"),
        ("(?:a|)+b", "repeats what may be nothing"),
        (r"\d+\d+", "two of its quantifiers"),
        (".*secret.*", "two of its quantifiers"),
        (r"\d+,?\d+", "two of its quantifiers"),
        (r"(a+|b)a+", "two of its quantifiers"),
        (r"\w+(?:x|y)\w+", "two of its quantifiers"),
        (r"(?i)a+A+", "two of its quantifiers"),
        ("a{0,512}b{0,512}a{1,512}", "two of its quantifiers"),
        (r"(?:\d{1,8}){8}x", "too many ways"),
        ("(?:(?:a{1,16}){1,16}){1,16}x", "too many ways"),
        ("(a|aa|aaa){16}b", "too many ways"),
        ("((()*){16}(a|b)\\w){1,3}", "repeats what may be nothing"),
        ("(?:a?){2}b", "repeats what may be nothing"),
        (r"\w{2,}(?:ab){1,16}", "two of its quantifiers"),
        (r".+\w{16}x", "two of its quantifiers"),
        ("(.)+x", "repeats a group"),
        ("(foo|bar)+x", "repeats a group"),
        ("(?:ab|ac)+d", "repeats a group"),
        (r"[ab]+.*+x", "two of its quantifiers"),
        ("[ab]+?c(?:x|y|.){3}", "too many ways"),
        (r"(a)\1", "refers back"),
        ("(a)?(?(1)b|c)", "refers back"),
        ("(?<=a{3})b", "looks behind with a quantifier"),
        ("x*", "matches where there is nothing"),
        ("", "matches where there is nothing"),
        (r"\b", "matches where there is nothing"),
        ("(?:|x)", "matches where there is nothing"),
    ],
)
def test_refused(pattern: str, reason: str) -> None:
    assert reason in (judge(pattern).risk or "")
    with pytest.raises(ValueError, match=re.escape(reason)):
        Redactor(patterns=["fine", pattern])


def test_the_message_says_which_and_not_what() -> None:
    """An expression may be made of what it is to hide."""
    with pytest.raises(ValueError, match=r"\Apattern 1: it is no regular expression: missing \), unterminated"):
        Redactor(patterns=["fine", "(swordfish"])


parts = st.sampled_from(
    ["a", "b", ".", r"\d", r"\w", "[ab]", "[^a]", "(a)", "(?:ab)", "(a|b)", "(ab|cd)", "+", "*", "?", "{2}", "{1,3}",
     "{2,}", "+?", "*+", "++", "(", ")", "|", "x", "^", "$", r"\b", "(?:", "(?=", "(?i:", "(?>"]
)  # fmt: skip


@given(st.lists(parts, max_size=10).map("".join))
def test_what_is_accepted_takes_no_time(pattern: str) -> None:
    """Whatever is put together: refused, or milliseconds for as much as it will ever be searched in."""
    try:
        redactor = Redactor(patterns=[pattern])
    except ValueError:
        return
    for text in ("a" * 6000, "ab" * 3000, "x" * 3000 + "!", "1" * 6000, "abcd" * 1500 + "\n"):
        start = perf_counter()
        redactor.text(text, 100_000)
        assert perf_counter() - start < 2  # a hang, not a measurement


@pytest.mark.parametrize(
    ("pattern", "square"),
    [
        ("CUST-[0-9]{8}", False),
        ("CUST-[0-9]+", False),
        ("CUST-[0-9]+|ORD-[0-9]+", False),
        (r"\d++x", True),
        ("[a-z]+@", True),
        (r"CUST-\d+\b", True),
        ("(?:a+|b)c", True),
    ],
)
def test_what_grows_with_the_square(pattern: str, square: bool) -> None:
    """Something that may fail comes after a repetition that has no bounds."""
    assert judge(pattern).square is square
