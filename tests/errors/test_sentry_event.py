"""An event says what happened as trackers have it, whatever was raised, and holds no secret."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch import ASGIMiddleware, Tracing, current
from midwatch.errors import ErrorReport
from midwatch.errors.destinations.sentry.event import Events, Ready
from midwatch.errors.frames import is_in_app
from midwatch.errors.ledger import Sighting
from midwatch.errors.occurrence import Occurrence
from midwatch.redaction import Redactor
from midwatch.service import Service
from midwatch.testing import ScriptedApp, call_asgi

LARGEST = 1 << 20
"""Bytes of an event that trackers take."""

CANARY = "c4n4ryC4N4RY"


class Collect:
    """A destination that keeps the events."""

    def __init__(self, service: Service | None = None, **options: Any) -> None:
        self._events = Events(service or Service("orders", "1.4.2", "production"), **options)
        self.bodies: list[bytes] = []

    def take(self, occurrence: Occurrence) -> None:
        self.bodies.append(self._events.event(occurrence).body)

    def close(self, deadline: float) -> None:
        pass

    @property
    def one(self) -> dict[str, Any]:
        (body,) = self.bodies
        return dict(json.loads(body))


def event_of(error: BaseException, redactor: Redactor | None = None) -> tuple[Ready, dict[str, Any]]:
    sighting = Sighting(3, 1_700_000_000.0, None)
    given = (redactor,) if redactor else ()
    found = Occurrence(error, None, "request", "v1:0", sighting, 1_700_000_000.25, is_in_app, *given)
    ready = Events(Service("orders"), ids=lambda: "0" * 32).event(found)
    return ready, json.loads(ready.body)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def fail(error: BaseException) -> Any:
    def before() -> None:
        raise error

    return before


def check_tree(values: list[dict[str, Any]]) -> None:
    """The tree that the mechanisms make: ids from the last one to the first, and each has an earlier parent."""
    for place, value in enumerate(reversed(values)):
        mechanism = value["mechanism"]
        assert mechanism["exception_id"] == place
        assert mechanism["handled"] is False
        if place:
            assert 0 <= mechanism["parent_id"] < place
            assert mechanism["source"].startswith(("__cause__", "__context__", "exceptions["))
        else:
            assert mechanism["type"] == "midwatch"
            assert "parent_id" not in mechanism
        assert isinstance(value["type"], str)
        assert isinstance(value["value"], str)
        frames = value.get("stacktrace", {"frames": [{}]})["frames"]
        assert frames, "a stack that is there has frames"
        assert not any("vars" in frame for frame in frames)


def test_an_event_names_request_service_and_group(door: Any) -> None:
    events = Collect(server_name="web-1", ids=lambda: "ab" * 16)
    report = ErrorReport(to=[events], clock=lambda: 1_700_000_000.25)
    app = door.watch(ScriptedApp(before=fail(ValueError("no such size"))), Tracing(), report)
    headers = [("host", "shop.example"), ("user-agent", "curl/8"), ("accept", "*/*"), ("x-request-id", "abc-1")]
    door.call(app, "POST", "/orders/7", headers=headers)
    event = events.one
    assert event["event_id"] == "ab" * 16
    assert event["timestamp"] == "2023-11-14T22:13:20.250000Z"
    assert (event["platform"], event["level"], event["logger"]) == ("python", "error", "midwatch.error")
    assert (event["release"], event["environment"]) == ("orders@1.4.2", "production")
    assert event["server_name"] == "web-1"
    assert event["sdk"]["name"] == "midwatch"
    assert event["fingerprint"][0].startswith("v1:")
    assert event["tags"] == {"request_id": "abc-1"}
    assert event["extra"] == {"error.count": 1, "error.first": "2023-11-14T22:13:20.250000Z"}
    assert event["contexts"]["runtime"] == {"name": "CPython", "version": sys.version.split()[0]}
    assert len(event["contexts"]["trace"]["trace_id"]) == 32
    assert len(event["contexts"]["trace"]["span_id"]) == 16
    request = event["request"]
    assert (request["url"], request["method"]) == ("http://shop.example/orders/7", "POST")
    assert request["headers"] == {"Accept": "*/*", "User-Agent": "curl/8"}
    (value,) = event["exception"]["values"]
    assert (value["type"], value["value"]) == ("ValueError", "no such size")
    assert "module" not in value


def test_a_route_names_the_transaction(door: Any) -> None:
    """A path never does: there are as many as somebody asks for."""
    events = Collect()

    def before() -> None:
        exchange = current()
        assert exchange is not None
        exchange.route = "/orders/{number}"
        raise LookupError("none")

    door.call(door.watch(ScriptedApp(before=before), ErrorReport(to=[events])), "GET", "/orders/7")
    assert events.one["transaction"] == "GET /orders/{number}"
    assert events.one["transaction_info"] == {"source": "route"}
    assert events.one["tags"]["route"] == "/orders/{number}"


class Own(Exception):
    """An exception of the application."""


def test_frames_are_outermost_first_with_the_source_around_them() -> None:
    def inner() -> None:
        raise Own("inner")

    def outer() -> None:
        json.loads("{}", object_hook=lambda _: inner())

    _, event = event_of(raises(outer))
    (value,) = event["exception"]["values"]
    assert value["type"] == "Own"
    assert value["module"].endswith("test_sentry_event")
    frames = value["stacktrace"]["frames"]
    names = [frame["function"].rpartition(".")[2] for frame in frames]
    assert names[1] == "outer"
    assert names[-1] == "inner"
    last = frames[-1]
    assert last["in_app"] is True
    assert last["filename"].endswith("tests/errors/test_sentry_event.py")
    assert last["abs_path"] == __file__
    assert last["context_line"] == '        raise Own("inner")'
    assert last["pre_context"][-1] == "    def inner() -> None:"
    assert last["post_context"][1] == "    def outer() -> None:"
    assert [frame["in_app"] for frame in frames if frame["abs_path"].endswith("json/decoder.py")] == [False, False]
    lines = Path(__file__).read_text().splitlines()
    assert lines[last["lineno"] - 1] == last["context_line"]


def raises(function: Any) -> BaseException:
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def test_causes_and_groups_are_a_tree() -> None:
    """The one that left is the last; what led to it names it as its parent."""

    def group() -> None:
        try:
            try:
                raise KeyError("a")
            except KeyError as error:
                raise ValueError("b") from error
        except ValueError as error:
            raise ExceptionGroup("several", [error, TypeError("c")])

    _, event = event_of(raises(group))
    values = event["exception"]["values"]
    check_tree(values)
    found = [(value["type"], value["mechanism"].get("parent_id"), value["mechanism"].get("source")) for value in values]
    assert found == [
        ("TypeError", 0, "exceptions[1]"),
        ("KeyError", 1, "__cause__"),
        ("ValueError", 0, "exceptions[0]"),
        ("ExceptionGroup", None, None),
    ]
    assert [value["mechanism"].get("is_exception_group") for value in values] == [None, None, None, True]


def test_what_was_being_handled_is_told_as_such() -> None:
    def handling() -> None:
        try:
            raise KeyError("a")
        except KeyError:
            raise ValueError("b")

    values = event_of(raises(handling))[1]["exception"]["values"]
    assert [value["type"] for value in values] == ["KeyError", "ValueError"]
    assert values[0]["mechanism"]["source"] == "__context__"


def test_notes_follow_the_message() -> None:
    error = ValueError("no such size")
    error.add_note("while parsing row 7")
    error.add_note("password=hunter2")
    assert event_of(error)[1]["exception"]["values"][0]["value"].split("\n") == [
        "no such size",
        "while parsing row 7",
        "password=[redacted]",
    ]


def test_a_long_chain_keeps_its_ends() -> None:
    """What left, and the root of it."""
    error = raised(KeyError("root"))
    for number in range(300):
        above = ValueError(str(number))
        above.__cause__ = error
        error = above
    values = event_of(error)[1]["exception"]["values"]
    check_tree(values)
    assert values[-1]["value"] == "299"
    assert len(values) == 16


def test_a_deep_recursion_keeps_its_ends() -> None:
    def deeper() -> None:
        deeper()

    _, event = event_of(raises(deeper))
    stack = event["exception"]["values"][-1]["stacktrace"]
    assert len(stack["frames"]) == 100
    start, end = stack["frames_omitted"]
    assert start == 50
    assert end > 500
    assert stack["frames"][0]["function"] == "raises"


class Raises(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    @property
    def __notes__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no notes")

    @property
    def __cause__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no cause")


class Numbered(Exception):
    def __str__(self) -> str:
        return 42  # type: ignore[return-value]  # noqa: PLE0307


messages = st.text(st.characters(), max_size=60) | st.sampled_from(["", "\ud800", "\x00" * 5000, "é" * 5000, "\u2028"])
single = st.builds(
    lambda kind, text: kind(text), st.sampled_from([ValueError, Own, KeyError, Raises, Numbered]), messages
)


def grouped(children: st.SearchStrategy[Exception]) -> st.SearchStrategy[Exception]:
    groups = st.builds(ExceptionGroup, messages, st.lists(children, min_size=1, max_size=20))
    return groups | st.builds(linked, children, children, st.sampled_from(["__cause__", "__context__"]), st.booleans())


def linked(error: Exception, other: Exception, how: str, through: bool) -> Exception:
    if type(error) is not Raises:
        setattr(error, how, other)
        error.add_note(f"with {how}")
    return raised(error) if through else error  # type: ignore[return-value]


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.recursive(single, grouped, max_leaves=60))
def test_any_tree_of_exceptions_is_a_bounded_event(error: Exception) -> None:
    ready, event = event_of(error)
    assert len(ready.body) < LARGEST
    values = event["exception"]["values"]
    assert 1 <= len(values) <= 50
    check_tree(values)


latin = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60)


@settings(max_examples=60, deadline=None)
@given(latin, latin, latin, latin, st.text(st.characters(max_codepoint=127), max_size=20))
def test_any_request_is_a_valid_event(host: str, agent: str, path: str, query: str, method: str) -> None:
    """Whatever a stranger sends, the event is made, and what is in it is bounded text."""
    events = Collect()
    app = ASGIMiddleware(ScriptedApp(before=fail(ValueError())).asgi, Tracing(), ErrorReport(to=[events]))
    headers = [("host", host), ("user-agent", agent * 100), ("content-type", agent), ("x-request-id", agent)]
    call_asgi(app, method, "/" + path * 100, query=query * 100, headers=headers)
    request = events.one["request"]
    assert all(len(told) < 10_000 for told in (request["url"], request["method"], request.get("query_string", "")))
    assert all(len(told) <= 257 for told in request["headers"].values())
    assert "@" not in request["url"].partition("/orders")[0].removeprefix("http://").partition("/")[0]


def test_what_was_handled_is_told_as_such() -> None:
    sighting = Sighting(1, 1_700_000_000.0, None)
    found = Occurrence(ValueError("a"), None, "handled", "v1:0", sighting, 1_700_000_000.25, is_in_app)
    event = json.loads(Events(Service("orders")).event(found).body)
    assert event["exception"]["values"][0]["mechanism"]["handled"] is True
    assert event["tags"]["origin"] == "handled"


def wide(depth: int) -> Exception:
    """Groups of groups, each with a message as long as can be, raised through many long names."""
    if not depth:
        return raised_far(ValueError("\x01é" * 10_000), 120)
    return raised_far(ExceptionGroup("\x01é" * 10_000, [wide(depth - 1) for _ in range(4)]), 30)


def raised_far(error: Exception, far: int, name: str = "ł" * 1000) -> Exception:
    namespace: dict[str, Any] = {"__name__": "é" * 1000}
    exec(f"def {name}(error, far):\n    if far: {name}(error, far - 1)\n    raise error", namespace)
    code = namespace[name].__code__.replace(co_filename="/ü" * 400, co_qualname="\x02" * 3000)
    namespace[name] = FunctionType(code, namespace)
    try:
        namespace[name](error, far)
    except Exception as caught:
        return caught
    raise AssertionError


def test_the_largest_event_is_within_the_limit() -> None:
    ready, event = event_of(wide(3))
    assert len(ready.body) < LARGEST
    check_tree(event["exception"]["values"])


def test_all_stacks_together_are_bounded() -> None:
    many = ExceptionGroup("many", [raised_far(ValueError(str(number)), 60, "walk") for number in range(16)])
    values = event_of(raised(many))[1]["exception"]["values"]
    stacks = [len(value.get("stacktrace", {}).get("frames", ())) for value in values]
    assert len(stacks) == 17
    assert sum(stacks) == 300
    assert stacks[-1] == 1


def test_what_has_no_end_in_sight_is_bounded() -> None:
    """A group of a hundred thousand, and a loop of causes."""
    many = ExceptionGroup("many", [ValueError(str(number)) for number in range(100_000)])
    values = event_of(many)[1]["exception"]["values"]
    assert len(values) == 17
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert len(event_of(first)[1]["exception"]["values"]) == 2
    first.__cause__ = ExceptionGroup("round", [first, second])
    check_tree(event_of(first)[1]["exception"]["values"])


def test_no_secret_is_in_an_event(door: Any) -> None:
    """Not of the request, of the message, of causes, notes, group members and variables."""
    events = Collect()
    url = "https://user:" + CANARY + "@db.example/orders"

    def before() -> None:
        variable = CANARY  # noqa: F841
        member = ValueError("cannot reach " + url)
        member.add_note("Authorization: Bearer " + CANARY)
        try:
            raise KeyError("api_key=" + CANARY)
        except KeyError as error:
            raise ExceptionGroup("password='" + CANARY + "'", [member]) from error

    app = door.watch(ScriptedApp(before=before), Tracing(), ErrorReport(to=[events]))
    headers = [
        ("host", "shop.example"),
        ("authorization", f"Bearer {CANARY}"),
        ("cookie", f"session={CANARY}"),
        ("x-api-key", CANARY),
        ("referer", f"https://shop.example/?token={CANARY}"),
        ("x-forwarded-for", CANARY),
        ("user-agent", f"curl (Bearer {CANARY}1)"),
        ("content-type", "application/json"),
    ]
    door.call(app, "GET", f"/orders;token={CANARY}", query=f"q={CANARY}&{CANARY}&token={CANARY}", headers=headers)
    (body,) = events.bodies
    assert CANARY not in body.decode()
    request = events.one["request"]
    assert set(request["headers"]) == {"User-Agent", "Content-Type"}
    assert request["query_string"].startswith("q=")


def test_a_host_that_is_none_is_not_told(door: Any) -> None:
    events = Collect()
    app = door.watch(ScriptedApp(before=fail(ValueError())), ErrorReport(to=[events]))
    door.call(app, "GET", "/orders", headers=[("host", f"user:{CANARY}@shop.example")])
    assert events.one["request"]["url"] == "/orders"


PEM = "-----BEGIN " + "RSA PRIVATE KEY-----\n{}\n-----END " + "RSA PRIVATE KEY-----"


def test_secrets_in_the_source_are_not_shown(tmp_path: Any) -> None:
    """A literal password, also in a line that is cut, and keys that go over several lines, seen from after them."""
    file = tmp_path / "settings_of_it.py"
    key = PEM.format(f"{CANARY}AAAA\n{CANARY}BBBB")
    long_key = PEM.format(f"{CANARY}AAAA\n" * 30)
    lines = [
        f'OTHER = """{long_key}"""',
        "def load(fails=True):",
        "    if fails: work()",
        f'    password = "{CANARY}"',
        "def work():",
        f'    key = """{key}"""',
        f'    {"x = 0; " * 35} password = "{CANARY}"',
        '    raise ValueError("no")',
    ]
    file.write_text("\n".join(lines))
    namespace: dict[str, Any] = {"__name__": "settings_of_it"}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    ready, event = event_of(raises(namespace["load"]))
    assert CANARY not in ready.body.decode()
    last = event["exception"]["values"][-1]["stacktrace"]["frames"][-1]
    assert last["context_line"] == '    raise ValueError("no")'


def test_what_the_user_hides_is_hidden() -> None:
    ready, _ = event_of(raised(ValueError("customer KD-123456")), Redactor(patterns=[r"KD-[0-9]{6}"]))
    assert b"KD-123456" not in ready.body


@pytest.mark.parametrize(
    ("service", "release", "environment"),
    [
        (Service("orders"), None, None),
        (Service("my orders/eu", "1.0\n2", "pre prod/eu"), "my-orders-eu@1.0-2", "pre-prod-eu"),
        (Service("o" * 300, "1", "e" * 100), "o" * 200, "e" * 64),
    ],
)
def test_releases_and_environments_have_names_that_trackers_take(
    service: Service, release: str | None, environment: str | None
) -> None:
    fixed = Events(service)._fixed
    assert (fixed.get("release"), fixed.get("environment")) == (release, environment)
