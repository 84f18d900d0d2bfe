"""Batches and several servers: nothing is lost, and what is acknowledged is not sent again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.destinations.fluentd import channel_to
from midwatch.destinations.fluentd.connection import Connection
from midwatch.destinations.fluentd.message import MOST, Chunks
from midwatch.destinations.fluentd.options import addresses_of
from midwatch.destinations.fluentd.sender import RETURN, Sender
from midwatch.service import Service

from .fluentd_double import Inbox, Secured, ack, encode, lines, resets, takes, wobbles
from .syslog_peer import LONG, Peer, peer
from .syslog_peer import Connection as Accepted

if TYPE_CHECKING:
    from midwatch.destinations import Shipped

    from .fluentd_reader import Message


class Clock:
    """A clock that is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sender(clock: Clock) -> Iterator[Callable[..., Sender]]:
    made: list[Connection] = []

    def to(*servers: Peer | int, timeout: float = LONG) -> Sender:
        ports = [server if isinstance(server, int) else server.port for server in servers]
        addresses = addresses_of(f"fluentd://{','.join(f'127.0.0.1:{port}' for port in ports)}/shop")
        found = [Connection(address, timeout) for address in addresses]
        made.extend(found)
        return Sender(found, Chunks("shop"), clock)

    yield to
    for connection in made:
        connection.drop()


def closed_port() -> int:
    with peer() as gone:
        return gone.port


def two_tags() -> list[Shipped]:
    return [*lines(1, 2), *lines(3, logger="app"), *lines(4)]


# One server


def test_a_batch_goes_as_one_chunk_for_each_tag(sender: Callable[..., Sender]) -> None:
    inbox = Inbox()
    with peer(takes(inbox)) as server:
        sender(server).deliver(two_tags())
    assert [(message.tag, message.records) for message in inbox.messages] == [
        ("shop.request", [{"n": 1}, {"n": 2}, {"n": 4}]),
        ("shop.log", [{"n": 3}]),
    ]


def test_a_chunk_that_is_not_acknowledged_is_sent_again_by_the_same_name(sender: Callable[..., Sender]) -> None:
    inbox = Inbox()
    with peer(resets(inbox), takes(inbox)) as server:
        to, batch = sender(server), two_tags()
        with pytest.raises(ConnectionError):
            to.deliver(batch)
        to.deliver(batch)
    assert inbox.numbers == [1, 2, 4, 1, 2, 4, 3]
    assert inbox.ids[0] == inbox.ids[1] != inbox.ids[2]


def test_chunks_that_are_acknowledged_are_not_sent_again(sender: Callable[..., Sender]) -> None:
    inbox = Inbox()

    def first_only(message: Message) -> bytes | None:
        return ack(message) if message.tag == "shop.request" else b"\xc1"

    with peer(takes(inbox, first_only), takes(inbox)) as server:
        to, batch = sender(server), two_tags()
        with pytest.raises(
            ConnectionError, match=rf"^127.0.0.1:{server.port}: it answers with what is no MessagePack$"
        ):
            to.deliver(batch)
        to.deliver(batch)
    assert [message.tag for message in inbox.messages] == ["shop.request", "shop.log", "shop.log"]
    assert inbox.ids[1] == inbox.ids[2]


def test_another_list_is_another_batch_though_it_is_equal(sender: Callable[..., Sender]) -> None:
    inbox = Inbox()
    with peer(takes(inbox)) as server:
        to = sender(server)
        to.deliver(lines(1))
        to.deliver(lines(1))
    assert inbox.numbers == [1, 1]
    assert inbox.ids[0] != inbox.ids[1]


def test_what_was_given_up_is_not_sent_with_the_next_batch(sender: Callable[..., Sender]) -> None:
    inbox = Inbox()
    with peer(resets(inbox), takes(inbox)) as server:
        to = sender(server)
        with pytest.raises(ConnectionError):
            to.deliver(lines(1))
        to.deliver(lines(2))
    assert inbox.numbers == [1, 2]


def test_an_empty_batch_is_none(sender: Callable[..., Sender]) -> None:
    sender(closed_port()).deliver([])


def test_a_large_batch_is_whole(sender: Callable[..., Sender]) -> None:
    inbox = Inbox()
    batch = [line for number in range(200) for line in lines(number)]
    for line in batch:
        line.text = line.text[:-1] + f',"text":"{"x" * (MOST // 50)}"}}'  # type: ignore[attr-defined]
    with peer(takes(inbox)) as server:
        sender(server).deliver(batch)
    assert inbox.numbers == list(range(200))
    assert len(inbox.messages) == 5


FATES: dict[str, Callable[[Message], bytes | None]] = {
    "acks": ack,
    "breaks": lambda _: None,
    "lies": lambda _: encode({"ack": "another"}),
    "babbles": lambda _: b"\xc1",
}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(FATES)), max_size=12), st.integers(1, 4))
def test_whatever_happens_nothing_is_lost_and_only_whole_chunks_come_twice(fates: list[str], batches: int) -> None:
    inbox = Inbox()
    left = list(fates)

    def script(accepted: Accepted) -> None:
        while True:
            fate = left.pop(0) if left else "acks"
            before = len(inbox.messages)
            takes(inbox, FATES[fate], 1)(accepted)
            if fate != "acks" or len(inbox.messages) == before:
                return

    with peer(script) as server:
        (address,) = addresses_of(f"fluentd://127.0.0.1:{server.port}")
        connection = Connection(address, LONG)
        to = Sender([connection], Chunks("shop"))
        for number in range(batches):
            batch = [*lines(2 * number), *lines(2 * number + 1, logger="app")]
            while True:
                try:
                    to.deliver(batch)
                except ConnectionError:
                    continue
                break
        connection.drop()
    by_id: dict[str | None, list[Any]] = {}
    for message in inbox.messages:
        assert by_id.setdefault(message.chunk, message.records) == message.records
    assert sorted(record["n"] for records in by_id.values() for record in records) == list(range(2 * batches))


# Several


def test_the_first_server_that_answers_is_used(sender: Callable[..., Sender]) -> None:
    inbox = Inbox()
    with peer(takes(inbox)) as second:
        to = sender(closed_port(), second)
        to.deliver(lines(1))
        to.deliver(lines(2))
        assert len(second.connections) == 1
    assert inbox.numbers == [1, 2]


def test_when_it_fails_the_next_one_is_used_with_the_same_chunk(sender: Callable[..., Sender]) -> None:
    first, second = Inbox(), Inbox()
    with peer(wobbles(first)) as one, peer(takes(second)) as two:
        to = sender(one, two)
        to.deliver(lines(1))
        to.deliver(lines(2))
    assert first.numbers == [1, 2]
    assert second.numbers == [2]
    assert first.ids[1] == second.ids[0]


def test_the_preferred_one_is_used_again_after_a_while(sender: Callable[..., Sender], clock: Clock) -> None:
    first, second = Inbox(), Inbox()
    with peer(resets(Inbox()), takes(first)) as one, peer(takes(second)) as two:
        to = sender(one, two)
        to.deliver(lines(1))
        clock.now += RETURN - 1
        to.deliver(lines(2))
        clock.now += 2
        to.deliver(lines(3))
        to.deliver(lines(4))
        two.wait_until_ended(1)  # It is left, not kept.
    assert second.numbers == [1, 2]
    assert first.numbers == [3, 4]


def test_while_the_preferred_one_stays_away_it_is_asked_once_a_while(
    sender: Callable[..., Sender], clock: Clock
) -> None:
    lost, inbox = Inbox(), Inbox()
    with peer(resets(lost)) as one, peer(takes(inbox)) as two:
        to = sender(one, two)
        for number in range(10):
            to.deliver(lines(number))
            clock.now += RETURN / 3
        assert len(two.connections) == 1
    assert inbox.numbers == list(range(10))
    assert len(lost.messages) == 4


def test_after_the_last_one_comes_the_first(sender: Callable[..., Sender]) -> None:
    first, second = Inbox(), Inbox()
    with peer(resets(first), takes(first)) as one, peer(wobbles(second)) as two:
        to = sender(one, two)
        to.deliver(lines(1))
        to.deliver(lines(2))
    assert first.numbers == [1, 2]
    assert second.numbers == [1, 2]


def test_when_all_fail_the_error_names_each(sender: Callable[..., Sender]) -> None:
    one, two = closed_port(), closed_port()
    with pytest.raises(
        ConnectionError, match=rf"^127.0.0.1:{one}: Connection refused; 127.0.0.1:{two}: Connection refused$"
    ):
        sender(one, two).deliver(lines(1))


def test_another_server_is_told_of_once_a_minute(
    sender: Callable[..., Sender], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "midwatch.delivery")
    inbox = Inbox()
    with peer(wobbles(inbox)) as one, peer(wobbles(inbox)) as two:
        to = sender(one, two)
        for number in range(5):
            to.deliver(lines(number))
        ports = one.port, two.port
    (told,) = caplog.messages
    assert told.startswith(f"127.0.0.1:{ports[0]}: ")
    assert told.endswith(f"; now sending to 127.0.0.1:{ports[1]}")


def test_a_name_that_no_host_can_have_is_a_failure_like_others() -> None:
    inbox = Inbox()
    with peer(takes(inbox)) as server:
        addresses = addresses_of(f"fluentd://{'x' * 70}.example,127.0.0.1:{server.port}")
        connections = [Connection(address, LONG) for address in addresses]
        Sender(connections, Chunks("shop")).deliver(lines(1))
        connections[1].drop()
    assert inbox.numbers == [1]


def test_a_wrong_key_at_one_leaves_the_others() -> None:
    inbox = Inbox()
    with peer(Secured(inbox, key="other")) as one, peer(Secured(inbox)) as two:
        url = f"fluentd://127.0.0.1:{one.port},127.0.0.1:{two.port}?shared_key=sesame"
        channel = channel_to(url, Service("shop"))
        channel.put(lines(1)[0])
        assert channel.step()
        assert channel.sent == 1
        channel._deliver.__self__._servers[1].drop()  # type: ignore[attr-defined]
    assert inbox.numbers == [1]
