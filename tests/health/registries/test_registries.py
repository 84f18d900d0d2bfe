"""A service at its registries: there, known, drained, gone, whatever happens in between."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.health.drain import Drain
from midwatch.health.registries import Registration, Registrations, registry
from midwatch.health.registries.instance import Instance, address_of
from midwatch.health.registries.members import Members
from midwatch.metrics.slots import group
from midwatch.service import Service
from midwatch.testing import ScriptedApp

ADDRESS = "http://10.0.0.5:8000"
ID = "orders-10.0.0.5-8000"
SERVICE = Service(name="orders", version="1.4.2")


def at(peer: Any, kind: str = "consul", extra: str = "", **options: Any) -> Registration:
    return registry(f"{kind}://127.0.0.1:{peer.port}{extra}", **{"service": SERVICE, "address": ADDRESS, **options})


def test_consul_life(consul: Any) -> None:
    """Registered with a check that asks readiness; maintained while it drains; gone at the end."""
    drain = Drain()
    plugin = Registrations([at(consul, extra="?tag=blue&tag=eu&interval=5s")], drain)
    plugin.on_startup()
    consul.until(lambda: ID in consul.services)
    service = consul.services[ID]
    assert (service["Name"], service["Address"], service["Port"]) == ("orders", "10.0.0.5", 8000)
    assert (service["Tags"], service["Meta"]) == (["blue", "eu"], {"version": "1.4.2"})
    assert service["Check"] == {
        "HTTP": f"{ADDRESS}/health/ready",
        "Method": "GET",
        "Interval": "5s",
        "Timeout": "5s",
        "DeregisterCriticalServiceAfter": "300s",
    }
    drain.begin("test", 60)
    consul.until(lambda: consul.services[ID]["maintenance"])
    drain.end()
    consul.until(lambda: not consul.services[ID]["maintenance"])
    plugin.on_shutdown(10)
    assert consul.services == {}


def test_eureka_life(eureka: Any) -> None:
    """Registered with its lease; out of service while it drains; gone at the end."""
    drain = Drain()
    plugin = Registrations([at(eureka, "eureka")], drain)
    plugin.on_startup()
    eureka.until(lambda: ID in eureka.services)
    instance = eureka.services[ID]
    assert (instance["app"], instance["vipAddress"], instance["status"]) == ("ORDERS", "orders", "UP")
    assert instance["port"] == {"$": 8000, "@enabled": "true"}
    assert instance["leaseInfo"] == {"renewalIntervalInSecs": 30, "durationInSecs": 90}
    assert instance["healthCheckUrl"] == f"{ADDRESS}/health/ready"
    drain.begin("test", 60)
    eureka.until(lambda: eureka.status(ID) == "OUT_OF_SERVICE")
    drain.end()
    eureka.until(lambda: eureka.status(ID) == "UP")
    plugin.on_shutdown(10)
    assert eureka.services == {}


@pytest.mark.parametrize("kind", ["consul", "eureka"])
def test_forgotten_and_registered_again(request: pytest.FixtureRequest, clock: Any, kind: str) -> None:
    """A registry that was restarted without its data is told again; one that knows us is only asked."""
    peer = request.getfixturevalue(kind)
    one = at(peer, kind, clock=clock)
    one.turn()
    registered = len(peer.calls)
    clock.now += 31
    one.turn()
    assert len(peer.calls) == registered + 1
    peer.services.clear()
    clock.now += 31
    one.turn()
    assert ID in peer.services


@pytest.mark.parametrize("kind", ["consul", "eureka"])
def test_a_predecessor_that_was_killed_while_it_drained(request: pytest.FixtureRequest, kind: str) -> None:
    """Its end is not ours, though we have its id."""
    peer = request.getfixturevalue(kind)
    one = at(peer, kind)
    one.turn()
    one.drain()
    one.turn()
    at(peer, kind).turn()
    assert ID in peer.services
    if kind == "eureka":
        assert peer.status(ID) == "UP"
    else:
        assert not peer.services[ID]["maintenance"]


def test_a_check_that_is_told(consul: Any, clock: Any) -> None:
    """With `ttl`, the agent hears the status instead of asking."""
    status = "pass"
    one = at(consul, extra="?ttl=15s", clock=clock, status=lambda: status)
    one.turn()
    assert consul.services[ID]["Check"]["TTL"] == "15s"
    assert consul.services[ID]["status"] == "passing"
    for status, told in (("warn", "warning"), ("fail", "critical"), ("nonsense", "critical"), ("pass", "passing")):  # noqa: B007 - read by the lambda
        clock.now += 5
        one.turn()
        assert consul.services[ID]["status"] == told


def test_weights(consul: Any, clock: Any) -> None:
    """They follow the score, not more often than each 10 s and only by 10 points and more."""
    score = 0.0
    one = at(consul, clock=clock, score=lambda: score)
    one.turn()
    assert consul.services[ID]["Weights"] == {"Passing": 100, "Warning": 50}
    for score, seconds, weight in ((60, 5, 100), (60, 6, 40), (65, 11, 40), (200, 11, 1), (float("nan"), 11, 1)):  # noqa: B007
        clock.now += seconds
        one.turn()
        assert consul.services[ID]["Weights"]["Passing"] == weight


def test_it_is_said_that_it_is_registered(consul: Any, clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Once; not with every heartbeat."""
    one = at(consul, clock=clock)
    with caplog.at_level(logging.INFO, "midwatch"):
        for _ in range(3):
            one.turn()
            clock.now += 20
    assert caplog.messages == [f"service registry: {ADDRESS} is registered at {one.place}"]


def test_a_registry_that_is_down(consul: Any, clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Tried again, later each time; said once a minute; counted; no word of what it answers, which may be a secret."""
    consul.down = True
    one = registry(f"consul://secret-token@127.0.0.1:{consul.port}", service=SERVICE, address=ADDRESS, clock=clock)
    with caplog.at_level(logging.WARNING, "midwatch"):
        waits = [one.turn() for _ in range(9)]
    assert one.failures == 9
    assert waits[0] < 2
    assert waits[0] < waits[3] < waits[6]
    assert max(waits) <= 60 * 1.25
    assert len(caplog.records) == 1
    assert f"http://127.0.0.1:{consul.port}: 500 to PUT" in caplog.text
    assert "secret-token" not in caplog.text
    assert "secret-token" not in repr(vars(one))
    consul.down = False
    one.turn()
    assert ID in consul.services
    assert consul.headers[-1]["x-consul-token"] == "secret-token"


def test_nobody_there(clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The service runs as ever, and its end is not held up."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        one = registry(
            f"eureka://user:secret@127.0.0.1:{nobody.getsockname()[1]}", service=SERVICE, address=ADDRESS, clock=clock
        )
        with caplog.at_level(logging.WARNING, "midwatch"):
            one.start()
            one.stop(10)
    assert "no answer" in caplog.text
    assert "secret" not in caplog.text


def test_redirects_are_not_followed_and_calls_are_not_traced(consul: Any) -> None:
    """No trace header goes to a registry, whatever instruments urllib3."""
    at(consul).turn()
    assert not any("traceparent" in headers for headers in consul.headers)


def test_the_address_is_found(door: Any, consul: Any) -> None:
    """By the way to the registry, and the port that the first request tells; both go into the id."""
    one = at(consul, address=None)
    plugin = Registrations([one])
    app = door.watch(ScriptedApp(), plugin)
    one.turn()
    assert consul.services == {}
    native = {"server": ("testserver", 8123)} if door.name == "asgi" else {"SERVER_PORT": "8123"}
    door.call(app, **{"scope" if door.name == "asgi" else "environ": native})
    consul.until(lambda: consul.services)
    plugin.on_shutdown(10)
    assert consul.services == {}
    one = at(consul, address=None)
    one.learn(8123, secure=False)
    one.turn()
    assert list(consul.services) == ["orders-127.0.0.1-8123"]
    assert consul.services["orders-127.0.0.1-8123"]["Check"]["HTTP"] == "http://127.0.0.1:8123/health/ready"


def test_an_unknown_address_is_said(consul: Any, caplog: pytest.LogCaptureFixture) -> None:
    one = at(consul, address=None)
    with caplog.at_level(logging.WARNING, "midwatch"):
        one.turn()
    assert "health.address is not set" in caplog.text


def test_workers_are_one_instance(consul: Any, tmp_path: Path) -> None:
    """One of them speaks, another when that is gone; out and gone is the instance with the last of them."""
    first, second = (at(consul, shared=tmp_path) for _ in range(2))
    for one in (first, second):
        one._members.join()
        one.turn()
    assert sum("register" in call for call in consul.calls) == 1
    first.drain()
    first.turn()
    assert not consul.services[ID]["maintenance"], "the other still serves"
    first.stop(1)
    assert ID in consul.services
    second.turn()
    assert sum("register?" in call for call in consul.calls) == 2, "the second speaks now"
    second.drain()
    second.turn()
    assert consul.services[ID]["maintenance"]


def test_the_last_worker_says_goodbye(consul: Any, tmp_path: Path) -> None:
    workers = [at(consul, shared=tmp_path) for _ in range(3)]
    for one in workers:
        one.start()
    consul.until(lambda: ID in consul.services)
    for one in workers[:2]:
        one.stop(10)
        assert ID in consul.services
    workers[2].stop(10)
    assert consul.services == {}


def test_a_worker_without_requests_hears_the_address(consul: Any, tmp_path: Path) -> None:
    """From the one who has registered."""
    first, second = (at(consul, shared=tmp_path, address=None) for _ in range(2))
    first.learn(8123, secure=False)
    first.turn()
    second.turn()
    assert second.instance == first.instance is not None


def test_members_without_a_directory(tmp_path: Path) -> None:
    """Alone: the one who speaks, and the last."""
    for directory in (None, tmp_path / "gone"):
        members = Members(directory, "x")
        members.join()
        assert members.speaks() == (directory is None)
        assert members.leave()
        assert members.noted() == ""


SECRETS = ("consul", "consul+https", "eureka", "eureka+https", "nacos", "http")


@settings(deadline=None)
@given(
    st.sampled_from(SECRETS),
    st.text(st.characters(codec="ascii"), max_size=30),
    st.text(st.characters(codec="ascii"), max_size=30),
)
def test_any_url(scheme: str, host: str, rest: str) -> None:
    """Taken or refused by ValueError, and the password is never in the message."""
    url = f"{scheme}://user:hunter2@{host}/{rest}"
    message = ""
    try:
        registry(url, service=SERVICE)
    except ValueError as error:
        message = str(error)
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "url", ["nacos://host", "consul://host:port", "consul://h?ttl=soon", "consul://h?deregister_after=5s", "consul://",
            "consul://h?tags=a", "eureka://h?tag=a", "consul://a\nb@h"]
)  # fmt: skip
def test_urls_that_cannot_be_meant(url: str) -> None:
    with pytest.raises(ValueError, match=r"health\.register"):
        registry(url, service=SERVICE)


@pytest.mark.parametrize(
    "address", ["10.0.0.5:80", "ftp://h", "http://", "http://u:hunter2@h", "http://h/path", "http://h:x"]
)
def test_addresses_that_cannot_be_meant(address: str) -> None:
    with pytest.raises(ValueError, match=r"health\.address") as raised:
        address_of(address)
    assert "hunter2" not in str(raised.value)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_name_of_a_service(name: str) -> None:
    """Becomes one that registries and their paths take."""
    instance = Instance(name, "", ADDRESS, "/health/ready")
    assert instance.name
    assert set(instance.id) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")
    json.dumps(instance)


HOLDS = """
import os, sys
from pathlib import Path
from midwatch.health.registries.members import Members
from midwatch.metrics.slots import group
group.own_group = lambda: group.Group(1, 1)
members = Members(Path(sys.argv[1]), "x")
members.join()
print(members.speaks(), flush=True)
sys.stdin.read()
"""


def test_a_speaker_that_is_killed_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its locks end with it."""
    monkeypatch.setattr(group, "own_group", lambda: group.Group(1, 1))  # As of workers of one server.
    members = Members(tmp_path, "x")
    members.join()
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert not members.speaks()
        other.kill()
    assert members.speaks()
    assert members.leave()
    members.forget()


def test_a_forked_child_starts_afresh(consul: Any, tmp_path: Path) -> None:
    """As workers do whose master has loaded the application: nothing of its state is theirs."""
    one = at(consul, shared=tmp_path)
    plugin = Registrations([one])
    one._members.join()
    one.turn()
    one.drain()
    plugin.forget()
    assert (one._thread, one._draining, one._members.speaks()) == (None, False, True)
    plugin.on_shutdown(1)


def test_a_score_that_raises(consul: Any, clock: Any) -> None:
    """Costs its weight, not the registration."""
    one = at(consul, clock=clock, score=lambda: 1 / 0)
    one.turn()
    assert consul.services[ID]["Weights"]["Passing"] == 100
    assert one.failures == 0


def test_a_status_that_raises(consul: Any, clock: Any) -> None:
    one = at(consul, extra="?ttl=3s", clock=clock, status=lambda: str(1 / 0))
    one.turn()
    clock.now += 2
    one.turn()
    assert consul.services[ID]["status"] == "warning"


def test_a_server_starts_again(consul: Any) -> None:
    """As under test clients: registered anew."""
    plugin = Registrations([at(consul)])
    for _ in range(2):
        plugin.on_startup()
        consul.until(lambda: ID in consul.services)
        plugin.on_shutdown(10)
        assert consul.services == {}


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_registries_that_hang_leave_time_to_others(silent: int) -> None:
    """At the end of the process, telemetry has to be flushed too: both together take half of the time."""
    urls = (f"consul://127.0.0.1:{silent}", f"eureka://127.0.0.1:{silent}")
    plugin = Registrations([registry(url, service=SERVICE, address=ADDRESS) for url in urls])
    plugin.on_startup()
    ended: list[float] = []
    for one in plugin.registrations:
        one.stop = ended.append  # type: ignore[assignment, method-assign]
    plugin.on_shutdown(0.2)
    assert all(0 <= deadline <= 0.1 for deadline in ended)
    assert len(ended) == 2


def test_a_thread_that_was_left_behind_says_nothing_more(silent: int, clock: Any) -> None:
    """It hangs in its call while the server starts again: there is one who speaks, not two."""
    one = registry(f"consul://127.0.0.1:{silent}", service=SERVICE, address=ADDRESS, clock=clock)
    turns: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    def turn() -> float:
        turns.append(threading.current_thread().name)
        inside.set()
        go_on.wait(10)
        return 600.0

    one.turn = turn  # type: ignore[method-assign]
    one._leave = lambda: None  # type: ignore[method-assign]
    one.start()
    assert inside.wait(10)
    left = one._thread
    assert left is not None
    one.stop(0.0)
    assert left.is_alive()
    one.start()
    go_on.set()
    left.join(10)
    assert not left.is_alive()
    one.stop(10)
    assert len(turns) == 2


def test_a_goodbye_that_breaks(consul: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is raised: nothing is printed but one line of ours, without what it says."""

    def leave(*_: Any) -> None:
        raise RuntimeError("canary")

    one = at(consul)
    monkeypatch.setattr(one._registry, "leave", leave)
    one.start()
    consul.until(lambda: ID in consul.services)
    one.stop(10)
    assert one.failures == 1
    assert "RuntimeError" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize(
    ("user", "variable", "sent"),
    [("", "of-environment", "of-environment"), ("of-url@", "of-environment", "of-url"), ("", "", None)],
)
def test_the_token(consul: Any, monkeypatch: pytest.MonkeyPatch, user: str, variable: str, sent: str | None) -> None:
    """It is that of the URL, else that of the variable that Consul's own tools read."""
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", variable)
    one = registry(f"consul://{user}127.0.0.1:{consul.port}", service=SERVICE, address=ADDRESS)
    one.turn()
    assert consul.headers[0].get("x-consul-token") == sent


@pytest.mark.parametrize("url", ["eureka://u:12/canary@host:8761", "consul://12/canary@host", "consul://1#canary@host"])
def test_passwords_that_end_the_host(url: str) -> None:
    """What would be taken for a path, and shown in messages, is refused."""
    with pytest.raises(ValueError, match="%2F") as refused:
        registry(url, service=SERVICE)
    assert "canary" not in str(refused.value)
