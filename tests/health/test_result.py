"""What checks say, and how it is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.health import Result
from midwatch.health.accept import prefers_text
from midwatch.health.report import Report, View, reply
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


@settings(deadline=None)
@given(st.dictionaries(words, anything, max_size=4), st.booleans())
def test_any_value(values: dict[str, Any], near: bool) -> None:
    """Whatever checks return, and whatever they are called, there is a status and a body."""
    readings = tuple((name, judge(value, 0.1)) for name, value in values.items())
    status = worst(reading.status for _, reading in readings)
    answer = reply(Report(status, readings), View({} if near else None, text=False, allow=False))
    assert answer.status == (503 if status is Status.FAIL else 200)
    assert answer.body.startswith(f'{{"status":"{status}"'.encode())


ranges = st.sampled_from(["text/plain", "text/*", "*/*", "application/json", "application/health+json", "image/png"])


@given(st.text())
def test_any_accept(accept: str) -> None:
    """Any header is a yes or a no."""
    assert prefers_text(accept) is ("text/" in accept.lower() and prefers_text(accept))


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
