"""What checks say, and how it is read."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.health import Result
from midwatch.health.accept import prefers_text
from midwatch.health.asked import asked
from midwatch.health.checks import load
from midwatch.health.group import Member, Report
from midwatch.health.probe import State
from midwatch.health.report import PROFILES, View, reply
from midwatch.health.result import Status, judge, worst


@pytest.mark.parametrize(
    ("value", "status", "output"),
    [
        (None, "pass", None),
        (True, "pass", None),
        (False, "fail", "returned False"),
        ("pass", "pass", None),
        ("OK", "pass", None),
        ("Up", "pass", None),
        (" warn\n", "warn", None),
        ("fail", "fail", None),
        ("ERROR", "fail", None),
        ("down", "fail", None),
        ("unknown", "unknown", None),
        (Result("ok", "well"), "pass", "well"),
        (Result("Down", "no route", 3, "hops"), "fail", "no route"),
        (Status.WARN, "warn", None),
        ("", "fail", "returned nonsense (str)"),
        ("healthy", "fail", "returned nonsense (str)"),
        (1, "fail", "returned nonsense (int)"),
        (0, "fail", "returned nonsense (int)"),
        ([], "fail", "returned nonsense (list)"),
        (("pass", "secret"), "fail", "returned nonsense (tuple)"),
        (Result("fine"), "fail", "returned nonsense (Result)"),
        (Result(None), "fail", "returned nonsense (Result)"),  # type: ignore[arg-type]
        (Result("ok", 3), "fail", "returned nonsense (Result)"),  # type: ignore[arg-type]
        (Result("ok", observed=[]), "fail", "returned nonsense (Result)"),  # type: ignore[arg-type]
        (Result("ok", unit=1), "fail", "returned nonsense (Result)"),  # type: ignore[arg-type]
    ],
)
def test_judge(value: object, status: str, output: str | None) -> None:
    """None and True pass, False fails, a status is a status, anything else is nonsense and fails."""
    reading = judge(value, 0.5)
    assert (reading.status, reading.output) == (status, output)


def test_worst() -> None:
    """The whole is as bad as its worst part; without parts it is well."""
    assert worst([]) is Status.PASS
    assert worst([Status.PASS, Status.WARN, Status.PASS]) is Status.WARN
    assert worst([Status.WARN, Status.FAIL, Status.PASS]) is Status.FAIL


words = st.text(st.characters(), max_size=20)
plain: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.binary() | st.just([])
)
anything = plain | st.builds(Result, st.sampled_from(["pass", "Down"]) | plain, plain, plain, plain)


def reported(name: str, value: object) -> Member:
    """The member of a report for a check that returned *value*."""
    reading = judge(value, 0.1)
    state = State(reading.status, reading.output, reading, 0.0)
    return Member(name, load("it", dir, 1.0), state, reading.status)


@settings(deadline=None)
@given(st.dictionaries(words, anything, max_size=4), st.booleans(), st.sampled_from(list(PROFILES)), st.booleans())
def test_any_value(values: dict[str, Any], near: bool, profile: str, verbose: bool) -> None:
    """Whatever checks return, and whatever they are called, there is a status and a body in each profile."""
    members = tuple(reported(name, value) for name, value in values.items())
    status = worst(member.counts for member in members)
    report = Report("ready", status, members, excluded=tuple(values), unmatched=tuple(values))
    answer = reply(report, View({} if near else None, verbose=verbose, profile=profile))
    warned = profile == "consul" and status is Status.WARN
    assert answer.status == (503 if status is Status.FAIL else 429 if warned else 200)
    assert answer.body
    if profile == "health+json":
        assert answer.body.startswith(f'{{"status":"{status}"'.encode())
    if "json" in answer.media_type:
        json.loads(answer.body)
    else:
        assert all(line.isprintable() for line in answer.body.decode().split("\n"))
    if profile == "consul":
        assert len(answer.body) <= 4096


ranges = st.sampled_from(["text/plain", "text/*", "*/*", "application/json", "application/health+json", "image/png"])


@settings(deadline=None)
@given(st.text())
def test_any_accept(accept: str) -> None:
    """Any header is a yes or a no."""
    assert prefers_text(accept) is ("text/" in accept.lower() and prefers_text(accept))


@settings(deadline=None)
@given(st.lists(ranges, max_size=5), st.integers(0, 1000), st.integers(0, 1000))
def test_weights(others: list[str], text: int, json: int) -> None:
    """The greater weight wins, and JSON among equals."""
    rest = [f"{name};q=0.5" for name in others if name in {"image/png", "*/*"}]
    header = ", ".join([f"text/plain;q={text / 1000}", f"application/health+json; q={json / 1000}",
                        f"application/json;q={json / 1000}", *rest])  # fmt: skip
    assert prefers_text(header) is (text > json)


def test_long_accept() -> None:
    """A header of any length is read in bounded time: what stands far behind does not count."""
    assert not prefers_text("image/png," * 100_000 + "text/plain")


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=1, max_codepoint=255)))
def test_any_query(query: str) -> None:
    """Any query is read, and bounded."""
    found = asked(query)
    assert len(found.exclude) <= 64
    assert found == asked(query)


@settings(deadline=None)
@given(st.lists(words.filter(bool), max_size=5, unique=True), st.booleans())
def test_query(names: list[str], verbose: bool) -> None:
    """What is asked for is found, however it is written."""
    query = urlencode([("exclude", name.encode("utf-8", "surrogatepass")) for name in names])
    found = asked(query + "&verbose" * verbose)
    if all(name.isprintable() for name in names):
        assert found.exclude == tuple(names)
    assert found.verbose is verbose


def test_long_query() -> None:
    """A query of any length is read in bounded time."""
    assert asked("&".join(f"exclude={number}" for number in range(100_000))).exclude == ()
