"""Syslog over TCP: at least once, in order, whatever the server does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from midwatch.delivery import Channel, flush, worker
from midwatch.destinations import Entry, Shipped
from midwatch.destinations.syslog import receipts, window
from midwatch.destinations.syslog.framing import counted
from midwatch.destinations.syslog.message import Messages
from midwatch.destinations.syslog.options import address_of
from midwatch.destinations.syslog.stream import SURE, Stream
from midwatch.destinations.wire import Wire

from .syslog_peer import (
    LONG,
    Connection,
    Peer,
    breaks,
    breaks_at_the_end,
    ends,
    entries,
    never_ends,
    never_reads,
    numbers,
    peer,
    reads,
)
from .syslog_reader import read

Ship = Callable[[str], Channel[Shipped]]


class Clock:
    """A clock that is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sender(clock: Clock) -> Iterator[Callable[..., Stream]]:
    """A sender to a peer."""
    wires: list[Wire] = []

    def to(port: int | Peer, timeout: float = LONG) -> Stream:
        port = port if isinstance(port, int) else port.port
        wires.append(Wire(address_of(f"syslog+tcp://127.0.0.1:{port}"), timeout))
        messages = Messages(app="shop", host="here", facility=1, most=8192)
        return Stream(wires[-1], messages, counted, timeout, clock)

    yield to
    for wire in wires:
        wire.drop()


def until(done: Callable[[], bool]) -> None:
    """Wait for the rounds of a worker."""
    with worker.rounds:
        assert worker.rounds.wait_for(done, LONG)


def first(texts: list[str]) -> list[str]:
    """Each of *texts* where it came first."""
    return list(dict.fromkeys(texts))


# The plain way


def test_lines_arrive_in_order(ship: Ship) -> None:
    with peer() as server:
        channel = ship(f"syslog+tcp://127.0.0.1:{server.port}")
        for entry in entries(*range(1000)):
            channel.put(entry)
        assert flush(LONG)
        assert channel.pending == 0
        assert (channel.sent, channel.dropped) == (1000, 0)
        assert server.texts() == numbers(*range(1000))


def test_lines_may_be_the_framing(ship: Ship) -> None:
    with peer() as server:
        channel = ship(f"syslog+tcp://127.0.0.1:{server.port}?framing=lf")
        for text in ("one", "two\nlines", "three"):
            channel.put(Entry(0.0, "INFO", "x", text))
        assert flush(LONG)
        (connection,) = server.connections
        *lines, rest = bytes(connection.data).split(b"\n")
        assert [read(line).text for line in lines] == ["one", r"two\u000alines", "three"]
        assert rest == b""


def test_ipv6_and_names(ship: Ship) -> None:
    with peer(host="::1") as server:
        channel = ship(f"syslog+tcp://[::1]:{server.port}")
        channel.put(entries(1)[0])
        assert flush(LONG)
        assert server.texts() == ["1"]
    with peer() as server:
        channel = ship(f"syslog+tcp://localhost:{server.port}")
        channel.put(entries(2)[0])
        assert flush(LONG)
        assert server.texts() == ["2"]


def test_a_line_may_become_one_in_the_worker(ship: Ship) -> None:
    class Late:
        def entry(self) -> Entry:
            return Entry(0.0, "INFO", "x", threading.current_thread().name)

    with peer() as server:
        channel = ship(f"syslog+tcp://127.0.0.1:{server.port}")
        channel.put(Late())
        assert flush(LONG)
        assert server.texts() == ["midwatch-delivery"]


def test_a_server_that_comes_late_misses_nothing(ship: Ship) -> None:
    with peer() as server:
        port = server.port
    channel = ship(f"syslog+tcp://127.0.0.1:{port}")
    channel.put(entries(1)[0])
    assert not flush(0.2)
    assert channel.pending == 1
    with peer(port=port) as server:
        assert flush(LONG)
        assert server.texts() == ["1"]


# Breaks


def test_a_server_that_ends_within_a_record_gets_it_again(sender: Callable[..., Stream]) -> None:
    with peer(breaks(1000), reads) as server:
        stream = sender(server)
        stream.deliver(entries(*range(50)))
        server.wait_until_ended(1)
        stream.deliver(entries(*range(50, 100)))
        stream.settle(hurry=True)
        server.wait_until_ended(3)
        # All of the first again, with a receipt, then what is new.
        assert server.texts(1) == numbers(*range(50))
        assert server.texts(2) == numbers(*range(50, 100))
        assert stream.unsettled() == 0


def test_what_an_idle_server_took_with_it_is_sent_again(sender: Callable[..., Stream]) -> None:
    """Nothing newer has to come."""
    with peer(ends(10), reads) as server:
        stream = sender(server)
        stream.deliver(entries(1, 2, 3))
        server.wait_until_ended(1)
        stream.settle(hurry=False)
        assert stream.unsettled() == 0
        server.wait_until_ended(2)
        assert server.texts(1) == ["1", "2", "3"]


@pytest.mark.parametrize("down", [breaks, ends])
def test_a_server_that_restarts_again_and_again_gets_everything(ship: Ship, down: Any) -> None:
    scripts = [script for number in range(4) for script in (down(5000), down(10_000 * number), reads)]
    with peer(*scripts) as server:
        channel = ship(f"syslog+tcp://127.0.0.1:{server.port}")
        for entry in entries(*range(4000)):
            channel.put(entry)
        assert flush(LONG)
        assert channel.dropped == 0
        server.wait_until_ended(len(server.connections))
        texts = server.texts()
    assert len(server.connections) > 3
    assert first(texts) == numbers(*range(4000))


def test_what_cannot_be_sent_again_is_handed_back_in_order(sender: Callable[..., Stream]) -> None:
    with peer(ends(10)) as server:
        stream = sender(server)
        batch = entries(1, 2, 3)
        stream.deliver(batch)
        server.wait_until_ended(1)
    with pytest.raises(OSError):
        stream.settle(hurry=False)
    with pytest.raises(OSError):
        stream.deliver(entries(4))
    assert stream.unsettled() == 3
    assert stream.give_up() == batch
    assert stream.unsettled() == 0
    assert stream.settle(hurry=True) is False


def test_what_was_never_read_is_pending_and_then_counted(sender: Callable[..., Stream]) -> None:
    with peer(ends(10)) as server:
        stream = sender(server)
        channel: Channel[Shipped] = Channel("syslog", stream.deliver, apart=True, keeper=stream, give_up=0.0)
        for entry in entries(1, 2):
            channel.put(entry)
        server.wait_until_ended(1)
    # Nobody listens any more. What is given up is nowhere for an instant, so not only `pending` is waited for.
    until(lambda: (channel.pending, channel.sent, channel.dropped) == (0, 0, 2))


# The window


def test_what_is_old_on_a_connection_that_stands_has_arrived(sender: Callable[..., Stream], clock: Clock) -> None:
    with peer() as server:
        stream = sender(server)
        stream.deliver(entries(1))
        clock.now += SURE / 2
        stream.deliver(entries(2))
        assert stream._wire.acknowledged(LONG)
        clock.now += SURE / 2
        stream.settle(hurry=False)
        assert stream.unsettled() == 1
        clock.now += SURE / 2
        stream.settle(hurry=False)
        assert stream.unsettled() == 0
        stream.deliver(entries(3))
        stream.settle(hurry=True)
        assert server.texts(0) == ["1", "2", "3"]


def test_what_the_other_machine_has_not_taken_does_not_grow_old(sender: Callable[..., Stream], clock: Clock) -> None:
    with peer(never_reads) as server:
        stream = sender(server, 0.2)
        line = Entry(0.0, "INFO", "x", "x" * 8000)
        with pytest.raises(TimeoutError):
            while True:
                stream.deliver([line])
                clock.now += SURE
                stream._wire.acknowledged()
                if not stream._wire.acknowledged():
                    kept = stream.unsettled()
                    assert kept
                    clock.now += SURE
                    stream.settle(hurry=False)
                    assert stream.unsettled() == kept


def test_what_is_in_doubt_is_bounded(sender: Callable[..., Stream], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "MOST_ITEMS", 100)
    with peer() as server:
        stream = sender(server)
        for start in range(0, 1000, 60):
            stream.deliver(entries(*range(start, start + 60)))
            assert stream.unsettled() <= 160
        stream.settle(hurry=True)
        server.wait_until_ended(9)
        assert server.texts() == numbers(*range(1020))
        assert len(server.connections) == 9


def test_its_bytes_are_bounded_too(sender: Callable[..., Stream], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "MOST_BYTES", 10_000)
    with peer() as server:
        stream = sender(server)
        for _ in range(20):
            stream.deliver([Entry(0.0, "INFO", "x", "x" * 4000)])
            assert stream.unsettled() <= 4
        assert len(server.connections) > 3


def test_a_break_in_place_of_a_receipt_has_it_sent_again(sender: Callable[..., Stream]) -> None:
    with peer(breaks_at_the_end, reads) as server:
        stream = sender(server)
        stream.deliver(entries(1, 2))
        with pytest.raises(ConnectionError):
            stream.settle(hurry=True)
        assert stream.unsettled() == 2
        stream.settle(hurry=True)
        assert stream.unsettled() == 0
        assert server.texts(1) == ["1", "2"]


# Servers that give no receipts


def test_a_server_that_never_ends_is_asked_once(sender: Callable[..., Stream], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "STANDS", 0.05)
    with peer(never_ends) as server:
        stream = sender(server, 0.2)
        for number in range(3):
            stream.deliver(entries(number))
            stream.settle(hurry=True)
            assert stream.unsettled() == 0
        assert len(server.connections) == 2
        assert len(server.connections[0].data) > 0


def test_without_receipts_what_its_machine_has_not_taken_has_not_arrived(
    sender: Callable[..., Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "STANDS", 0.05)
    with peer(never_ends, never_reads) as server:
        stream = sender(server, 0.2)
        stream.deliver(entries(1))
        stream.settle(hurry=True)
        line = Entry(0.0, "INFO", "x", "x" * 8000)
        with pytest.raises(TimeoutError):
            for _ in range(10_000):
                stream.deliver([line])
                if not stream._wire.acknowledged():
                    stream.settle(hurry=True)
        assert stream.unsettled()
        server.stopped.set()


def test_a_server_that_always_breaks_at_the_end_is_asked_so_often(
    sender: Callable[..., Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "STANDS", 0.05)
    with peer(breaks_at_the_end) as server:
        stream = sender(server)
        stream.deliver(entries(1))
        for _ in range(receipts.DOUBTS):
            with pytest.raises(ConnectionError):
                stream.settle(hurry=True)
        stream.settle(hurry=True)
        assert stream.unsettled() == 0
        stream.deliver(entries(2))
        stream.settle(hurry=True)
        assert stream.unsettled() == 0
        assert len(server.connections) == receipts.DOUBTS + 1


def test_a_server_that_turns_everyone_away_has_taken_nothing(sender: Callable[..., Stream]) -> None:
    """However often: its machine acknowledges what it never sees."""

    def rejects(connection: Connection) -> None:
        connection.sock.recv(1)
        connection.reset()

    with peer(rejects) as server:
        stream = sender(server)
        stream.deliver(entries(1))
        for number in range(2 * receipts.DOUBTS):
            server.wait_until_ended(number + 1)
            with pytest.raises(OSError):
                stream.settle(hurry=True)
        assert stream.unsettled() == 1


def test_a_server_that_hangs_has_not_taken_what_its_machine_has_not(sender: Callable[..., Stream]) -> None:
    with peer(never_reads) as server:
        stream = sender(server, 0.2)
        line = Entry(0.0, "INFO", "x", "x" * 8000)
        with pytest.raises(TimeoutError):
            for _ in range(10_000):
                stream.deliver([line] * 64)
        assert stream.unsettled()
        server.stopped.set()


def test_a_server_that_never_reads_holds_up_nobody_else(ship: Ship) -> None:
    with peer(never_reads) as deaf, peer() as server:
        hangs = ship(f"syslog+tcp://127.0.0.1:{deaf.port}?timeout=30")
        other = ship(f"syslog+tcp://127.0.0.1:{server.port}")
        line = Entry(0.0, "INFO", "x", "x" * 8000)
        for _ in range(2000):
            hangs.put(line)
        for entry in entries(*range(100)):
            other.put(entry)
        assert not flush(1.0)
        assert hangs.pending > 0
        server.wait_until_ended(1)
        assert first(server.texts()) == numbers(*range(100))
        deaf.stop()
        hangs.leftovers()


def test_a_server_that_talks_is_not_listened_to(sender: Callable[..., Stream]) -> None:
    def talks(connection: Connection) -> None:
        connection.sock.sendall(b"welcome\r\n" * 1000)
        connection.take()
        connection.sock.sendall(b"bye\r\n" * 1000)

    with peer(talks) as server:
        stream = sender(server)
        for number in range(5):
            stream.deliver(entries(number))
        stream.settle(hurry=True)
        assert server.texts(0) == numbers(*range(5))
        assert len(server.connections) == 1
