"""Senders that leave no socket behind, and certificates."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from midwatch.destinations.syslog import channel_to
from midwatch.service import Service

from .syslog_peer import Authority, authority, close

if TYPE_CHECKING:
    from midwatch.delivery import Channel
    from midwatch.destinations import Shipped


@pytest.fixture
def ship() -> Iterator[Callable[[str], Channel[Shipped]]]:
    """The channel to a syslog server; what is behind it ends with the test."""
    made: list[Channel[Shipped]] = []

    def to(url: str) -> Channel[Shipped]:
        made.append(channel_to(url, Service("shop")))
        return made[-1]

    yield to
    for channel in made:
        channel.leftovers()
        close(channel)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificates, is not installed")
    return authority(tmp_path_factory.mktemp("certificates"))
