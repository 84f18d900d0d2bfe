"""From a queue to a server: what arrives, what is counted, and what processes do to it."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from midwatch.delivery import Channel, flush
from midwatch.destinations import Shipped
from midwatch.destinations.fluentd import channel_to
from midwatch.service import Service

from .fluentd_double import Inbox, Secured, ack, hangs, lines, resets, takes
from .syslog_peer import LONG, Authority, Peer, peer

Ship = Callable[[str], Channel[Shipped]]


@pytest.fixture
def ship() -> Iterator[Ship]:
    """The channel to a server; what is behind it ends with the test."""
    made: list[Channel[Shipped]] = []

    def to(url: str) -> Channel[Shipped]:
        made.append(channel_to(url, Service("my shop")))
        return made[-1]

    yield to
    for channel in made:
        channel.leftovers()
        for server in channel._deliver.__self__._servers:  # type: ignore[attr-defined]
            server.drop()


def put(channel: Channel[Shipped], *numbers: int, **options: str) -> None:
    for line in lines(*numbers, **options):
        channel.put(line)


def test_lines_arrive_with_the_service_s_name_in_the_tag(ship: Ship) -> None:
    inbox = Inbox()
    with peer(takes(inbox)) as server:
        channel = ship(f"fluentd://127.0.0.1:{server.port}")
        put(channel, *range(1000))
        put(channel, 1000, logger="midwatch.audit")
        assert flush(LONG)
    assert [number for number in inbox.numbers if number < 1000] == list(range(1000))
    assert {message.tag for message in inbox.messages} == {"my_shop.request", "my_shop.audit"}
    assert (channel.sent, channel.dropped, channel.pending) == (1001, 0, 0)


def test_the_path_is_the_prefix(ship: Ship) -> None:
    inbox = Inbox()
    with peer(takes(inbox)) as server:
        put(ship(f"fluentd://127.0.0.1:{server.port}/team/orders"), 1, logger="sqlalchemy")
        assert flush(LONG)
    assert inbox.messages[0].tag == "team.orders.log"


def test_a_failure_is_tried_again_until_it_is_none(ship: Ship) -> None:
    inbox = Inbox()
    with peer(resets(inbox), resets(inbox), takes(inbox)) as server:
        channel = ship(f"fluentd://127.0.0.1:{server.port}")
        put(channel, 1, 2, 3)
        assert flush(LONG)
    assert inbox.numbers == [1, 2, 3] * 3
    assert len(set(inbox.ids)) == 1
    assert (channel.sent, channel.dropped) == (3, 0)


def test_a_server_that_starts_late_gets_everything(ship: Ship) -> None:
    inbox = Inbox()
    with peer() as gone:
        port = gone.port
    channel = ship(f"fluentd://127.0.0.1:{port}")
    put(channel, 1)
    assert not flush(0.05)
    with peer(takes(inbox), port=port):
        assert flush(LONG)
    assert inbox.numbers == [1]


def test_what_nobody_takes_is_counted(ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midwatch.destinations.fluentd.GIVE_UP", 0.0)
    with peer() as gone:
        url = f"fluentd://127.0.0.1:{gone.port}"
    channel = ship(url)
    put(channel, 1, 2)
    assert flush(LONG)
    assert (channel.sent, channel.dropped) == (0, 2)


@pytest.mark.parametrize("query", ["?shared_key=WRONG-K3Y", "?key=WRONG-K3Y"])
def test_a_wrong_key_is_told_with_the_server_s_name_and_without_the_key(
    ship: Ship, caplog: pytest.LogCaptureFixture, query: str
) -> None:
    caplog.set_level(logging.WARNING, "midwatch.delivery")
    inbox = Inbox()
    with peer(Secured(inbox, users={"ann": "P4ss"})) as server:
        channel = ship(f"fluentd://ann:P4ss@127.0.0.1:{server.port}{query}")
        put(channel, 1)
        assert not flush(0.3)
    (told,) = caplog.messages
    assert f"fluentd://127.0.0.1:{server_port(channel)}: 1 pending" in told
    assert told.endswith(f"127.0.0.1:{server_port(channel)}: it refuses: shared_key mismatch")
    for secret in ("K3Y", "P4ss", "ann", "sesame"):
        assert secret not in told
        assert secret not in channel.name


def server_port(channel: Channel[Shipped]) -> str:
    return channel.name.rpartition(":")[2]


def test_everything_at_once(ship: Ship, certificates: Authority) -> None:
    """TLS, a shared key, a user, and a server that stands in for another one."""
    inbox = Inbox()
    with (
        peer(hangs, context=certificates.context("other")) as other,
        peer(Secured(inbox, users={"ann": "p@ss"}), context=certificates.context("localhost")) as server,
    ):
        hosts = f"127.0.0.1:{other.port},localhost:{server.port}"
        channel = ship(f"fluentd+tls://ann:p%40ss@{hosts}/shop?ca={certificates.ca}&shared_key=sesame")
        put(channel, *range(5000))
        assert flush(LONG)
    assert inbox.numbers == list(range(5000))


def test_a_file_of_tls_that_is_missing_stops_the_start() -> None:
    with pytest.raises(ValueError, match="No such file"):
        channel_to("fluentd+tls://localhost?ca=/nowhere/ca.pem", Service("shop"))


# A socket of this machine


def unix(path: Path, inbox: Inbox, answer: Any) -> Peer:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    return Peer(listener, (takes(inbox, answer),))


@pytest.mark.parametrize(("query", "named"), [("?tag=shop", False), ("?tag=shop&ack=1&compression=gzip", True)])
def test_a_socket_of_this_machine(ship: Ship, tmp_path: Path, query: str, named: bool) -> None:
    inbox = Inbox()
    server = unix(tmp_path / "f", inbox, ack if named else lambda _: None)
    try:
        channel = ship(f"fluentd+unix:{tmp_path}/f{query}")
        put(channel, *range(1000))
        assert flush(LONG)
        inbox.wait_for(2)
    finally:
        for line in channel._deliver.__self__._servers:  # type: ignore[attr-defined]
            line.drop()
        server.stop()
    assert inbox.numbers == list(range(1000))
    assert all((message.chunk is not None, message.compressed) == (named, named) for message in inbox.messages)
    assert inbox.messages[0].tag == "shop.request"


# Processes

FORKS = """
import os, sys
from midwatch.delivery import flush
from midwatch.destinations import Entry
from midwatch.destinations.fluentd import channel_to
from midwatch.service import Service

channel = channel_to(sys.argv[1], Service("shop"))

def put(*numbers):
    for number in numbers:
        channel.put(Entry(1.5, "INFO", "app", f'{{"n":{number}}}'))

put(*range(100))
assert flush(30)
put(*range(100, 200))  # the parent's, though the child has them in its memory
children = []
for child in range(3):
    pid = os.fork()
    if pid == 0:
        assert channel.pending == 0
        put(*range(1000 * (child + 1), 1000 * (child + 1) + 100))
        os._exit(0 if flush(30) else 1)
    children.append(pid)
put(*range(200, 300))
assert flush(30)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
put(*range(300, 400))
"""


def test_after_a_fork_each_process_sends_its_own_over_a_connection_of_its_own() -> None:
    inbox = Inbox()
    with peer(Secured(inbox)) as server:
        url = f"fluentd://127.0.0.1:{server.port}?shared_key=sesame"
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS, url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG, check=False)
        assert done.returncode == 0, done.stderr
        assert len(server.connections) == 4
    children = [number for child in (1000, 2000, 3000) for number in range(child, child + 100)]
    assert sorted(inbox.numbers) == [*range(400), *children]
    assert [number for number in inbox.numbers if number < 1000] == list(range(400))


def test_what_is_acknowledged_survives_the_end_of_the_process() -> None:
    inbox = Inbox()
    script = FORKS.partition("children = []")[0] + "assert flush(30)\nos._exit(0)"
    with peer(takes(inbox)) as server:
        url = f"fluentd://127.0.0.1:{server.port}"
        subprocess.run([sys.executable, "-c", script, url], check=True, timeout=LONG)
    assert inbox.numbers == list(range(200))
