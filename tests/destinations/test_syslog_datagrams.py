"""Syslog as datagrams: UDP, and sockets of this machine of either kind."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from midwatch.delivery import Channel, flush
from midwatch.destinations import Entry, Shipped
from midwatch.destinations.syslog import datagrams
from midwatch.destinations.syslog.datagrams import Datagrams
from midwatch.destinations.syslog.message import Messages
from midwatch.destinations.syslog.options import address_of
from midwatch.destinations.wire import Wire

from .syslog_peer import LONG, Peer, entries, numbers, peer, reads
from .syslog_reader import Message, read

Ship = Callable[[str], Channel[Shipped]]


def bound(family: int, place: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(LONG)
    sock.bind(place)
    return sock


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with bound(socket.AF_INET, ("127.0.0.1", 0)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        yield sock


def taken(sock: socket.socket, count: int) -> list[Message]:
    """So many messages, one datagram each."""
    return [read(sock.recv(1 << 18)) for _ in range(count)]


def port_of(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


@pytest.fixture
def sender() -> Iterator[Callable[[int], Datagrams]]:
    """A sender to a port."""
    wires: list[Wire] = []

    def to(port: int) -> Datagrams:
        wires.append(Wire(address_of(f"syslog+udp://127.0.0.1:{port}"), datagrams=True))
        return Datagrams(wires[-1], Messages(app="shop", host="here", facility=1, most=2048))

    yield to
    for wire in wires:
        wire.drop()


# UDP


def test_each_message_is_a_datagram(ship: Ship, udp: socket.socket) -> None:
    channel = ship(f"syslog+udp://127.0.0.1:{port_of(udp)}")
    for entry in entries(*range(20)):
        channel.put(entry)
    assert flush(LONG)
    assert channel.pending == 0
    assert [message.text for message in taken(udp, 20)] == numbers(*range(20))


def test_ipv6(ship: Ship) -> None:
    with bound(socket.AF_INET6, ("::1", 0)) as sock:
        channel = ship(f"syslog+udp://[::1]:{port_of(sock)}")
        channel.put(entries(1)[0])
        assert flush(LONG)
        assert taken(sock, 1)[0].text == "1"


def test_a_name_with_several_addresses_is_tried_at_each(ship: Ship, udp: socket.socket) -> None:
    """`localhost` is ::1 first, where nobody listens; of that, UDP tells only after something was sent."""
    channel = ship(f"syslog+udp://localhost:{port_of(udp)}")
    for number in range(100):
        channel.put(entries(number)[0])
        assert flush(LONG)
        if select.select([udp], [], [], 0.01)[0]:
            break
    # The kernel tells soon, not at once: what was sent before may be lost.
    assert taken(udp, 1)[0].text in numbers(*range(100))


def test_a_server_that_is_down_gets_all_of_the_batch_later(sender: Callable[[int], Datagrams]) -> None:
    with bound(socket.AF_INET, ("127.0.0.1", 0)) as sock:
        place = sock.getsockname()
    sends, batch = sender(place[1]), entries(1, 2)
    with pytest.raises(ConnectionRefusedError):
        for _ in range(10_000):
            sends.deliver(batch)
    with bound(socket.AF_INET, place) as back:
        sends.deliver(batch)
        assert [message.text for message in taken(back, 2)] == ["1", "2"]


def test_no_datagram_is_longer_than_receivers_take(ship: Ship, udp: socket.socket) -> None:
    channel = ship(f"syslog+udp://127.0.0.1:{port_of(udp)}")
    channel.put(Entry(0.0, "INFO", "x", '{"a":"' + "x" * 100_000 + '"}'))
    assert flush(LONG)
    datagram = udp.recv(1 << 18)
    assert 2000 < len(datagram) <= 2048
    assert read(datagram).text.endswith('x…"}')


def test_what_does_not_fit_into_a_datagram_is_cut_until_it_does(ship: Ship, udp: socket.socket) -> None:
    channel = ship(f"syslog+udp://127.0.0.1:{port_of(udp)}?max=200000")
    channel.put(Entry(0.0, "INFO", "x", '{"a":"' + "x" * 100_000 + '"}'))
    channel.put(Entry(0.0, "INFO", "x", '{"b":"' + "x" * 100_000 + '"}'))
    assert flush(LONG)
    for name in ("a", "b"):
        text = taken(udp, 1)[0].text
        assert text.startswith(f'{{"{name}":"x')
        assert 40_000 < len(text.encode()) < 65_508
    assert (channel.sent, channel.dropped) == (2, 0)


def test_a_name_is_looked_up_again(ship: Ship, udp: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has moved could not tell."""
    monkeypatch.setattr(datagrams, "FRESH", 0.0)
    channel = ship(f"syslog+udp://127.0.0.1:{port_of(udp)}")
    places = []
    for entry in entries(1, 2):
        channel.put(entry)
        assert flush(LONG)
        places.append(udp.recvfrom(4096)[1])
    assert places[0] != places[1]


# Sockets of this machine


def test_a_socket_of_datagrams(ship: Ship, tmp_path: Path) -> None:
    with bound(socket.AF_UNIX, str(tmp_path / "log")) as sock:
        channel = ship(f"syslog+unix:{tmp_path}/log")
        for entry in entries(1, 2):
            channel.put(entry)
        assert flush(LONG)
        assert [message.text for message in taken(sock, 2)] == ["1", "2"]


def unix_peer(path: Path) -> Peer:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    return Peer(listener, (reads,))


def test_a_socket_of_a_stream_has_lines(ship: Ship, tmp_path: Path) -> None:
    """As syslog(3) sends them."""
    server = unix_peer(tmp_path / "log")
    try:
        channel = ship(f"syslog+unix:{tmp_path}/log")
        for entry in entries(*range(100)):
            channel.put(entry)
        assert flush(LONG)
        server.wait_until_ended(1)
        lines = bytes(server.connections[0].data).splitlines()
        assert [read(line).text for line in lines] == numbers(*range(100))
        assert channel.pending == 0
    finally:
        server.stop()


def test_a_socket_may_become_the_other_kind(ship: Ship, tmp_path: Path) -> None:
    path = tmp_path / "log"
    channel = ship(f"syslog+unix:{path}?framing=octets")
    with bound(socket.AF_UNIX, str(path)) as sock:
        channel.put(entries(1)[0])
        assert flush(LONG)
        assert taken(sock, 1)[0].text == "1"
    path.unlink()
    server = unix_peer(path)
    try:
        channel.put(entries(2)[0])
        assert flush(LONG)
        server.wait_until_ended(1)
        assert server.texts() == ["2"]
    finally:
        server.stop()
    path.unlink()
    with bound(socket.AF_UNIX, str(path)) as sock:
        channel.put(entries(3)[0])
        assert flush(LONG)
        assert taken(sock, 1)[0].text == "3"


def test_a_receiver_that_is_slow_gets_each_line_once(ship: Ship, tmp_path: Path) -> None:
    """The queue of a datagram socket is short; what went is not sent again."""
    with bound(socket.AF_UNIX, str(tmp_path / "log")) as sock:
        channel = ship(f"syslog+unix:{tmp_path}/log?timeout=0.05")
        for entry in entries(*range(2000)):
            channel.put(entry)
        assert not flush(0.3)
        found: list[Message] = []
        reader = threading.Thread(target=lambda: found.extend(taken(sock, 2000)))
        reader.start()
        assert flush(LONG)
        reader.join(LONG)
        assert [message.text for message in found] == numbers(*range(2000))


def test_a_socket_that_is_not_there_is_waited_for(ship: Ship, tmp_path: Path) -> None:
    channel = ship(f"syslog+unix:{tmp_path}/log")
    channel.put(entries(1)[0])
    assert not flush(0.2)
    with bound(socket.AF_UNIX, str(tmp_path / "log")) as sock:
        assert flush(LONG)
        assert taken(sock, 1)[0].text == "1"


def test_a_long_line_is_cut_until_the_socket_takes_it(ship: Ship, tmp_path: Path) -> None:
    with bound(socket.AF_UNIX, str(tmp_path / "log")) as sock:
        channel = ship(f"syslog+unix:{tmp_path}/log?max=262144")
        channel.put(Entry(0.0, "INFO", "x", "x" * 262_000))
        assert flush(LONG)
        assert taken(sock, 1)[0].text.endswith("x…")


def test_udp_needs_no_server_of_its_own_kind(ship: Ship) -> None:
    """A TCP server on the same port is another one."""
    with peer() as server, bound(socket.AF_INET, ("127.0.0.1", server.port)) as sock:
        channel = ship(f"syslog+udp://127.0.0.1:{server.port}")
        channel.put(entries(1)[0])
        assert flush(LONG)
        assert taken(sock, 1)[0].text == "1"
