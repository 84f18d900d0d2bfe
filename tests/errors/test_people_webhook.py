"""Webhooks: what is posted, and that nothing of their URL is ever told."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from midwatch.delivery import Later, Refused, flush
from midwatch.errors.destinations.people import people_to, webhook
from midwatch.errors.notices import Notice, Summary, Words
from midwatch.errors.notices.verdicts import Line
from midwatch.service import Service

from ..tracing.export_double import Answer, Collector, collecting
from .people_double import LONG, NOON, SERVICE, notice, occurrence, raised

SECRET = "/services/T0SECRET/B0SECRET/abcSECRETdef"


@pytest.fixture
def hook() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def deliver(url: str, *notices: Notice) -> None:
    webhook.channel_to(url, SERVICE)._deliver(list(notices or (notice(),)))


def test_a_notice_is_a_post(hook: Collector) -> None:
    """Of JSON: text for Slack, a title, and fields by the names of log lines."""
    told = notice(ValueError("a < b & <!channel> @here"))
    deliver(f"webhook+http://{hook.at}{SECRET}?key=SECRET", told)
    (request,) = hook.requests
    assert request.path == f"{SECRET}?key=SECRET"
    assert request.headers["content-type"] == "application/json"
    body = json.loads(request.body)
    assert body["text"].startswith(
        "[orders production] ValueError: a &lt; b &amp; &lt;\u200b!channel&gt; @\u200bhere (first seen)\n\nWhere: "
    )
    assert body["title"] == "[orders production] ValueError: a < b & <\u200b!channel> @\u200bhere (first seen)"
    assert body["notice"] == "first"
    assert body["exception.message"] == "a < b & <!channel> @here"
    assert {key: body[key] for key in told.fields} == told.fields


def test_attributes_of_the_service_take_no_name_of_ours(hook: Collector) -> None:
    """Whatever they are called."""
    attributes = (("text", "forged"), ("title", "forged"), ("notice", "forged"), ("team", "shop"))
    told = Words(Service("orders", attributes=attributes)).summary(Summary("digest", [], 3, 0, NOON), NOON)
    deliver(f"webhook+http://{hook.at}/", told)
    assert b"forged" not in hook.requests[0].body
    assert json.loads(hook.requests[0].body)["team"] == "shop"


def test_a_digest_is_a_post(hook: Collector) -> None:
    """With all its kinds."""
    lines = [Line("v1:1", "ValueError: x", 7, 8, NOON)]
    deliver(f"webhook+http://{hook.at}/", Words(SERVICE).summary(Summary("digest", lines, 0, 0, NOON), NOON))
    body = json.loads(hook.requests[0].body)
    assert "7 x ValueError: x" in body["text"]
    assert body["errors"] == [{"error.fingerprint": "v1:1", "message": "ValueError: x", "error.count": 7}]


@pytest.mark.parametrize(
    ("answer", "expected", "told"),
    [
        (Answer(404, b"no_service"), Refused, "404 no_service"),
        (Answer(404, f"Cannot POST {SECRET}".encode()), Refused, "404"),
        (Answer(302, b"", {"location": SECRET}), Refused, "302"),
        (Answer(500, b"oops"), Refused, "500 oops"),
        (Answer(429, b"ratelimited", {"retry-after": "7"}), Later, "429 ratelimited"),
        (Answer(503, SECRET.encode()), Later, "503"),
    ],
)
def test_what_it_answers(hook: Collector, answer: Answer, expected: type[Exception], told: str) -> None:
    """Is told as far as it is a word; a page might quote the URL."""
    hook.usual = answer
    with pytest.raises(expected) as caught:
        deliver(f"webhook+http://me:SECRET@{hook.at}{SECRET}?key=SECRET")
    assert str(caught.value) == f"webhook+http://{hook.at}: {told}"
    assert caught.value.__cause__ is None
    if isinstance(caught.value, Later) and "retry-after" in answer.headers:
        assert caught.value.seconds == 7


def test_nobody_listens(hook: Collector) -> None:
    """It is tried again, and nothing of the URL is told."""
    hook.usual = Answer(raw=lambda connection: None)
    with pytest.raises(ConnectionError) as caught:
        deliver(f"webhook+http://{hook.at}{SECRET}")
    assert str(caught.value).startswith(f"webhook+http://{hook.at}: ")
    assert "SECRET" not in str(caught.value)


def test_nothing_is_logged_and_nothing_is_shown(hook: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """Not even by urllib3 at DEBUG, which would log the path; others may still log with it."""
    caplog.set_level(logging.DEBUG)
    people = people_to([f"webhook+http://me:SECRET@{hook.at}{SECRET}?key=SECRET"], SERVICE)
    (channel,) = people._channels
    hook.answers = [Answer(429, SECRET.encode(), {"retry-after": "0"}), Answer(404, SECRET.encode())]
    people.take(occurrence(raised(ValueError())))
    assert flush(LONG)
    assert channel.dropped == 1
    assert "SECRET" not in caplog.text + repr(channel) + channel.name + repr(people)
    assert "midwatch.delivery" in {record.name for record in caplog.records}
    logging.getLogger("urllib3.connectionpool").debug("of somebody else")
    assert "of somebody else" in caplog.text


def test_no_span_is_made_of_it(hook: Collector) -> None:
    """Neither of ours nor of others."""
    from opentelemetry.instrumentation.utils import is_http_instrumentation_enabled

    from midwatch.hushed import hushed

    with hushed():
        assert not is_http_instrumentation_enabled()
    assert is_http_instrumentation_enabled()


def test_all_ways_are_told_the_same(hook: Collector) -> None:
    """Each by its own channel: one that hangs delays no other."""
    over = threading.Event()
    with collecting() as slow:
        slow.usual = Answer(raw=lambda connection: over.wait(LONG))
        people = people_to([f"webhook+http://{slow.at}/a", f"webhook+http://{hook.at}/b"], SERVICE)
        for number in range(5):
            people.take(occurrence(raised(ValueError())))
            if number == 0:
                assert hook.came.acquire(timeout=LONG)
        people.close(1.0)
        assert hook.came.acquire(timeout=LONG)
        assert [json.loads(request.body)["notice"] for request in hook.requests] == ["first", "digest"]
        first, _ = (json.loads(request.body) for request in hook.requests)
        assert json.loads(slow.requests[0].body) == first
        people._channels[0].leftovers()
        over.set()
    assert people.alarm.join(LONG)


@pytest.mark.parametrize("text", ["\r\n" * (1 << 19), "\ud800", "x" * (1 << 20), '"}\n{"text": "'])
def test_whatever_an_exception_says(hook: Collector, text: str) -> None:
    """It is one JSON object, of bounded size."""
    deliver(f"webhook+http://{hook.at}/", notice(ValueError(text)))
    body = hook.requests[0].body
    assert len(body) < 100_000
    told: dict[str, Any] = json.loads(body)
    assert told["notice"] == "first"
    assert len(told["text"]) < 5000
