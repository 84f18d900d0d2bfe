"""One connection: what a receipt is worth, what is noticed, and that every call ends."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from midwatch.destinations.address import Address
from midwatch.destinations.wire import Wire

LONG = 30.0
SHORT = 0.1


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(LONG)
        yield sock


Connected = tuple[Wire, socket.socket]


@pytest.fixture
def connected(listener: socket.socket) -> Iterator[Callable[..., Connected]]:
    """A wire, and the server's side of it."""
    ends: list[Connected] = []

    def connect(timeout: float = LONG) -> Connected:
        wire = Wire(address(f"x://127.0.0.1:{listener.getsockname()[1]}"), timeout)
        wire.connect()
        other, _ = listener.accept()
        other.settimeout(LONG)
        ends.append((wire, other))
        return wire, other

    yield connect
    for wire, other in ends:
        wire.drop()
        other.close()


def soon() -> float:
    return monotonic() + LONG


def address(url: str) -> Address:
    return Address.of(url, 0, {})


def in_the_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def drained(sock: socket.socket) -> bytes:
    """Everything until the other side ends; then this side does."""
    with sock:
        return b"".join(iter(lambda: sock.recv(65536), b""))


# Receipts


def test_who_reads_everything_and_ends_gives_a_receipt(connected: Callable[..., Connected]) -> None:
    wire, other = connected()
    wire.send(b"x" * 1000)
    found: list[bytes] = []
    reader = in_the_background(lambda: found.append(drained(other)))
    assert wire.finish()
    reader.join(LONG)
    assert found == [b"x" * 1000]
    assert not wire.connected


def test_who_does_not_end_gives_none(connected: Callable[..., Connected]) -> None:
    wire, other = connected(SHORT)
    wire.send(b"x")
    assert not wire.finish()
    assert not wire.connected


def test_who_ends_with_something_unread_gives_none(connected: Callable[..., Connected]) -> None:
    wire, other = connected()
    wire.send(b"x" * 1000)
    assert wire.acknowledged(LONG)
    other.close()
    with pytest.raises(ConnectionError):
        wire.finish()
    assert not wire.connected


def test_who_ended_before_gives_none(connected: Callable[..., Connected]) -> None:
    """His end says nothing of what was sent after it."""
    wire, other = connected()
    other.close()
    assert wire._socket
    wire._socket.recv(1)
    with pytest.raises(ConnectionError):
        wire.finish()


def test_who_ends_at_the_same_time_gives_none(
    connected: Callable[..., Connected], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, other = connected()
    monkeypatch.setattr(Wire, "broken", False)
    other.close()
    wire.send(b"x")
    with pytest.raises(OSError):
        wire.finish()


def test_an_end_without_an_acknowledgement_is_none(
    connected: Callable[..., Connected], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have ended before the last of it came, and the reset be on its way."""
    wire, other = connected(SHORT)
    monkeypatch.setattr(Wire, "acknowledged", lambda *_: False)
    wire.send(b"x")
    reader = in_the_background(partial(drained, other))
    with pytest.raises(TimeoutError):
        wire.finish()
    reader.join(LONG)


def test_whose_machine_does_not_take_it_gives_none(connected: Callable[..., Connected]) -> None:
    wire, other = connected(SHORT)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    assert wire._socket
    wire._socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            wire._socket.send(b"x" * 65536)
    assert not wire.acknowledged()
    with pytest.raises(TimeoutError):
        wire.finish()
    assert not wire.connected


def test_a_socket_of_this_machine_gives_receipts_too(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        for reads in (True, False):
            wire = Wire(address(f"x:{tmp_path}/s"), LONG)
            wire.connect()
            other, _ = listener.accept()
            wire.send(b"x")
            assert not wire.acknowledged()
            if reads:
                reader = in_the_background(partial(drained, other))
                assert wire.finish()
                reader.join(LONG)
            else:
                other.close()
                with pytest.raises(ConnectionError):
                    wire.finish()


# What is noticed


def test_an_end_is_noticed(connected: Callable[..., Connected]) -> None:
    wire, other = connected()
    assert not wire.broken
    other.close()
    assert not wire.lasts(LONG)
    assert wire.broken


def test_a_break_is_noticed(connected: Callable[..., Connected]) -> None:
    wire, other = connected()
    wire.send(b"x")
    assert wire.acknowledged(LONG)
    other.close()  # With something unread.
    assert not wire.lasts(LONG)
    assert not wire.connected


def test_talk_is_no_end(connected: Callable[..., Connected]) -> None:
    wire, other = connected()
    other.sendall(b"hello" * 100_000)
    assert wire.lasts(SHORT)
    assert not wire.broken


def test_talk_without_end_holds_nobody_up(connected: Callable[..., Connected]) -> None:
    wire, other = connected()
    stop = threading.Event()

    def talk() -> None:
        while not stop.is_set():
            other.sendall(b"x" * 65536)

    talker = in_the_background(talk)
    assert wire.lasts(SHORT)
    assert not wire.broken
    stop.set()
    wire.lasts(SHORT)
    talker.join(LONG)


def test_before_it_is_connected_it_is_broken() -> None:
    wire = Wire(address("x://127.0.0.1:1"))
    assert wire.broken
    assert not wire.connected
    for call in (wire.finish, wire.check, wire.acknowledged, lambda: wire.send(b"x"), lambda: wire.receive(0)):
        with pytest.raises(ConnectionError):
            call()
    wire.drop()


# Every call ends


def test_sending_to_who_never_reads_ends(connected: Callable[..., Connected]) -> None:
    wire, _ = connected(SHORT)
    with pytest.raises(TimeoutError):
        wire.send(b"x" * (64 << 20))
    assert not wire.connected


def test_receiving_from_who_says_nothing_ends_and_keeps_it(connected: Callable[..., Connected]) -> None:
    wire, other = connected()
    with pytest.raises(TimeoutError):
        wire.receive(0.0)
    other.sendall(b"x")
    assert wire.receive(soon()) == b"x"
    other.close()
    assert wire.receive(soon()) == b""


def test_a_break_while_receiving_drops_it(connected: Callable[..., Connected]) -> None:
    wire, other = connected()
    wire.send(b"x")
    assert wire.acknowledged(LONG)
    other.close()
    with pytest.raises(ConnectionError):
        wire.receive(soon())
    assert not wire.connected


def test_a_handshake_that_nobody_answers_ends(listener: socket.socket) -> None:
    url = f"x://127.0.0.1:{listener.getsockname()[1]}"
    wire = Wire(Address.of(url, 0, {}, tls=True), SHORT)
    with pytest.raises(TimeoutError):
        wire.connect()
    assert not wire.connected


def test_it_connects_again(listener: socket.socket) -> None:
    wire = Wire(address(f"x://127.0.0.1:{listener.getsockname()[1]}"))
    for _ in range(2):
        wire.connect()
        first = wire._socket
        wire.connect()
        assert wire._socket is first
        listener.accept()[0].close()
        wire.drop()


CHILD = """
import os, socket, sys
from midwatch.destinations.address import Address
from midwatch.destinations.wire import Wire

with socket.create_server(("127.0.0.1", 0)) as listener:
    wire = Wire(Address.of(f"x://127.0.0.1:{listener.getsockname()[1]}", 0, {}))
    wire.connect()
    other, _ = listener.accept()
    if os.fork() == 0:
        fd = wire._socket.fileno()
        assert not wire.connected
        try:
            wire.send(b"child")
        except ConnectionError:
            pass
        try:
            os.fstat(fd)
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.wait()[1] == 0
    wire.send(b"parent")
    print(other.recv(100).decode())
"""


def test_a_child_leaves_its_parents_connection_alone() -> None:
    """And does not hold it open."""
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=LONG, check=False)
    assert (done.returncode, done.stdout) == (0, "parent\n"), done.stderr


def connections_to(listener: socket.socket) -> int:
    """How many sockets of this process are connected to it."""
    port = f":{listener.getsockname()[1]:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    known = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(port)}
    found = 0
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # Another thread has closed it just now.
            found += str(one.readlink()) in known
    return found


def test_nothing_stays_open(connected: Callable[..., Connected], listener: socket.socket) -> None:
    kept, _ = connected(SHORT)
    assert connections_to(listener) == 1
    for _ in range(5):
        wire, other = connected(SHORT)
        wire.send(b"x")
        other.close()
        with pytest.raises(OSError):
            wire.finish()
    kept.drop()
    assert connections_to(listener) == 0
