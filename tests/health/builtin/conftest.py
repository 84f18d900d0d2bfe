"""What tests of the built-in checks have in common."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from midwatch.health.builtin import builtin
from midwatch.health.result import Result

from .peers import Authority


def look(spec: str) -> Result:
    """What the check says."""
    found = builtin(spec)()
    assert isinstance(found, Result)
    return found


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port that refuses connections: taken, and not listened to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def _ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no loopback of IPv6")


@pytest.fixture
def stopped() -> Iterator[threading.Event]:
    """Ends what trickles."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
