"""URLs of syslog servers: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

import contextlib
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.destinations.address import AddressError
from midwatch.destinations.syslog import channel_to, check
from midwatch.destinations.syslog.framing import counted, line
from midwatch.destinations.syslog.options import address_of
from midwatch.service import Service


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("syslog+udp://logs", "logs", 514),
        ("syslog+tcp://logs", "logs", 601),
        ("syslog+tls://logs", "logs", 6514),
        ("syslog+tcp://logs:514", "logs", 514),
        ("syslog+tcp://logs/", "logs", 601),
        ("SYSLOG+TCP://LOGS", "logs", 601),
        ("syslog+udp://[::1]:5514", "::1", 5514),
        ("syslog+tcp://münchen.example", "münchen.example", 601),
        ("syslog+tls://10.1.2.3", "10.1.2.3", 6514),
    ],
)
def test_hosts_and_ports(url: str, host: str, port: int) -> None:
    address = address_of(url)
    assert (address.host, address.port, address.path) in {(host, port, ""), (host, port, "/")}
    assert (address.tls is not None) == (address.scheme == "syslog+tls")


@pytest.mark.parametrize("url", ["syslog+unix:/dev/log", "syslog+unix:///dev/log"])
def test_sockets(url: str) -> None:
    address = address_of(url)
    assert (address.host, address.path) == ("", "/dev/log")


def test_what_is_usual() -> None:
    for scheme, most in (("udp", 2048), ("tcp", 8192), ("tls", 8192)):
        options = address_of(f"syslog+{scheme}://logs").options
        assert (options["facility"], options["max"], options["timeout"]) == (1, most, 5.0)
    assert address_of("syslog+tcp://logs").options["framing"] is counted
    assert address_of("syslog+tls://logs").options["framing"] is counted
    assert address_of("syslog+unix:/dev/log").options["framing"] is line


def test_parameters() -> None:
    query = "facility=local3&app=web&host=h1&procid=p&msgid=m&pen=32473&bom=1&max=1024&timeout=0.5&framing=lf"
    assert address_of(f"syslog+tcp://logs?{query}").options == {
        "facility": 19, "app": "web", "host": "h1", "procid": "p", "msgid": "m", "pen": "32473", "bom": True,
        "max": 1024, "timeout": 0.5, "framing": line,
    }  # fmt: skip


SOCKET = "/" + "s" * 107


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "'' is no scheme of syslog; known are syslog+udp, syslog+tcp, syslog+tls, syslog+unix"),
        ("syslog://logs", "'syslog' is no scheme of syslog; did you mean syslog+udp?"),
        ("syslogs://logs", "'syslogs' is no scheme of syslog; did you mean syslog+tls?"),
        ("syslog+ssl://logs", "'syslog+ssl' is no scheme of syslog; did you mean syslog+tls?"),
        ("sislog+tcp://logs", "'sislog+tcp' is no scheme of syslog; did you mean syslog+tcp?"),
        ("gopher://logs", "'gopher' is no scheme of syslog; known are"),
        ("syslog+udp:logs", "names no host; expected syslog+udp://host:514"),
        ("syslog+tls://", "names no host; expected syslog+tls://host:6514"),
        ("syslog+tls:///logs", "names no host; expected syslog+tls://host:6514"),
        ("syslog+tcp://a..b", "'a..b' is no name of a host"),
        ("syslog+tcp://.a", "'.a' is no name of a host"),
        ("syslog+tcp://" + "a" * 64, "is no name of a host"),
        ("syslog+tls://logs?servername=", "'' is no name of a host"),
        ("syslog+tls://logs?servername=a..b", "'a..b' is no name of a host"),
        ("syslog+tcp://logs:0", "no port has the number 0"),
        ("syslog+tcp://logs:99999", "no such host or port"),
        ("syslog+tcp://logs/app", "syslog has no paths; did you mean syslog+tcp://logs?"),
        ("syslog+tcp://logs#x", "no fragment"),
        ("syslog+tcp://my logs", "write a space as %20"),
        ("syslog+unix://dev/log", "names a host; did you mean syslog+unix:/dev/log?"),
        ("syslog+unix:", "names no socket; expected syslog+unix:/dev/log"),
        ("syslog+unix:dev/log", "names no socket; expected syslog+unix:/dev/log"),
        ("syslog+unix:/dev/", "names no socket; expected syslog+unix:/dev/log"),
        ("syslog+unix:/dev/l%00g", "names no socket"),
        (f"syslog+unix:{SOCKET}", "at most 107 bytes"),
        ("syslog+tcp://logs?facility=lokal0", "facility: expected one of user, mail"),
        ("syslog+tcp://logs?facility=lokal0", "did you mean local0?"),
        ("syslog+tcp://logs?facility=kern", "facility: expected one of user"),
        ("syslog+tcp://logs?fasility=user", "'fasility' is no parameter; did you mean facility?"),
        ("syslog+tcp://logs?framing=nul", "framing: expected one of octets, lf"),
        ("syslog+tls://logs?framing=lf", "'framing' is no parameter"),
        ("syslog+udp://logs?framing=lf", "'framing' is no parameter"),
        ("syslog+tcp://logs?ca=/x", "'ca' is no parameter"),
        ("syslog+tls://logs?key=/x", "key: expected a cert that it belongs to"),
        ("syslog+tcp://logs?app=" + "a" * 49, "app: expected 1 to 48 printable ASCII characters without spaces"),
        ("syslog+tcp://logs?host=", "host: expected 1 to 255 printable"),
        ("syslog+tcp://logs?pen=32473.1", "pen: expected a number"),
        ("syslog+tcp://logs?bom=yes", "bom: expected 1 or 0"),
        ("syslog+tcp://logs?max=479", "max: expected octets between 480 and 262144"),
        ("syslog+tcp://logs?max=nan", "max: expected octets between"),
        ("syslog+tcp://logs?max=480&host=" + "h" * 255, "octets or more, for these names"),
        ("syslog+tcp://logs?timeout=0", "timeout: expected seconds between"),
    ],
)
def test_what_cannot_be_meant_is_said(url: str, said: str) -> None:
    for look in (check, lambda url: channel_to(url, Service("shop"))):
        with pytest.raises(ValueError, match=re.escape(said)):
            look(url)


@pytest.mark.parametrize(
    "url",
    [
        "syslog+tcp://user:hunter2@logs",
        "syslog+tcp://:hunter2@logs",
        "syslog+tcp://hunter2@logs",
        "syslog+tcp://user:hunter2@logs/path",
        "syslog+tcp://user:hunter2@logs#x",
        "syslog+tcp://user:hunter2@logs?x=1",
        "syslog+tcp://user:hunter2@logs:port",
        "syslog+tcp://user:hunter2 @logs",
        "syslog+tcp://user:hunter2/@logs",
        "syslog+unix://user:hunter2@dev/log",
        "syslog://user:hunter2@logs",
        "syslog+tls://user:hunter2@logs?key=x",
    ],
)
def test_credentials_are_not_shown(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        check(url)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.__cause__)


@given(st.text())
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    for scheme in ("", "syslog+tcp:", "syslog+tls://", "syslog+unix:/", "syslog+udp://logs?"):
        with contextlib.suppress(AddressError):
            check(scheme + text)


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(socket.socket, "connect", fail)


@pytest.mark.usefixtures("_offline")
def test_looking_opens_nothing(tmp_path: Path) -> None:
    check(f"syslog+tls://logs?ca={tmp_path}/missing.pem")
    check("syslog+tcp://logs")


@pytest.mark.usefixtures("_offline")
def test_a_channel_opens_nothing_either() -> None:
    """A server that is down does not stop the start."""
    channel = channel_to("syslog+tcp://127.0.0.1:1", Service("shop"))
    assert channel.name == "syslog+tcp://127.0.0.1:1"


def test_the_name_of_a_channel_has_no_parameters(certificates: Any) -> None:
    channel = channel_to(f"syslog+tls://logs?ca={certificates.ca}&app=x", Service("shop"))
    assert channel.name == "syslog+tls://logs"


def test_files_of_tls_that_are_missing_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ca=.*missing\.pem.*No such file"):
        channel_to(f"syslog+tls://logs?ca={tmp_path}/missing.pem", Service("shop"))
    (tmp_path / "empty.pem").touch()
    with pytest.raises(ValueError, match=r"ca=.*empty\.pem"):
        channel_to(f"syslog+tls://logs?ca={tmp_path}/empty.pem", Service("shop"))
