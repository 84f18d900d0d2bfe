"""
A hundred thousand request lines to servers that are restarted five times meanwhile: with a spill, none is lost.

Over TLS to rsyslog, and acknowledged by the forward server. What comes twice comes because the protocol has no receipt,
or as a whole chunk whose receipt was lost.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .fluentd import fluentd
from .process import Process
from .syslogs import daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["daemon", "fluentd"]

pytestmark = pytest.mark.live

LINES = 100_000
RESTARTS = 5


def ship(url: str, folder: Path, restart: Callable[[], None]) -> Process:
    """Run the service to its end, restarting the server at five points of the way."""
    child = Path(__file__).with_name("shipping_child.py")
    process = Process.start([sys.executable, child, url, str(folder / "spill"), str(LINES)], folder / "child.out")
    for number in range(RESTARTS):
        at = (number + 1) * LINES // (RESTARTS + 1) // 1000 * 1000
        process.until(lambda at=at: True if f"\n{at}\n" in process.said() else None, 120)  # type: ignore[misc]
        restart()
    process.popen.wait(240)
    return process


def told(paths: Iterable[str], process: Process) -> None:
    """Every request once, or more often; prints how often."""
    times = Counter(paths)
    missing = [number for number in range(LINES) if f"/r/{number}" not in times]
    twice = sum(count - 1 for count in times.values())
    print(f"{LINES} lines, {RESTARTS} restarts: {len(missing)} missing, {twice} twice; {process.said()[-300:]}")
    assert missing == []
    assert "flushed True" in process.said()


def test_rsyslog_over_tls(daemon: Any, tmp_path: Path) -> None:
    """RFC 5425, checked certificates; at least once."""
    server = daemon("rsyslog")
    process = ship(server.url("tls"), tmp_path, server.restart)
    told((json.loads(message.text)["url.path"] for message in server.wait_for(LINES)), process)


def test_the_forward_server(fluentd: Any, tmp_path: Path) -> None:
    """Acknowledged chunks; at least once, a chunk as a whole."""
    server = fluentd()

    def restart() -> None:
        server.stop()
        server.start()

    process = ship(f"fluentd://127.0.0.1:{server.port}/orders", tmp_path, restart)
    told((event["record"]["url.path"] for event in server.wait_for(LINES)), process)
