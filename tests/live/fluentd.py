"""The forward server of `@fluent-org/logger`: chunks in, and events read back from a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .fetch_fluentd import MODULE
from .process import Process, free_port

SCRIPT = Path(__file__).parent / "fluentd_server.cjs"


@dataclass
class Fluentd:
    """A server that may be stopped and started again, at the same port and with the same file."""

    folder: Path
    port: int
    options: dict[str, Any]
    process: Process | None = None

    def start(self) -> None:
        options = json.dumps({"port": self.port, "file": str(self.file), **self.options})
        self.process = Process.start(["node", SCRIPT, MODULE, options], self.folder / f"{self.port}.out")
        self.process.listens(self.port)

    def stop(self) -> None:
        assert self.process is not None
        self.process.stop()

    @property
    def file(self) -> Path:
        return self.folder / f"{self.port}.jsonl"

    @property
    def events(self) -> list[dict[str, Any]]:
        """Everything that came, in order: tag, time, record, chunk."""
        whole = self.file.read_text().rpartition("\n")[0] if self.file.exists() else ""
        return [json.loads(line) for line in whole.splitlines()]

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The events, once there are so many."""
        assert self.process is not None
        return self.process.until(lambda: found if len(found := self.events) >= count else None, 30)


@pytest.fixture
def fluentd(tmp_path: Path) -> Iterator[Callable[..., Fluentd]]:
    """Start a server with these options."""
    if shutil.which("node") is None:
        pytest.skip("Node.js is not installed: no forward server")
    if not MODULE.exists():
        pytest.skip("the forward server is not there; `python -m tests.live.fetch_fluentd` fetches it")
    running: list[Fluentd] = []

    def start(**options: Any) -> Fluentd:
        running.append(Fluentd(tmp_path, free_port(), options))
        running[-1].start()
        return running[-1]

    yield start
    for server in running:
        server.stop()
