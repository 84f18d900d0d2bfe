"""What is read out of logs: every flavour, nothing of a stranger's that acts, bounded whatever there is."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch import ErrorReport, Tracing
from midwatch.errors.history import Groups, Seen, seen_in
from midwatch.errors.history.details import described, document
from midwatch.errors.history.groups import OTHERS, ROUTES, TRACES
from midwatch.errors.history.table import table
from midwatch.logs import JsonFormatter
from midwatch.picture.screen import Screen
from midwatch.picture.words import columns
from midwatch.service import Service
from midwatch.testing import ScriptedApp

NAMES = {"otel": "trace_id", "ecs": "trace.id", "gcp": "logging.googleapis.com/trace", "datadog": "dd.trace_id"}


class Written(logging.Handler):
    """Keeps each line as bytes."""

    def __init__(self, flavour: str) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter(Service("shop"), fields=flavour, project="p"))
        self.lines: list[bytes] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record).encode())


def written(flavour: str, door: Any) -> bytes:
    """The line that a real error leaves."""
    handler = Written(flavour)
    logger = logging.getLogger("midwatch.error")
    logger.addHandler(handler)
    try:
        report = ErrorReport(service=Service("shop"), clock=lambda: 1_700_000_000.25)
        app = door.watch(ScriptedApp(before=lambda: print(int("seven"))), Tracing(), report)
        door.call(app, "POST", "/orders/7", headers=[("host", "x"), ("x-request-id", "abc-1")])
    finally:
        logger.removeHandler(handler)
    (line,) = handler.lines
    return line


@pytest.mark.parametrize("flavour", NAMES)
def test_every_flavour_is_read(flavour: str, door: Any) -> None:
    """What was written is what is read, whatever the fields are called."""
    line = written(flavour, door)
    seen = seen_in(line)
    assert seen is not None
    trace_id = json.loads(line)[NAMES[flavour]].removeprefix("projects/p/traces/")
    assert len(trace_id) == 32 or flavour == "datadog"
    assert seen._replace(fingerprint="", stack="", culprit="") == Seen(
        fingerprint="",
        time=1_700_000_000_250_000_000,
        kind="ValueError",
        message="invalid literal for int() with base 10: 'seven'",
        stack="",
        culprit="",
        where="request",
        service="shop",
        method="POST",
        route="",
        trace_id=trace_id,
        request_id="abc-1",
        times=1,
        drawn=flavour == "otel",
    )
    assert seen.fingerprint.startswith("v1:")
    assert seen.stack.startswith("Traceback (most recent call last):\n")
    assert seen.culprit.startswith("written.<locals>.<lambda> (")
    assert "tests/errors/test_history.py:" in seen.culprit


def line(**fields: Any) -> dict[str, Any]:
    return {"timestamp": "2025-11-23T12:00:00.000000Z", "error.fingerprint": "v1:abc", "exception.type": "E", **fields}


PREFIXES = [
    "",
    "web-1  | ",
    "\x1b[36mweb-1  |\x1b[0m ",
    "2025-11-23T12:00:00.000000000Z stderr F ",
    "<27>1 2025-11-23T12:00:00Z host shop 1 - - ",
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_collectors_put_before_a_line_is_skipped(prefix: str) -> None:
    """Docker Compose, Kubernetes, syslog."""
    seen = seen_in(prefix.encode() + json.dumps(line()).encode())
    assert seen is not None
    assert (seen.fingerprint, seen.kind, seen.time) == ("v1:abc", "E", 1_763_899_200_000_000_000)


def test_what_docker_puts_around_a_line_is_taken_off() -> None:
    """Its json-file driver writes each line as a text within an object."""
    text = json.dumps({"log": json.dumps(line()) + "\n", "stream": "stderr", "time": "2025-11-23T13:00:00Z"})
    seen = seen_in(text.encode())
    assert seen is not None
    assert (seen.fingerprint, seen.time) == ("v1:abc", 1_763_899_200_000_000_000)


@pytest.mark.parametrize(
    "other", ["", "{}", "not json", '{"message": "error.fingerprint"}', '{"error.fingerprint": 7}']
)
def test_other_lines_are_none_of_ours(other: str) -> None:
    """Whatever they are."""
    assert seen_in(other.encode()) is None


TORN = [
    '{"error.fingerprint": "v1:a',
    "error.fingerprint",
    '["error.fingerprint"]',
    '{"error.fingerprint":' + "[" * 9999,
]


@pytest.mark.parametrize("torn", TORN)
def test_torn_lines_are_told(torn: str) -> None:
    """They can be counted."""
    with pytest.raises(ValueError):
        seen_in(torn.encode())


def test_halves_of_characters_cost_no_line() -> None:
    """JSON readers refuse them; other writers write them."""
    seen = seen_in(b'{"error.fingerprint": "v1:a", "exception.message": "\\ud83d", "x": NaN}')
    assert seen is not None
    assert seen.message == "\ud83d"


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = ["timestamp", "@timestamp", "time", "exception.type", "exception.message", "exception.frames", "message",
          "trace_id", "trace.id", "dd.trace_id", "http.route", "http.request.method", "error.count", "error.origin",
          "serviceContext", "logging.googleapis.com/labels", "service", "request_id", "log", "stack_trace"]  # fmt: skip
strange = st.dictionaries(st.sampled_from(FIELDS), json_values).map(
    lambda fields: {**fields, "error.fingerprint": "v1:\x1b[2J字"}
)


@settings(max_examples=50)
@given(st.lists(strange, min_size=1, max_size=5), st.sampled_from(["utf-8", "ascii"]))
def test_whatever_a_line_holds_it_can_be_shown(lines: list[dict[str, Any]], encoding: str) -> None:
    """Nothing raises, and nothing that acts reaches a terminal or a program."""
    seen = [found for one in lines if (found := seen_in(json.dumps(one).encode())) is not None]
    groups = Groups(seen, "v1")
    (group,) = groups.latest(9)
    assert group.count == len(lines)
    screen = Screen(100, encoding=encoding)
    for text in (table([group], groups.digits(), screen), described(group, screen)):
        text.encode(encoding)
        assert all(character.isprintable() or character == "\n" for character in text)
    assert json.dumps(document(group, stack=True)).isascii()


@given(st.binary(max_size=200))
def test_whatever_a_line_is_it_is_read_or_refused(noise: bytes) -> None:
    """A log may hold anything."""
    try:
        seen_in(b'{"error.fingerprint":' + noise)
        seen_in(noise)
    except ValueError:
        pass


def seen(fingerprint: str = "v1:a", time: int = 0, **fields: Any) -> Seen:
    empty = dict.fromkeys(Seen._fields, "") | {"times": 1, "drawn": True}
    return Seen(**{**empty, "fingerprint": fingerprint, "time": time, **fields})


def test_a_group_knows_its_first_its_latest_and_how_many() -> None:
    """In whichever order the lines come; a line without a time changes neither."""
    times = [(30, "c"), (10, "a"), (0, "x"), (20, "b"), (20, "b")]
    groups = Groups(seen(time=time, request_id=name, message=name) for time, name in times)
    (group,) = groups.latest(9)
    assert (group.first, group.last, group.latest.message) == (10, 30, "c")
    assert (group.count, group.requests, groups.occurrences) == (5, 4, 5)


def test_a_group_names_a_bounded_number_of_everything() -> None:
    """Routes that are too many are others; of traces the latest are kept."""
    groups = Groups(seen(time=n, route=f"/{n}", trace_id=f"{n:032x}", service=f"s{n}") for n in range(1, 1000))
    (group,) = groups.latest(1)
    assert len(group.routes) == ROUTES + 1
    assert group.routes[OTHERS] == 999 - ROUTES
    assert list(group.traces) == [f"{n:032x}" for n in range(1000 - TRACES, 1000)]
    assert len(group.services) == 16


def test_groups_are_bounded() -> None:
    """The latest and the most frequent are kept, and what was forgotten is counted."""
    often = [seen("v1:often", 1) for _ in range(50)]
    groups = Groups([*often, *(seen(f"v1:{n}", n) for n in range(2, 102))], limit=8)
    assert len(groups) <= 8
    assert "v1:often" in {group.fingerprint for group in groups.latest(8)}
    assert groups.latest(1)[0].fingerprint == "v1:101"
    assert groups.most(1)[0].count == 50
    assert groups.forgotten == 101 - len(groups)


def test_only_what_was_asked_for_is_counted() -> None:
    """By the beginning of the fingerprint, with its version or without, and by time."""
    some = [seen("v1:abc", 10), seen("v1:abd", 20), seen("own-group", 30), seen("v1:abc", 0)]
    assert [len(Groups(some, prefix)) for prefix in ("v1:ab", "ab", "abc", "own", "v2", "b")] == [2, 2, 1, 1, 0, 0]
    assert Groups(some, since=10).occurrences == 3
    assert Groups(some, since=11).occurrences == 2


def test_stacks_are_kept_only_of_what_is_shown() -> None:
    """A table has none, and two thousand of them are a lot."""
    some = [seen(stack="Traceback")]
    assert [Groups(some, prefix).latest(1)[0].latest.stack for prefix in ("", "a")] == ["", "Traceback"]


@pytest.mark.parametrize("width", [20, 80, 100, 240])
def test_a_table_is_as_wide_as_its_screen(width: int) -> None:
    """Or as wide as it has to be; wide characters count twice."""
    groups = Groups(
        seen(f"v1:{n}{'0' * 31}", 10**18 + n, kind="字" * 50, route="/" * 80, culprit="x" * 80) for n in range(3)
    )
    lines = table(groups.latest(9), groups.digits(), Screen(width)).split("\n")
    assert max(map(columns, lines)) <= max(width, 90)
    assert len(lines) == 4


def test_names_are_shown_as_far_as_they_differ() -> None:
    """But no further than a terminal has room."""
    names = [["v1:" + "a" * 32], ["v1:" + "a" * 9 + "b", "v1:" + "a" * 9 + "c"], ["own " * 20 + "a", "own " * 20 + "b"]]
    assert [Groups(map(seen, some)).digits() for some in names] == [8, 10, 32]
