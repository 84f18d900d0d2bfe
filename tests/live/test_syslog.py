"""Syslog to rsyslog and syslog-ng: read back field by field, and while they are restarted."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from midwatch.delivery import Channel, flush
from midwatch.destinations import Entry, Shipped
from midwatch.destinations.syslog import channel_to
from midwatch.service import Service

from ..destinations.syslog_peer import close
from .syslogs import Daemon, daemon

__all__ = ["daemon"]

pytestmark = pytest.mark.live

LONG = 60.0
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
DATA = f'[opentelemetry trace_id="{TRACE}" span_id="{SPAN}" trace_flags="01"]'

KINDS = [
    ("rsyslog", "udp", ""),
    ("rsyslog", "tcp", ""),
    ("rsyslog", "tcp", "?framing=lf"),
    ("rsyslog", "tls", ""),
    ("rsyslog", "log", ""),
    ("syslog-ng", "udp", ""),
    ("syslog-ng", "tcp", ""),
    ("syslog-ng", "tls", ""),
    ("syslog-ng", "log", ""),
    ("syslog-ng", "stream", ""),
]

Start = Callable[[str], Daemon]


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
        close(channel)


@pytest.mark.parametrize(("name", "kind", "query"), KINDS)
def test_every_field_arrives(daemon: Start, ship: Any, name: str, kind: str, query: str) -> None:
    server = daemon(name)
    channel = ship(server.url(kind) + query)
    text = json.dumps({"message": 'ö "quoted" [x] \\ \n', "n": 1}, ensure_ascii=False)
    channel.put(Entry(1_700_000_000.123456, "WARNING", "midwatch.request", text, TRACE, SPAN, "01"))
    channel.put(Entry(1_700_000_001.0, "ERROR", "midwatch.error", "two\nlines \x1b[31m"))
    assert flush(LONG)
    first, second = server.wait_for(2)
    assert first.text == text
    assert (first.priority, second.priority) == (12, 11)
    assert first.host == socket.gethostname()
    assert first.app == "shop"
    assert first.procid.isdigit()
    assert (first.msgid, second.msgid) == ("request", "error")
    assert first.created.startswith("2023-11-14T22:13:20.123456")
    # syslog-ng adds an element of its own.
    assert first.data.startswith(DATA)
    assert second.text == r"two\u000alines \u001b[31m"
    assert "opentelemetry" not in second.data


@pytest.mark.parametrize(("name", "kind", "query"), KINDS)
def test_the_longest_line_arrives_whole(daemon: Start, ship: Any, name: str, kind: str, query: str) -> None:
    server = daemon(name)
    channel = ship(server.url(kind) + query)
    most = 2048 if kind == "udp" else 8192
    channel.put(Entry(1_700_000_000.0, "INFO", "x", json.dumps({"message": "m" * 20_000, "last": 1})))
    channel.put(Entry(1_700_000_000.0, "INFO", "x", "end"))
    assert flush(LONG)
    first, _ = server.wait_for(2)
    line = json.loads(first.text)
    assert line["last"] == 1
    assert line["message"].endswith("m…")
    assert most - 200 < len(first.text.encode()) < most


@pytest.mark.parametrize("kind", ["tcp", "tls"])
@pytest.mark.parametrize("name", ["rsyslog", "syslog-ng"])
def test_nothing_is_lost_while_the_server_is_restarted(daemon: Start, ship: Any, name: str, kind: str) -> None:
    """It keeps its order, too, but for what came twice."""
    server = daemon(name)
    channel = ship(server.url(kind))
    pace = threading.Event()

    def feed() -> None:
        for number in range(5000):
            channel.put(Entry(1_700_000_000.0, "INFO", "midwatch.request", str(number)))
            pace.wait(0.001)  # a service that answers a thousand requests a second

    feeder = threading.Thread(target=feed)
    feeder.start()
    for number in range(5):
        server.wait_for(1 + 700 * number)
        server.restart()
    feeder.join(LONG)
    assert flush(LONG)
    assert (channel.sent, channel.dropped) == (5000, 0)
    server.process.stop()
    texts = [received.text for received in server.received()]
    assert list(dict.fromkeys(texts)) == [str(number) for number in range(5000)]
    print(f"{name} {kind}: {len(texts) - 5000} of 5000 came twice")


@pytest.mark.parametrize("name", ["rsyslog", "syslog-ng"])
@pytest.mark.parametrize("kind", ["tcp", "tls"])
def test_a_server_gives_receipts(daemon: Start, ship: Any, name: str, kind: str) -> None:
    """It ends when it is asked to: a flush takes no time-out."""
    server = daemon(name)
    channel = ship(server.url(kind))
    for number in range(3):
        channel.put(Entry(1_700_000_000.0, "INFO", "midwatch.request", str(number)))
        assert flush(2.0)
    receipts = channel._deliver.__self__._receipts
    assert receipts._ask_at == 0.0
    assert [received.text for received in server.wait_for(3)] == ["0", "1", "2"]
