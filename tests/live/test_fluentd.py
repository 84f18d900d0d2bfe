"""The forward protocol with the server of `@fluent-org/logger`: read back field by field, and while it is restarted."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from midwatch.delivery import Channel, flush
from midwatch.destinations import Entry, Shipped
from midwatch.destinations.fluentd import channel_to
from midwatch.service import Service

from .fluentd import Fluentd, fluentd

if TYPE_CHECKING:
    from ..destinations.syslog_peer import Authority

__all__ = ["fluentd"]

pytestmark = pytest.mark.live

LONG = 60.0
Start = Callable[..., Fluentd]
SECURITY = {"serverHostname": "the-server", "sharedKey": "sesame", "authorize": False, "userDict": {}}
USERS = {**SECURITY, "authorize": True, "userDict": {"ann": "p@ss"}}


@pytest.fixture
def ship() -> Iterator[Callable[[str], Channel[Shipped]]]:
    """The channel to a server; what is behind it ends with the test."""
    made: list[Channel[Shipped]] = []

    def to(url: str) -> Channel[Shipped]:
        made.append(channel_to(url, Service("shop")))
        return made[-1]

    yield to
    for channel in made:
        channel.leftovers()
        for server in channel._deliver.__self__._servers:  # type: ignore[attr-defined]
            server.drop()


def put(channel: Channel[Shipped], *numbers: int) -> None:
    for number in numbers:
        channel.put(Entry(1_700_000_000.25, "INFO", "midwatch.request", json.dumps({"n": number, "text": "x" * 400})))


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [event["record"]["n"] for event in events]


@pytest.mark.parametrize("query", ["", "?compression=none", "?ack=0"])
def test_every_field_arrives(fluentd: Start, ship: Any, query: str) -> None:
    server = fluentd()
    record = {"text": 'ö "quoted" \\ \n', "n": 1, "f": 1.5, "null": None, "list": [True, {"a": -1}], "big": "9" * 30}
    channel = ship(f"fluentd://127.0.0.1:{server.port}/orders.web{query}")
    channel.put(Entry(1_700_000_000.123456, "INFO", "midwatch.request", json.dumps(record)))
    channel.put(Entry(1_700_000_001.0, "ERROR", "sqlalchemy", "no JSON"))
    assert flush(LONG)
    first, second = server.wait_for(2)
    assert (first["tag"], first["record"]) == ("orders.web.request", record)
    assert first["time"][0] == 1_700_000_000
    assert abs(first["time"][1] - 123_456_000) <= 1000
    assert second["tag"] == "orders.web.log"
    assert second["record"] == {"message": "no JSON", "level": "ERROR", "logger": "sqlalchemy"}


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("security", [None, SECURITY, USERS])
def test_all_ways_to_speak_to_it(
    fluentd: Start, ship: Any, certificates: Authority, security: Any, tls: bool, compression: str
) -> None:
    files = {"key": f"{certificates.folder}/localhost.key", "cert": f"{certificates.folder}/localhost.pem"}
    server = fluentd(security=security, tls=files if tls else None)
    user = "ann:p%40ss@" if security is USERS else ""
    options = [f"compression={compression}"]
    if tls:
        options.append(f"ca={certificates.ca}")
    if security:
        options.append("shared_key=sesame")
    channel = ship(f"fluentd{'+tls' if tls else ''}://{user}127.0.0.1:{server.port}/orders?{'&'.join(options)}")
    put(channel, *range(2000))
    assert flush(LONG)
    events = server.wait_for(2000)
    assert numbers(events) == list(range(2000))
    assert {event.get("compressed") == "gzip" for event in events} == {compression == "gzip"}
    assert (channel.sent, channel.dropped) == (2000, 0)


@pytest.mark.parametrize(
    ("security", "url", "why"),
    [
        (SECURITY, "fluentd://{place}?shared_key=wr0ng", "it refuses: shared key mismatch"),
        (USERS, "fluentd://ann:wr0ng@{place}?shared_key=sesame", "it refuses: username/password mismatch"),
        (USERS, "fluentd://{place}?shared_key=sesame", "it refuses: missing authentication information"),
        (SECURITY, "fluentd://{place}", "it wants a shared key: shared_key="),
        (
            None,
            "fluentd://{place}?shared_key=sesame&timeout=0.2",
            "no HELO: it has no shared key, or is no such server",
        ),
    ],
)
def test_who_it_does_not_know_is_told_why(
    fluentd: Start, ship: Any, caplog: pytest.LogCaptureFixture, security: Any, url: str, why: str
) -> None:
    caplog.set_level(logging.WARNING, "midwatch.delivery")
    server = fluentd(security=security)
    place = f"127.0.0.1:{server.port}"
    put(ship(url.format(place=place)), 1)
    assert not flush(0.5)
    (told,) = caplog.messages
    assert told.endswith(f"{place}: {why}")
    assert not server.events


@pytest.mark.parametrize("tls", [False, True])
def test_restarted_five_times_it_loses_nothing_and_has_only_whole_chunks_twice(
    fluentd: Start, ship: Any, certificates: Authority, tls: bool
) -> None:
    files = {"key": f"{certificates.folder}/localhost.key", "cert": f"{certificates.folder}/localhost.pem"}
    server = fluentd(tls=files if tls else None, security=SECURITY)
    scheme, trust = ("fluentd+tls", f"&ca={certificates.ca}") if tls else ("fluentd", "")
    channel = ship(f"{scheme}://127.0.0.1:{server.port}/orders?shared_key=sesame{trust}")
    total, done = 5000, threading.Event()

    def feed() -> None:
        for start in range(0, total, 50):
            put(channel, *range(start, start + 50))
            done.wait(0.01)  # five restarts take longer than 5000 lines

    feeder = threading.Thread(target=feed)
    feeder.start()
    for restart in range(5):
        server.wait_for(600 * restart + 100)
        server.stop()
        server.start()
    feeder.join()
    assert flush(LONG)
    events = server.wait_for(total)
    chunks: dict[str, list[list[int]]] = {}
    latest = ""
    for event in events:
        if event["chunk"] != latest or event["record"]["n"] == chunks[latest][-1][0]:
            latest = str(event["chunk"])
            chunks.setdefault(latest, []).append([])
        chunks[latest][-1].append(event["record"]["n"])
    assert all(copies.count(copies[0]) == len(copies) for copies in chunks.values()), "a part of a chunk"
    assert [number for copies in chunks.values() for number in copies[0]] == list(range(total))
    assert (channel.sent, channel.dropped) == (total, 0)


def test_one_stands_in_for_another(fluentd: Start, ship: Any) -> None:
    one, two = fluentd(), fluentd()
    channel = ship(f"fluentd://127.0.0.1:{one.port},127.0.0.1:{two.port}/orders")
    put(channel, 1)
    assert flush(LONG)
    one.stop()
    put(channel, 2)
    assert flush(LONG)
    assert numbers(one.events) == [1]
    assert numbers(two.wait_for(1)) == [2]
