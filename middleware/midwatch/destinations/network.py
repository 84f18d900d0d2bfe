"""Destinations behind a socket: which URL stands for which, one channel in front of each, and a spill behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .entry import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..service import Service
    from .entry import Shipped

__all__ = ["SCHEMES", "SpillTo", "check_network", "entries_to", "is_network"]

SCHEMES: Final = (
    "syslog+udp", "syslog+tcp", "syslog+tls", "syslog+unix", "fluentd", "fluentd+tls", "fluentd+unix",
)  # fmt: skip

ROUGHLY: Final = 1024
"""Bytes that a line which is not text yet counts for."""


class SpillTo(NamedTuple):
    """Where entries wait that a network does not take, and how many bytes of them for each destination."""

    folder: str
    most: int = 64 << 20


_open: dict[tuple[str, SpillTo | None], Any] = {}


def is_network(url: str) -> bool:
    """Whether *url* is one of these, rather than a stream or a file."""
    return url.partition(":")[0] in SCHEMES


def check_network(url: str) -> None:
    """
    Look at *url* without opening anything.

    Raises:
        ValueError: it cannot be meant; says what is wrong, without credentials.
    """
    _protocol(url).check(url)


def entries_to(url: str, service: Service, spill: SpillTo | None = None) -> Callable[[Shipped], None]:
    """
    A function that queues one line for the destination at *url*.

    Two callers that name the same destination share its channel.

    Raises:
        ValueError: no such destination, or a folder that cannot be written to.
    """
    channel = _open.get((url, spill))
    if channel is None:
        channel = _protocol(url).channel_to(url, service)
        if spill is not None:
            from ..delivery.spilling import spilling  # noqa: PLC0415 - only where somebody asks for it

            channel = spilling(channel, Path(spill.folder), spill.most)
        _open[url, spill] = channel
    put = channel.put

    def ship(line: Shipped) -> None:
        put(line, len(line.text) if type(line) is Entry else getattr(line, "weight", ROUGHLY))

    return ship


def _protocol(url: str) -> Any:
    scheme = url.partition(":")[0]
    if scheme not in SCHEMES:
        raise ValueError(f"{scheme[:40]}: not a scheme of a network destination; known are {', '.join(SCHEMES)}")
    if scheme.startswith("syslog"):
        from . import syslog  # noqa: PLC0415 - only where somebody asks for it

        return syslog
    from . import fluentd  # noqa: PLC0415

    return fluentd
