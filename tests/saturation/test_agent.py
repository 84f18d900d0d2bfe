from __future__ import annotations

import re
import socket
import struct
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.plugin import failures
from midwatch.saturation import AgentPort
from midwatch.saturation.agent import PEERS, address, answer_of

HANG = 20.0
LINE = re.compile(rb"up (0|[1-9]\d?|100)%\n")
"""Words between spaces, one of them a percentage, and a line feed (HAProxy configuration manual, `agent-check`)."""


class Service:
    score: Any = 37.0
    draining = False


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def agent(service: Service) -> Iterator[AgentPort]:
    agent = AgentPort("127.0.0.1:0", score=lambda: service.score, draining=lambda: service.draining)
    assert agent.start()
    yield agent
    agent.stop()


def connected(agent: AgentPort) -> socket.socket:
    assert agent.port
    return socket.create_connection(("127.0.0.1", agent.port), HANG)


def read(peer: socket.socket) -> bytes:
    found = b""
    while piece := peer.recv(100):
        found += piece
    return found


def asked(agent: AgentPort, send: bytes = b"") -> bytes:
    with connected(agent) as peer:
        if send:
            peer.sendall(send)
        return read(peer)


@given(st.one_of(st.floats(), st.integers()), st.booleans())
def test_whatever_the_score_the_line_is_one_and_drains_only_while_draining(score: float, draining: bool) -> None:
    line = answer_of(score, draining=draining)
    found = LINE.fullmatch(line)
    assert found
    assert (found[1] == b"0") == draining


@given(st.floats(0, 100), st.floats(0, 100))
def test_more_load_is_never_more_weight(low: float, high: float) -> None:
    low, high = sorted((low, high))

    def weight(score: float) -> int:
        return int(answer_of(score, draining=False)[3:-2])

    assert weight(low) >= weight(high)


def test_the_weight_is_what_the_score_leaves(agent: AgentPort, service: Service) -> None:
    assert asked(agent) == b"up 63%\n"
    service.score = 0.0
    assert asked(agent) == b"up 100%\n"
    service.score = 100.0
    assert asked(agent) == b"up 1%\n"
    service.draining = True
    assert asked(agent) == b"up 0%\n"


def test_what_haproxy_sends_first_is_ignored_and_costs_no_answer(agent: AgentPort) -> None:
    assert asked(agent, b"state\n") == b"up 63%\n"
    assert asked(agent, b"x" * 5000) == b"up 63%\n"


def test_peers_that_say_nothing_and_stay_keep_nobody_waiting(agent: AgentPort) -> None:
    idle = [connected(agent) for _ in range(PEERS + 10)]
    try:
        for peer in idle:
            assert read(peer) == b"up 63%\n"
        assert asked(agent) == b"up 63%\n"
    finally:
        for peer in idle:
            peer.close()


def test_a_peer_that_resets_disturbs_nobody(agent: AgentPort) -> None:
    for _ in range(20):
        peer = connected(agent)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
    assert asked(agent) == b"up 63%\n"


def test_a_score_that_cannot_be_had_takes_no_traffic_away(agent: AgentPort, service: Service) -> None:
    service.score = "nonsense"
    before = failures.get("AgentPort.start", 0)
    assert asked(agent) == b"up 100%\n"
    assert failures["AgentPort.start"] == before + 1


def test_starting_twice_is_once_and_stopping_frees_the_port(agent: AgentPort) -> None:
    port = agent.port
    assert port
    assert agent.start()
    assert agent.port == port
    agent.stop()
    assert not agent.port
    with socket.create_server(("127.0.0.1", port)):
        pass
    agent.stop()
    assert agent.start()
    assert asked(agent) == b"up 63%\n"


def test_workers_share_a_port(agent: AgentPort) -> None:
    other = AgentPort(f"127.0.0.1:{agent.port}", score=lambda: 10.0)
    assert other.start()
    try:
        answers = {asked(agent) for _ in range(200)}
        assert answers == {b"up 63%\n", b"up 90%\n"}
    finally:
        other.stop()
    assert {asked(agent) for _ in range(50)} == {b"up 63%\n"}


def test_a_port_that_is_taken_is_said_once_and_breaks_nothing(log: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        agent = AgentPort(f"127.0.0.1:{port}", score=lambda: 0.0)
        assert not agent.start()
        assert not agent.start()
    assert log.lines == [f"no agent check on 127.0.0.1:{port}: Address already in use"]
    assert agent.start()
    agent.stop()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0:9777", ("0.0.0.0", 9777)),
        (":9777", ("0.0.0.0", 9777)),
        ("[::1]:1", ("::1", 1)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "9777", "host", "host:", "host:-1", "host:65536", "host:٣", "tcp://host:1", "a b:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"health\.agent: .* is no address such as"):
        address(text)


@given(st.text())
def test_addresses_are_read_or_refused(text: str) -> None:
    try:
        host, port = address(text)
    except ValueError:
        return
    assert host
    assert 0 <= port <= 65535


def test_an_ipv6_address() -> None:
    agent = AgentPort("[::1]:0", score=lambda: 50.0)
    if not agent.start():
        pytest.skip("this machine has no IPv6")
    try:
        assert agent.port
        with socket.create_connection(("::1", agent.port), HANG) as peer:
            assert read(peer) == b"up 50%\n"
    finally:
        agent.stop()


def test_a_child_leaves_the_port_to_its_parent_and_opens_its_own() -> None:
    program = """
        import os, socket, sys
        from midwatch.saturation import AgentPort

        agent = AgentPort("127.0.0.1:0", score=lambda: 40.0)
        assert agent.start()
        port = agent.port

        def asked():
            with socket.create_connection(("127.0.0.1", port), 10) as peer:
                return peer.recv(100)

        assert asked() == b"up 60%\\n"
        down, up = os.pipe(), os.pipe()
        pid = os.fork()
        if not pid:
            assert agent.port is None
            os.write(up[1], b"x")
            os.read(down[0], 1)   # the parent listens no more
            try:
                asked()
                os._exit(3)
            except ConnectionRefusedError:
                pass
            assert agent.start()
            os._exit(0 if agent.port else 4)
        os.read(up[0], 1)
        assert {asked() for _ in range(20)} == {b"up 60%\\n"}
        agent.stop()
        os.write(down[1], b"x")
        assert os.waitpid(pid, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=HANG)


def test_many_at_once(agent: AgentPort) -> None:
    answers: list[bytes] = []

    def ask() -> None:
        answers.extend(asked(agent) for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG)
    assert answers == [b"up 63%\n"] * 200


def test_a_peer_that_made_way_for_another_may_have_said_something(agent: AgentPort, service: Service) -> None:
    """The oldest of many speaks in the same moment in which one more comes: nobody else loses the agent."""
    asked_now, go_on = threading.Event(), threading.Event()

    peers = [connected(agent) for _ in range(PEERS)]
    for peer in peers:
        assert LINE.fullmatch(read(peer))

    class Slow:
        def __rsub__(self, other: float) -> float:
            return 50.0

        def __float__(self) -> float:
            asked_now.set()
            go_on.wait(HANG)
            return 50.0

    service.score = Slow()
    busy = connected(agent)  # One that keeps the agent busy, for which the oldest makes way.
    assert asked_now.wait(HANG)
    more = connected(agent)
    peers[1].sendall(b"anything")
    peers[1].close()
    service.score = 37.0
    go_on.set()
    for peer in (busy, more):
        assert LINE.fullmatch(read(peer))
    assert LINE.fullmatch(asked(agent))
    for peer in (busy, more, *peers):
        peer.close()
