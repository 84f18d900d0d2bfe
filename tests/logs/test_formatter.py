"""Every other line of the application: the trace it belongs to, and whatever it carries, as one valid line."""

from __future__ import annotations

import collections
import dataclasses
import decimal
import enum
import logging
import math
import pickle
import re
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from midwatch import RequestLog, Tracing, current
from midwatch.logs import JsonFormatter
from midwatch.logs.safe import encode_line, safe_text
from midwatch.logs.timestamp import rfc3339
from midwatch.service import Service
from midwatch.testing import ScriptedApp

app_log = logging.Logger("app", logging.INFO)  # noqa: LOG001
"""Apart from all others: pytest's own handler raises where a message does."""

many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)


@pytest.fixture(autouse=True)
def _logged(lines: Any) -> Iterator[None]:
    app_log.addHandler(lines.handler)
    yield
    app_log.removeHandler(lines.handler)
    app_log.filters.clear()


def test_the_head_of_a_line(lines: Any) -> None:
    """The same as that of a request line; then what the application added, in its order."""
    app_log.warning("stock is %d", 3, extra={"sku": "a1", "left": 3})
    line = lines.one
    assert list(line) == [
        "timestamp",
        "level",
        "logger",
        "message",
        "service.name",
        "service.version",
        "deployment.environment.name",
        "sku",
        "left",
    ]
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "app", "stock is 3")
    assert (line["sku"], line["left"]) == ("a1", 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])


def test_lines_inside_a_request_carry_its_trace(door: Any, lines: Any) -> None:
    """Those of the request line; outside of it there is none."""

    def handler() -> None:
        app_log.info("inside")

    app_log.info("before")
    door.call(door.watch(ScriptedApp(before=handler), Tracing(), RequestLog()))
    app_log.info("after")
    before, inside, request, after = lines.all
    for name in ("trace_id", "span_id", "trace_flags"):
        assert inside[name] == request[name]
        assert name not in before
        assert name not in after


def test_lines_below_a_foreign_span_carry_that(lines: Any) -> None:
    """Whoever made the current span."""
    context = SpanContext(0xABC, 0xDEF, False, TraceFlags(1))
    with use_span(NonRecordingSpan(context)):
        app_log.info("inside")
    line = lines.one
    assert (line["trace_id"], line["span_id"], line["trace_flags"]) == (f"{0xABC:032x}", f"{0xDEF:016x}", "01")


@pytest.mark.parametrize("seconds", [0.0, 1_700_000_000.0, 1_700_000_000.000001, 1_700_000_000.999999, 4_102_444_800.5])
def test_a_timestamp(seconds: float) -> None:
    """RFC 3339, UTC, always with microseconds."""
    text = rfc3339(seconds)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    assert datetime.fromisoformat(text).timestamp() == pytest.approx(seconds, abs=1.5e-6)
    assert rfc3339(seconds) == text


@given(st.floats(0, 4e9))
def test_any_timestamp(seconds: float) -> None:
    expected = datetime.fromtimestamp(seconds, UTC).timestamp()
    assert datetime.fromisoformat(rfc3339(seconds)).timestamp() == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("name", ["timestamp", "level", "logger", "service.name", "service.version", "exception.type"])
def test_no_extra_field_overwrites_a_standard_one(lines: Any, name: str) -> None:
    """A line says what it is, whatever it carries."""
    try:
        raise ValueError("no")
    except ValueError:
        app_log.exception("real", extra={name: "forged"})
    assert lines.one[name] != "forged"


def test_a_record_that_forges_its_trace_does_not_inside_a_request(door: Any, lines: Any) -> None:
    """Outside there is nothing to contradict."""

    def handler() -> None:
        app_log.info("x", extra={"trace_id": "forged"})

    door.call(door.watch(ScriptedApp(before=handler), Tracing()))
    handler()
    inside, outside = lines.all
    assert inside["trace_id"] != "forged"
    assert outside["trace_id"] == "forged"


def test_uvicorns_copy_of_its_message_is_no_field(lines: Any) -> None:
    app_log.info("plain", extra={"color_message": "\x1b[1mplain\x1b[0m"})
    assert "color_message" not in lines.one


def test_an_exception(lines: Any) -> None:
    """Type, message and stack, with its causes."""
    try:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer\n2nd line") from error
    except ValueError:
        app_log.exception("failed", stack_info=True)
    line = lines.one
    assert line["exception.type"] == "ValueError"
    assert line["exception.message"] == "outer\n2nd line"
    assert "KeyError: 'inner'" in line["exception.stacktrace"]
    assert "direct cause" in line["exception.stacktrace"]
    assert line["stack"].startswith("Stack (most recent call last)")


def test_no_exception_is_no_field(lines: Any) -> None:
    """`exc_info=True` where nothing is wrong."""
    app_log.info("fine", exc_info=True)
    app_log.info("fine", exc_info=(None, None, None))
    assert not any("exception" in name for line in lines.all for name in line)


def test_a_long_stack_keeps_its_end(lines: Any) -> None:
    """That is the part which says what happened."""

    def deeper(levels: int, odd: int = 0) -> None:
        if levels:
            (deeper if levels % 2 else deeper_too)(levels - 1)
        raise ValueError("the end")

    def deeper_too(levels: int) -> None:
        deeper(levels)

    try:
        deeper(250)
    except ValueError:
        app_log.exception("failed")
    stack = lines.one["exception.stacktrace"]
    assert len(stack) <= 16_384
    assert "frames left out" in stack
    assert stack.endswith("ValueError: the end")


def test_a_record_of_another_process_keeps_its_exception(lines: Any) -> None:
    """Standard logging sends the text alone."""
    record = logging.LogRecord("app", logging.ERROR, "", 0, "failed", None, None)
    record.exc_text = "Traceback ...\nValueError: no"
    app_log.handle(logging.makeLogRecord(pickle.loads(pickle.dumps(vars(record)))))
    assert lines.one["exception.stacktrace"] == "Traceback ...\nValueError: no"


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("hostile")

    __repr__ = __str__


@pytest.mark.parametrize(
    "info",
    [True, 1, "text", (HostileError, HostileError(), None), (ValueError, ValueError("\ud800"), "no traceback")],
    ids=range(5),
)
def test_exception_information_of_any_kind(read_line: Any, info: Any) -> None:
    """What libraries put into records by hand."""
    record = logging.makeLogRecord({"msg": "failed", "name": "app", "exc_info": info})
    line = read_line(JsonFormatter(Service()).format(record))
    assert line["message"] == "failed"


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("hostile")

    __repr__ = __str__


class HostileText(str):
    __slots__ = ()

    def __len__(self) -> int:
        raise RuntimeError("hostile")

    isascii = encode = __getitem__ = __str__ = __format__ = __len__  # type: ignore[assignment]


class HostileInt(int):
    def __int__(self) -> int:
        raise RuntimeError("hostile")

    __le__ = __lt__ = __ge__ = __gt__ = __str__ = __repr__ = __index__ = __int__  # type: ignore[assignment]


class HostileFloat(float):
    def __float__(self) -> float:
        raise RuntimeError("hostile")

    __sub__ = __str__ = __repr__ = __float__  # type: ignore[assignment]


class HostileMapping(collections.UserDict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("hostile")


class HostileList(list[int]):
    def __iter__(self) -> Any:
        raise RuntimeError("hostile")

    __len__ = __iter__


class Liar:
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("hostile")


class Colour(enum.Enum):
    RED = object()


@dataclasses.dataclass
class Order:
    sku: str
    price: float


def endless() -> Any:
    while True:
        yield 1


class Endless(collections.UserDict[str, int]):
    def items(self) -> Any:
        return ((str(number), number) for number, _ in enumerate(endless()))


cycle: dict[str, Any] = {}
cycle["self"] = cycle
loop: list[Any] = []
loop.append(loop)
deep: Any = 1
for _ in range(100_000):
    deep = {"d": deep}

VALUES: list[Any] = [
    None,
    True,
    1,
    -(2**63),
    2**64,
    10**400,
    10**5000,
    1.5,
    math.nan,
    math.inf,
    -math.inf,
    "text",
    "\ud800",
    "\r\n\x00\x1b[31m\x7f\x85\x9b\u2028\u2029",
    "x" * 1_000_000,
    b"\xff\x00",
    bytearray(b"x"),
    memoryview(b"x"),
    [1, [2, [3]]],
    (1, 2),
    {1, 2},
    frozenset({"a"}),
    {"a": {"b": {"c": 1}}},
    {1: 2, None: 3, (1, 2): 4, "\ud800": 5, b"k": 6, 1.5: 7, False: 8},
    dict.fromkeys(map(str, range(1_000_000))),
    list(range(1_000_000)),
    cycle,
    loop,
    deep,
    Hostile(),
    HostileText("x"),
    HostileInt(7),
    HostileFloat(1.5),
    HostileMapping(),
    HostileList([1]),
    Liar(),
    Endless(),
    Colour.RED,
    Order("a1", math.nan),
    Order("\ud800", 1),
    datetime(2024, 1, 1, tzinfo=UTC),
    uuid.UUID(int=1),
    decimal.Decimal("1.10"),
    object(),
    object,
    lambda: None,
    endless(),
    sys,
    range(10**9),
    Exception("x"),
    HostileError(),
]


@pytest.mark.parametrize("row", range(len(VALUES)))
@pytest.mark.parametrize("place", ["extra", "argument", "message", "nested", "key"])
def test_whatever_is_logged_is_one_valid_line(lines: Any, place: str, row: int) -> None:
    """Wherever in a record it is; the line says what it is about all the same."""
    value = VALUES[row]
    if place == "extra":
        app_log.info("told", extra={"value": value, "beside": 1})
        assert lines.one["beside"] == 1
    elif place == "argument":
        app_log.info("told %s %s", value, 1)
    elif place == "message":
        app_log.info(value)
    elif place == "nested":
        app_log.info("told", extra={"value": [{"in": value}, value], "beside": 1})
        assert lines.one["beside"] == 1
    else:
        app_log.info("told", extra={safe_text(value)[:100]: 1})
    line = lines.one
    assert line["logger"] == "app"
    assert isinstance(line["message"], str)
    assert len(lines.texts[0]) < 5_000_000


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, None),
        ("\ud800", "?"),
        (10**30, 10**30),
        (10**5000, "<int that raises ValueError>"),
        (HostileInt(7), 7),
        (HostileFloat(1.5), 1.5),
        (HostileFloat(math.inf), "inf"),
        (True, True),
        ({"k": {1}}, {"k": [1]}),
        (Order("a1", 1.5), {"sku": "a1", "price": 1.5}),
        (b"ab", "ab"),
        (Text := type("Text", (str,), {})("text"), "text"),
    ],
    ids=range(12),
)
def test_how_a_value_is_said(lines: Any, value: Any, said: Any) -> None:
    app_log.info("told", extra={"value": value})
    assert lines.one["value"] == said


def test_hostile_values_say_so(lines: Any) -> None:
    app_log.info("told", extra={"value": Hostile(), "list": HostileList([1]), "dict": HostileMapping()})
    line = lines.one
    assert line["value"].endswith("Hostile that raises RuntimeError>")
    assert line["list"] == "<HostileList that raises when it is looked at>"
    assert line["dict"] == "<HostileMapping that raises when it is looked at>"


def test_secrets_of_the_application_are_hidden(lines: Any) -> None:
    """In messages, arguments, fields by their names, and exceptions."""
    try:
        raise ValueError("postgres://ada:hunter2@db/1")
    except ValueError:
        extra = {"password": "hunter2", "deep": [{"api_key": "hunter2"}]}
        app_log.exception("login with password=%s", "hunter2", extra=extra)
    app_log.info("Authorization: Bearer hunter2HUNTER2hunter2")
    assert not any("hunter2" in text for text in lines.texts)
    assert lines.all[0]["password"]


def test_arguments_that_do_not_fit_are_said(lines: Any) -> None:
    """A mistake in a log call costs its arguments, not the line."""
    app_log.info("told %d and %d", 1)
    app_log.info("told %s", Hostile())
    first, second = lines.all
    assert first["message"] == "told %d and %d <arguments that raise TypeError>"
    assert second["message"] == "told %s <arguments that raise RuntimeError>"


def test_what_is_cut_is_cut_visibly(lines: Any) -> None:
    """A line has an end, whatever is put into it."""
    app_log.info(
        "x" * 100_000,
        extra={
            "wide": list(range(1_000_000)),
            "map": dict.fromkeys(map(str, range(500_000)), 1),
            "deep": deep,
            "long": "y" * 1_000_000,
        },
    )
    line = lines.one
    assert line["message"] == "x" * 16_384 + "…"
    assert line["long"] == "y" * 16_384 + "…"
    assert line["wide"][-1] == "…"
    assert len(line["wide"]) == 257
    assert line["map"]["…"] == f"{500_000 - 256} more"


def test_many_extra_fields(lines: Any) -> None:
    """A million of them: the head of the line stays, and an exception too."""
    extra = {f"k{number}": number for number in range(1_000_000)}
    try:
        raise ValueError("no")
    except ValueError:
        app_log.exception("told", extra=extra)
    line = lines.one
    assert line["message"] == "told"
    assert line["exception.type"] == "ValueError"
    assert len(line) < 300


def test_a_broken_custom_formatter_does_not_reach_the_caller(lines: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard logging tells it on stderr, as for any handler."""

    class Broken(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            raise RuntimeError("broken")

    (handler,) = app_log.handlers
    handler.setFormatter(Broken())
    app_log.info("told")
    assert lines.queued == []
    assert "RuntimeError: broken" in capsys.readouterr().err


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.text(st.characters(categories=["Cs", "Cc", "Zl", "Zp"]))
    | st.binary()
    | st.datetimes()
    | st.uuids()
    | st.decimals()
    | st.complex_numbers()
)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.none(), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=10,
)
FORBIDDEN = {*vars(logging.makeLogRecord({})), "message", "asctime"}


@many
@given(
    st.dictionaries(
        st.text(st.characters(), max_size=8).filter(lambda key: key not in FORBIDDEN), anything, max_size=6
    ),
    st.text(st.characters(), max_size=30),
)
def test_any_extra_fields_are_one_valid_line(lines: Any, extra: dict[str, Any], message: str) -> None:
    """The property that everything above is an example of."""
    lines.queued.clear()
    app_log.info("%s", message, extra=extra)
    line = lines.one
    assert set(line) >= {"timestamp", "level", "logger", "message", "service.name"}
    assert line["message"] == message.encode("utf-8", "replace").decode()


@given(anything)
def test_any_mapping_is_one_valid_line(read_line: Any, value: Any) -> None:
    read_line(encode_line({"value": value}))


@given(st.text(st.characters()))
def test_text_is_only_changed_where_it_must_be(text: str) -> None:
    """What UTF-8 can carry stays as it is."""
    said = safe_text(text)
    assert said == text.encode("utf-8", "replace").decode()
    assert safe_text(said) == said


def test_the_formatter_names_the_service_of_the_environment(monkeypatch: pytest.MonkeyPatch, read_line: Any) -> None:
    """Where none is given."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-env")
    line = read_line(JsonFormatter().format(logging.makeLogRecord({"msg": "x"})))
    assert line["service.name"] == "from-env"


def test_a_handler_sees_the_exchange(door: Any, lines: Any) -> None:
    """A filter of the application can add what the exchange knows."""

    def add_path(record: logging.LogRecord) -> bool:
        exchange = current()
        record.path = None if exchange is None else exchange.path
        return True

    app_log.addFilter(add_path)
    door.call(door.watch(ScriptedApp(before=lambda: app_log.info("x")), Tracing()), path="/a")
    assert lines.one["path"] == "/a"
