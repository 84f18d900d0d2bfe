"""One server, whatever it does: a chunk is acknowledged, or an error says why not."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch.destinations.fluentd.connection import MOST, Connection
from midwatch.destinations.fluentd.handshake import Handshake
from midwatch.destinations.fluentd.message import Chunk, Chunks
from midwatch.destinations.fluentd.options import addresses_of

from .fluentd_double import Inbox, Secured, ack, encode, hangs, lines, resets, says, takes
from .syslog_peer import LONG, Authority, Peer, peer
from .syslog_peer import Connection as Accepted

Connect = Callable[..., Connection]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A connection to a peer."""
    made: list[Connection] = []

    def to(
        server: Peer,
        timeout: float = LONG,
        handshake: Handshake | None = None,
        scheme: str = "fluentd",
        query: str = "",
    ) -> Connection:
        (address,) = addresses_of(f"{scheme}://127.0.0.1:{server.port}/{query}")
        made.append(Connection(address, timeout, handshake))
        return made[-1]

    yield to
    for connection in made:
        connection.drop()


def chunk(number: int = 1, *, ack: bool = True) -> Chunk:
    (made,) = Chunks("shop", ack=ack).of(lines(number))
    return made


# With acknowledgements


def test_a_chunk_is_sent_and_acknowledged(connect: Connect, inbox: Inbox) -> None:
    with peer(takes(inbox)) as server:
        connection = connect(server)
        for number in range(3):
            connection.send(chunk(number))
        assert inbox.numbers == [0, 1, 2]
        assert len(server.connections) == 1


def test_an_acknowledgement_may_come_byte_by_byte(connect: Connect, inbox: Inbox) -> None:
    def script(accepted: Accepted) -> None:
        def answer(message: Any) -> None:
            for byte in ack(message) or b"":
                accepted.sock.sendall(bytes([byte]))

        takes(inbox, answer)(accepted)

    with peer(script) as server:
        connect(server).send(chunk())


def test_a_server_that_has_closed_meanwhile_is_connected_to_again(connect: Connect, inbox: Inbox) -> None:
    with peer(takes(inbox, most=1)) as server:
        connection = connect(server)
        for number in range(3):
            connection.send(chunk(number))
            server.wait_until_ended(number + 1)
        assert inbox.numbers == [0, 1, 2]


def test_without_an_acknowledgement_in_time_it_fails(connect: Connect, inbox: Inbox) -> None:
    with peer(takes(inbox, lambda _: None), takes(inbox)) as server:
        connection = connect(server, 0.2)
        late = chunk()
        with pytest.raises(TimeoutError, match=r"no acknowledgement .*ack=0"):
            connection.send(late)
        connection.send(late)
        assert len(server.connections) == 2, "what is late is not waited for on the same connection"
        assert inbox.ids == [late.id, late.id]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda _: encode({"ack": "another"}), "another chunk"),
        (lambda _: encode({"ack": 7}), "another chunk"),
        (lambda _: encode({}), "another chunk"),
        (lambda _: encode([]), "something else"),
        (lambda _: encode(None), "something else"),
        (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "something else"),
        (lambda _: b"\x15\x03\x03\x00\x02\x02\x46", "something else"),  # an alert of TLS
        (lambda _: b"\xc1", "no MessagePack"),
        (lambda _: b"\xc6\xff\xff\xff\xff" + bytes(2 * MOST), "too long"),
        (lambda _: encode(["HELO", {"nonce": "n"}]), "wants a shared key"),
    ],
)
def test_another_answer_is_a_failure(connect: Connect, inbox: Inbox, answer: Any, why: str) -> None:
    with peer(takes(inbox, answer, most=1), takes(inbox)) as server:
        connection = connect(server)
        with pytest.raises(ConnectionError, match=why):
            connection.send(chunk(1))
        connection.send(chunk(2))
        assert inbox.numbers == [1, 2]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(min_size=1, max_size=64))
def test_garbage_is_a_failure_and_nothing_worse(garbage: bytes) -> None:
    inbox = Inbox()
    with peer(takes(inbox, lambda _: garbage, most=1)) as server:
        (address,) = addresses_of(f"fluentd://127.0.0.1:{server.port}")
        connection = Connection(address, LONG)
        with pytest.raises((ConnectionError, TimeoutError)):
            connection.send(chunk())
        connection.drop()


@pytest.mark.parametrize("how", [resets, lambda inbox: takes(inbox, lambda _: None, 1), lambda inbox: Accepted.reset])
def test_a_connection_that_ends_before_the_acknowledgement_is_a_failure(
    connect: Connect, inbox: Inbox, how: Any
) -> None:
    with peer(how(inbox), takes(inbox)) as server:
        connection = connect(server)
        with pytest.raises(OSError, match=r"closes|[Rr]eset|[Bb]roken"):
            connection.send(chunk(1))
        connection.send(chunk(1))
        assert inbox.numbers[-1] == 1


def test_what_is_said_unasked_does_not_count_as_an_answer_to_the_next(connect: Connect, inbox: Inbox) -> None:
    with peer(takes(inbox, lambda message: (ack(message) or b"") + encode({"ack": "x"}))) as server:
        connection = connect(server)
        connection.send(chunk(1))
        connection.send(chunk(2))
        assert inbox.numbers == [1, 2]


def test_a_server_that_does_not_read_is_given_up_in_time(connect: Connect) -> None:
    big = Chunk("name", bytes(50 << 20))
    with peer(hangs) as server, pytest.raises(TimeoutError):
        connect(server, 0.3).send(big)


def test_nobody_there(connect: Connect) -> None:
    with peer() as server:
        connection = connect(server)
    with pytest.raises(ConnectionRefusedError):
        connection.send(chunk())


# Without acknowledgements


def test_without_acknowledgements_nothing_is_waited_for(connect: Connect, inbox: Inbox) -> None:
    with peer(takes(inbox)) as server:
        connection = connect(server)
        for number in range(3):
            connection.send(chunk(number, ack=False))
        inbox.wait_for(3)
        assert inbox.ids == [None, None, None]
        assert len(server.connections) == 1


def test_without_acknowledgements_a_server_that_wants_a_key_is_noticed(connect: Connect) -> None:
    with peer(says(encode(["HELO", {"nonce": "n"}]))) as server:
        with pytest.raises(ConnectionError, match="wants a shared key"):
            connect(server).send(chunk(ack=False))
        server.wait_until_ended(1)
        assert not server.connections[0].data


@pytest.mark.parametrize("size", [1 << 20, 50 << 20])
def test_without_acknowledgements_a_server_that_does_not_read_is_noticed(connect: Connect, size: int) -> None:
    """Whether or not the kernel takes all of it."""
    with peer(hangs) as server, pytest.raises(TimeoutError):
        connect(server, 0.3).send(Chunk(None, bytes(size)))


def test_without_acknowledgements_a_server_that_throws_it_away_is_noticed(connect: Connect) -> None:
    def script(accepted: Accepted) -> None:
        accepted.take(1)
        accepted.reset()

    with peer(script) as server, pytest.raises(OSError, match=r"break|[Rr]eset|[Bb]roken"):
        connect(server).send(Chunk(None, bytes(5 << 20)))


def test_without_acknowledgements_a_server_that_has_closed_is_connected_to_again(
    connect: Connect, inbox: Inbox
) -> None:
    with peer(takes(inbox, most=1)) as server:
        connection = connect(server)
        connection.send(chunk(1, ack=False))
        server.wait_until_ended(1)
        connection.send(chunk(2, ack=False))
        inbox.wait_for(2)


# The handshake


def key(secret: str = "sesame", user: str | None = None, password: str | None = None) -> Handshake:
    return Handshake(secret, user, password)


@pytest.mark.parametrize("acked", [True, False])
@pytest.mark.parametrize("nonce", [b"\xff\x00\xfe", b"text", b""])
def test_with_the_right_key_chunks_arrive(connect: Connect, inbox: Inbox, nonce: bytes, acked: bool) -> None:
    with peer(Secured(inbox, nonce=nonce)) as server:
        connection = connect(server, handshake=key())
        connection.send(chunk(1, ack=acked))
        connection.send(chunk(2, ack=acked))
        inbox.wait_for(2)
        assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("handshake", "users", "why"),
    [
        (key("wrong"), {}, "refuses: shared_key mismatch"),
        (key(), {"ann": "secret"}, "refuses: username/password mismatch"),
        (key("sesame", "ann", "wrong"), {"ann": "secret"}, "refuses: username/password mismatch"),
        (key("sesame", "bob", "secret"), {"ann": "secret"}, "refuses: username/password mismatch"),
    ],
)
def test_with_another_key_or_user_none_does(
    connect: Connect, inbox: Inbox, handshake: Handshake, users: dict[str, str], why: str
) -> None:
    with peer(Secured(inbox, users=users)) as server:
        connection = connect(server, handshake=handshake)
        for _ in range(2):
            with pytest.raises(ConnectionError, match=why) as raised:
                connection.send(chunk())
            assert "sesame" not in str(raised.value)
        assert not inbox.messages


def test_with_the_right_user_chunks_arrive(connect: Connect, inbox: Inbox) -> None:
    with peer(Secured(inbox, users={"ann": "secret"})) as server:
        connect(server, handshake=key("sesame", "ann", "secret")).send(chunk())
        assert inbox.numbers == [1]


def test_a_server_that_does_not_know_the_key_itself_gets_nothing(connect: Connect, inbox: Inbox) -> None:
    with peer(Secured(inbox, pong=lambda pong: [*pong[:4], "0" * 128])) as server:
        with pytest.raises(ConnectionError, match="does not know the shared key"):
            connect(server, handshake=key()).send(chunk())
        server.wait_until_ended(1)
        assert not inbox.messages


def test_a_server_that_refuses_without_a_word_is_understood(connect: Connect, inbox: Inbox) -> None:
    with (
        peer(Secured(inbox, refuses_silently=True)) as server,
        pytest.raises(ConnectionError, match="probably its shared key is another one"),
    ):
        connect(server, handshake=key("wrong")).send(chunk())


def test_a_server_without_a_key_where_there_should_be_one_is_noticed_in_time(connect: Connect, inbox: Inbox) -> None:
    with peer(takes(inbox)) as server:
        with pytest.raises(TimeoutError, match="no HELO: it has no shared key"):
            connect(server, 0.2, handshake=key()).send(chunk())
        assert not inbox.messages


@pytest.mark.parametrize("begin", [encode({"ack": "x"}), b"220 mail.example ESMTP\r\n", b"\x00" * 10])
def test_another_beginning_is_a_failure(connect: Connect, begin: bytes) -> None:
    with peer(says(begin)) as server, pytest.raises(ConnectionError, match="begins with something else"):
        connect(server, handshake=key()).send(chunk())


def test_a_server_that_falls_silent_in_the_handshake_is_given_up_in_time(connect: Connect) -> None:
    with (
        peer(says(encode(["HELO", {"nonce": "n"}]))) as server,
        pytest.raises(TimeoutError, match="no answer to the handshake"),
    ):
        connect(server, 0.2, handshake=key()).send(chunk())


@pytest.mark.parametrize("acked", [True, False])
def test_a_server_that_keeps_no_connection_gets_one_for_each_chunk(connect: Connect, inbox: Inbox, acked: bool) -> None:
    with peer(Secured(inbox, keepalive=False)) as server:
        connection = connect(server, handshake=key())
        for number in range(3):
            connection.send(chunk(number, ack=acked))
        inbox.wait_for(3)
        assert inbox.numbers == [0, 1, 2]
        assert len(server.connections) == 3


# TLS


@pytest.mark.parametrize("acked", [True, False])
def test_over_tls(connect: Connect, inbox: Inbox, certificates: Authority, acked: bool) -> None:
    with peer(Secured(inbox), context=certificates.context("localhost")) as server:
        connection = connect(server, handshake=key(), scheme="fluentd+tls", query=f"?ca={certificates.ca}")
        for number in range(3):
            connection.send(chunk(number, ack=acked))
        inbox.wait_for(3)
        assert len(server.connections) == 1


def test_another_name_in_the_certificate_gets_nothing(connect: Connect, inbox: Inbox, certificates: Authority) -> None:
    with peer(takes(inbox), context=certificates.context("other")) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(server, scheme="fluentd+tls", query=f"?ca={certificates.ca}").send(chunk())
        named = f"?ca={certificates.ca}&servername=other.example"
        connect(server, scheme="fluentd+tls", query=named).send(chunk())


def test_a_certificate_that_nobody_signed_gets_nothing(connect: Connect, inbox: Inbox, certificates: Authority) -> None:
    with (
        peer(takes(inbox), context=certificates.context("localhost")) as server,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        connect(server, scheme="fluentd+tls").send(chunk())


def test_the_client_shows_its_certificate(connect: Connect, inbox: Inbox, certificates: Authority) -> None:
    mine = f"cert={certificates.folder}/localhost.pem&key={certificates.folder}/localhost.key"
    with peer(takes(inbox), context=certificates.context("localhost", client_ca=True)) as server:
        connect(server, scheme="fluentd+tls", query=f"?ca={certificates.ca}&{mine}").send(chunk())
        with pytest.raises(OSError, match=r"(?i)certificate|closes|reset|broken|EOF"):
            connect(server, scheme="fluentd+tls", query=f"?ca={certificates.ca}").send(chunk())


@pytest.mark.parametrize("acked", [True, False])
def test_tls_where_there_is_none(connect: Connect, certificates: Authority, acked: bool) -> None:
    with peer(says(b"hello")) as server, pytest.raises(OSError, match=r"(?i)ssl"):
        connect(server, scheme="fluentd+tls", query=f"?ca={certificates.ca}").send(chunk(ack=acked))


def test_no_tls_where_there_should_be(connect: Connect, inbox: Inbox, certificates: Authority) -> None:
    with (
        peer(takes(inbox), context=certificates.context("localhost")) as server,
        pytest.raises(OSError, match=r"something else|closes|[Rr]eset|[Bb]roken"),
    ):
        connect(server).send(chunk())


# Processes


def test_a_forked_child_has_a_connection_of_its_own(connect: Connect, inbox: Inbox) -> None:
    """The same object, as after a fork: only the process id differs."""
    with peer(takes(inbox)) as server:
        connection = connect(server)
        connection.send(chunk(1))
        connection._wire._process = os.getppid()
        connection.send(chunk(2))
        inbox.wait_for(2)
        assert len(server.connections) == 2
