"""RFC 5424 messages: whatever is logged, a strict reader reads it."""

from __future__ import annotations

import logging
import math
import os
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.destinations import Entry
from midwatch.destinations.syslog.message import Messages, legal
from midwatch.destinations.syslog.priority import FACILITIES, severity_of

from .syslog_reader import read

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"

anything = st.text(st.characters(exclude_categories=()))
"""Also what UTF-8 cannot carry."""


def messages(**options: Any) -> Messages:
    usual: dict[str, Any] = {"app": "shop", "host": "here", "facility": 1, "most": 2048}
    return Messages(**usual | options)


def entry(**values: Any) -> Entry:
    usual: dict[str, Any] = {"created": 0.0, "level": "INFO", "logger": "midwatch.request", "text": "{}"}
    return Entry(**usual | values)


def test_a_message() -> None:
    line = entry(created=1_700_000_000.123456, text='{"a":1}', trace_id=TRACE, span_id=SPAN, trace_flags="01")
    assert messages(procid="7").encode(line) == (
        b"<14>1 2023-11-14T22:13:20.123456Z here shop 7 request "
        b'[opentelemetry trace_id="4bf92f3577b34da6a3ce929d0e0e4736" span_id="00f067aa0ba902b7" trace_flags="01"] '
        b'{"a":1}'
    )


@given(
    created=st.one_of(st.floats(), st.integers()),
    level=anything,
    logger=anything,
    text=anything,
    ids=st.tuples(*[st.one_of(st.none(), anything)] * 3),
    bom=st.booleans(),
)
def test_whatever_is_logged_is_one_message(
    created: float, level: str, logger: str, text: str, ids: tuple[str | None, ...], bom: bool
) -> None:
    found = messages(bom=bom).encode(Entry(created, level, logger, text, *ids))
    assert len(found) <= 2048
    said = read(found)
    assert said.facility == 1
    assert said.marked is bom
    assert said.msgid in {"request", "log", "error", "audit", "health"}
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 or char in "\u2028\u2029" for char in said.text)
    if text.isascii() and text.isprintable():
        assert said.text == text


@given(text=st.text(), most=st.integers(512, 4096))
def test_no_message_is_longer_than_it_may_be(text: str, most: int) -> None:
    line = entry(text=text * 100, trace_id=TRACE, span_id=SPAN, trace_flags="01")
    found = messages(most=most).encode(line)
    assert len(found) <= most
    assert read(found).data


@given(app=anything, host=anything)
def test_names_are_made_legal(app: str, host: str) -> None:
    said = read(messages(app=app, host=host).encode(entry()))
    assert said.app == (None if app in {"", "-"} else legal(app, 48))
    assert said.host == (None if host in {"", "-"} else legal(host, 255))


def test_legal() -> None:
    assert legal("Örders svc\n", 48) == "_rders_svc_"
    assert legal("x" * 50, 48) == "x" * 48
    assert legal("", 48) == "-"


@pytest.mark.parametrize("broken", [None, 1, b"x", [], {}, object()])
@pytest.mark.parametrize("field", ["created", "level", "logger", "text", "trace_id"])
def test_what_an_application_may_put_into_a_record_is_survived(field: str, broken: Any) -> None:
    """One broken line would hold up all others of its batch."""
    read(messages().encode(entry(**{field: broken})))


# Header


@pytest.mark.parametrize("name", ["request", "error", "audit", "health"])
def test_msgid_is_the_kind_of_record(name: str) -> None:
    assert read(messages().encode(entry(logger=f"midwatch.{name}"))).msgid == name


@pytest.mark.parametrize("logger", ["", "app", "request", "midwatch", "midwatch.delivery", "midwatch.request.more"])
def test_any_other_record_is_a_log(logger: str) -> None:
    assert read(messages().encode(entry(logger=logger))).msgid == "log"


def test_procid_is_the_process() -> None:
    assert read(messages().encode(entry())).procid == str(os.getpid())


def test_what_is_given_prevails() -> None:
    said = read(messages(procid="web.1", msgid="orders", facility=23).encode(entry()))
    assert (said.procid, said.msgid, said.facility) == ("web.1", "orders", 23)


@pytest.mark.parametrize("created", [math.nan, math.inf, -math.inf, -1.0, -0.000001, 253_402_300_800, 1e300])
def test_a_time_that_cannot_be_said_is_not(created: float) -> None:
    assert read(messages().encode(entry(created=created))).created is None


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))
def test_times_are_told_to_the_microsecond(moment: datetime) -> None:
    said = read(messages().encode(entry(created=moment.timestamp()))).created
    assert said is not None
    # As near as a float of that size comes.
    assert abs((said - moment).total_seconds()) <= 0.00004


# Priority


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        ("DEBUG", 7),
        ("INFO", 6),
        ("NOTICE", 5),
        ("WARNING", 4),
        ("WARN", 4),
        ("ERROR", 3),
        ("CRITICAL", 2),
        ("FATAL", 2),
        ("ALERT", 1),
        ("EMERGENCY", 0),
        ("warning", 4),
        ("TRACE", 7),
        ("Level 5", 7),
        ("Level 22", 6),
        ("Level 27", 5),
        ("Level 35", 4),
        ("Level 45", 3),
        ("Level 99", 2),
        ("Level 0", 7),
        ("Level -3", 5),
        ("Level " + "9" * 40, 5),
        ("", 5),
        ("whatever", 5),
    ],
)
def test_severities(level: str, severity: int) -> None:
    assert severity_of(level) == severity


def test_a_level_of_the_application_goes_by_its_number() -> None:
    logging.addLevelName(33, "VERY_ODD")
    assert severity_of("VERY_ODD") == 4


def test_facilities_are_numbered_as_in_the_standard() -> None:
    assert (FACILITIES["user"], FACILITIES["authpriv"], FACILITIES["local0"], FACILITIES["local7"]) == (1, 10, 16, 23)


# Structured data


def test_without_a_trace_there_is_none() -> None:
    assert read(messages().encode(entry())).data == {}


def test_what_is_unknown_of_a_trace_is_left_out() -> None:
    assert read(messages().encode(entry(trace_id=TRACE))).data == {"opentelemetry": {"trace_id": TRACE}}


def test_a_private_enterprise_number_is_added_to_the_name() -> None:
    said = read(messages(pen="32473").encode(entry(trace_id=TRACE)))
    assert said.data == {"opentelemetry@32473": {"trace_id": TRACE}}


@pytest.mark.parametrize("forged", ['"] forged', "a" * 33, "", "xyz", 'a"', "a\n", "٣"])
def test_what_is_no_id_forges_nothing(forged: str) -> None:
    said = read(messages().encode(entry(trace_id=forged, span_id=SPAN)))
    assert said.data == {"opentelemetry": {"span_id": SPAN}}


# Text


def test_control_characters_are_escaped() -> None:
    text = "a\r\nb\0c\x1b[31m\x7f\x9b\u2028d\tö"
    assert read(messages().encode(entry(text=text))).text == (
        r"a\u000d\u000ab\u0000c\u001b[31m\u007f\u009b\u2028d\u0009ö"
    )


def test_what_utf_8_cannot_carry_is_escaped() -> None:
    assert read(messages().encode(entry(text="a\ud800b"))).text == r"a\ud800b"


def test_the_mark_of_utf_8_is_an_option() -> None:
    assert messages(bom=True).encode(entry()).endswith(b" - \xef\xbb\xbf{}")
    assert messages().encode(entry()).endswith(b" - {}")


def test_a_size_without_room_for_text_stops_the_start() -> None:
    with pytest.raises(ValueError, match=r"^max: expected \d+ octets or more"):
        messages(most=480, host="h" * 255)


@given(st.integers(0, 255), st.integers(0, 128), st.integers(0, 32))
def test_the_least_size_is_enough_for_any_header(host: int, procid: int, msgid: int) -> None:
    names = {"host": "h" * host, "procid": "p" * procid, "msgid": "m" * msgid, "pen": "1" * 10, "app": "a" * 99}
    options = names | {"facility": 23, "bom": True}
    least = messages(**options, most=4096).least
    line = entry(text="x" * 500, trace_id="a" * 32, span_id="b" * 32, trace_flags="c" * 32)
    found = messages(**options, most=least).encode(line)
    assert len(found) == least
    assert len(read(found).text) >= 120
