"""`redis` and `rediss`: a server that is one, and those that are not."""

from __future__ import annotations

import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.health.builtin.redis import command

from .conftest import look
from .peers import Authority, floods, resets, says, serving, silent, trickles

CANARY = "not-a-secret"


def redis(connection: socket.socket) -> None:
    """A server with the user `ann` and databases 0 to 15."""
    stream = connection.makefile("rb")
    known = False
    while line := stream.readline():
        words = []
        for _ in range(int(line[1:])):
            size = int(stream.readline()[1:])
            words.append(stream.read(size).decode())
            stream.readline()
        if words in (["AUTH", CANARY], ["AUTH", "ann", CANARY]):
            known = True
            answer = b"+OK\r\n"
        elif words[0] == "AUTH":
            answer = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
        elif not known:
            answer = b"-NOAUTH Authentication required.\r\n"
        elif words[0] == "SELECT":
            answer = b"+OK\r\n" if int(words[1]) < 16 else b"-ERR DB index is out of range\r\n"
        else:
            answer = b"+PONG\r\n"
        connection.sendall(answer)


@pytest.mark.parametrize(
    ("user", "behind", "status", "output"),
    [
        (f":{CANARY}@", "", "pass", None),
        (f"ann:{CANARY}@", "/15", "pass", None),
        (f"ann:{CANARY}@", "/16", "fail", "it answers ERR"),
        (f"bob:{CANARY}@", "", "fail", "it answers WRONGPASS"),
        ("", "", "fail", "it answers NOAUTH"),
        ("ann@", "", "fail", "it answers NOAUTH"),
    ],
)
def test_it_says_who_we_are_and_asks(user: str, behind: str, status: str, output: str | None) -> None:
    with serving(redis) as port:
        found = look(f"redis://{user}127.0.0.1:{port}{behind}")
    assert (found.status, found.output) == (status, output)


def test_over_tls(authority: Authority) -> None:
    with serving(redis, authority.context(30)) as port:
        place = f"rediss://:{CANARY}@localhost:{port}/0"
        assert look(f"{place}?ca={authority.ca}").status == "pass"
        assert look(place).status == "fail"


@pytest.mark.parametrize(
    ("script", "output"),
    [
        (silent, "timed out"),
        (resets, "Connection reset by peer"),
        (lambda connection: connection.recv(100), "it closed the connection"),
        (says(b"-LOADING Redis is loading the dataset in memory\r\n"), "it answers LOADING"),
        (says(f"-{CANARY} {CANARY}\r\n".encode()), "it answers an error"),
        (says(b"HTTP/1.1 400 Bad Request\r\n"), "it does not speak RESP"),
        (says(b"$4\r\nPONG\r\n"), "it does not speak RESP"),
        (floods(b"x" * 4096), "it does not speak RESP"),
        (says(b"+PO"), "timed out"),
    ],
)
def test_servers_that_are_none(script: object, output: str) -> None:
    with serving(script) as port:  # type: ignore[arg-type]
        found = look(f"redis://127.0.0.1:{port}?timeout=0.2")
    assert (found.status, found.output) == ("fail", output)


def test_a_reply_that_trickles_ends_in_time(stopped: threading.Event) -> None:
    with serving(trickles(b"+", stopped)) as port:
        assert look(f"redis://127.0.0.1:{port}?timeout=0.2").output == "timed out"
        stopped.set()


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
def test_no_word_can_be_more_than_a_word(words: list[str]) -> None:
    data = command(*words)
    head, _, rest = data.partition(b"\r\n")
    assert head == b"*%d" % len(words)
    for word in words:
        size, _, rest = rest.partition(b"\r\n")
        number = int(size.removeprefix(b"$"))
        assert rest[:number].decode() == word
        assert rest[number : number + 2] == b"\r\n"
        rest = rest[number + 2 :]
    assert rest == b""
