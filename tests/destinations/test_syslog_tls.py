"""Syslog over TLS: who the server is, is always checked."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from midwatch.delivery import Channel, flush
from midwatch.destinations import Shipped

from .syslog_peer import LONG, Authority, breaks, ends, entries, never_ends, numbers, peer, reads

Ship = Callable[[str], Channel[Shipped]]


def refused(channel: Channel[Shipped], match: str) -> None:
    """That nothing goes to the server, and why."""
    send: Any = channel._deliver
    with pytest.raises(ssl.SSLError, match=match):
        send(entries(1))
    assert channel.pending == 0


def test_lines_arrive_at_a_server_that_is_trusted(ship: Ship, certificates: Authority) -> None:
    with peer(context=certificates.context("localhost")) as server:
        channel = ship(f"syslog+tls://localhost:{server.port}?ca={certificates.ca}")
        for entry in entries(*range(1000)):
            channel.put(entry)
        assert flush(LONG)
        assert (channel.sent, channel.dropped) == (1000, 0)
        server.wait_until_ended(1)
        assert server.texts() == numbers(*range(1000))


def test_an_address_is_a_name_too(ship: Ship, certificates: Authority) -> None:
    with peer(context=certificates.context("localhost")) as server:
        channel = ship(f"syslog+tls://127.0.0.1:{server.port}?ca={certificates.ca}")
        channel.put(entries(1)[0])
        assert flush(LONG)
        assert server.texts() == ["1"]


def test_the_name_of_another_is_refused(ship: Ship, certificates: Authority) -> None:
    with peer(context=certificates.context("other")) as server:
        channel = ship(f"syslog+tls://localhost:{server.port}?ca={certificates.ca}")
        refused(channel, "CERTIFICATE_VERIFY_FAILED.*[Hh]ostname mismatch")
        assert server.texts() == []


def test_unless_it_is_the_name_that_is_expected(ship: Ship, certificates: Authority) -> None:
    with peer(context=certificates.context("other")) as server:
        channel = ship(f"syslog+tls://localhost:{server.port}?ca={certificates.ca}&servername=other.example")
        channel.put(entries(1)[0])
        assert flush(LONG)
        assert server.texts() == ["1"]


def test_an_authority_that_nobody_knows_is_refused(ship: Ship, certificates: Authority) -> None:
    with peer(context=certificates.context("localhost")) as server:
        refused(ship(f"syslog+tls://localhost:{server.port}"), "CERTIFICATE_VERIFY_FAILED")


def test_a_server_without_tls_is_refused(ship: Ship, certificates: Authority) -> None:
    with peer(lambda connection: connection.sock.sendall(b"hello\n" * 10)) as server:
        refused(ship(f"syslog+tls://localhost:{server.port}?ca={certificates.ca}"), "SSL")


def test_a_server_may_want_to_know_who_we_are(ship: Ship, certificates: Authority) -> None:
    ours = f"cert={certificates.folder}/other.pem&key={certificates.folder}/other.key"
    with peer(context=certificates.context("localhost", client_ca=True)) as server:
        channel = ship(f"syslog+tls://localhost:{server.port}?ca={certificates.ca}&{ours}")
        channel.put(entries(1)[0])
        assert flush(LONG)
        assert server.texts() == ["1"]


def test_who_is_turned_away_has_sent_nothing(ship: Ship, certificates: Authority) -> None:
    """With TLS 1.3, the client hears of it only after it has sent its lines."""
    with peer(context=certificates.context("localhost", client_ca=True)) as server:
        channel = ship(f"syslog+tls://localhost:{server.port}?ca={certificates.ca}")
        channel.put(entries(1)[0])
        assert not flush(0.6)
        assert channel.pending == 1
        assert server.texts() == []
        assert len(channel.leftovers()) == 1


@pytest.mark.parametrize("down", [breaks, ends])
def test_a_server_that_restarts_gets_everything(ship: Ship, certificates: Authority, down: Any) -> None:
    scripts = [script for number in range(3) for script in (down(5000), down(10_000 * number), reads)]
    with peer(*scripts, context=certificates.context("localhost")) as server:
        channel = ship(f"syslog+tls://localhost:{server.port}?ca={certificates.ca}")
        for entry in entries(*range(3000)):
            channel.put(entry)
        assert flush(LONG)
        assert channel.dropped == 0
        server.wait_until_ended(len(server.connections))
        assert list(dict.fromkeys(server.texts())) == numbers(*range(3000))


def test_a_server_that_says_goodbye_is_heard(ship: Ship, certificates: Authority) -> None:
    def takes_leave(connection: Any) -> None:
        connection.take(10)
        connection.sock.unwrap()

    with peer(takes_leave, reads, context=certificates.context("localhost")) as server:
        channel = ship(f"syslog+tls://localhost:{server.port}?ca={certificates.ca}")
        channel.put(entries(1)[0])
        assert flush(LONG)
        server.wait_until_ended(2)
        assert server.texts(1) == ["1"]


def test_a_server_that_never_ends_gives_no_receipt(ship: Ship, certificates: Authority) -> None:
    with peer(never_ends, context=certificates.context("localhost")) as server:
        channel = ship(f"syslog+tls://localhost:{server.port}?ca={certificates.ca}&timeout=0.3")
        channel.put(entries(1)[0])
        assert flush(LONG)
        channel.put(entries(2)[0])
        assert flush(LONG)
        assert server.texts(0) == ["1"]
