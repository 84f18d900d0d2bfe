"""Prometheus, promtool and the blackbox exporter: started on free ports, asked over HTTP."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from .fetch_prometheus import MissingError, program
from .process import Process, free_port

__all__ = ["Blackbox", "Prometheus", "blackbox", "prometheus", "promtool"]

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: {job}
    metrics_path: /metrics
    static_configs: [{{targets: [{targets}]}}]
"""


@dataclass
class Prometheus:
    """A running Prometheus."""

    url: str
    process: Process

    def value(self, query: str) -> float | None:
        """The one sample that *query* is answered with."""
        found = self._asked("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None

    def until(self, query: str, right: Callable[[float], bool], seconds: float = 60) -> float:
        """The value of *query* once it is *right*."""

        def look() -> float | None:
            value = self.value(query)
            return value if value is not None and right(value) else None

        return self.process.until(look, seconds)

    def exemplars(self, query: str) -> list[dict[str, Any]]:
        """All that are stored for the series of *query*."""
        found = self._asked("query_exemplars", query=query, start="0", end="9999999999")
        return [exemplar for series in found for exemplar in series["exemplars"]]

    def _asked(self, what: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@dataclass
class Blackbox:
    """A running blackbox exporter."""

    url: str
    process: Process

    def succeeds(self, target: str) -> bool:
        """Whether a probe of *target* takes it for healthy."""
        answer = httpx.get(f"{self.url}/probe", params={"target": target, "module": "http_2xx"}, timeout=10)
        assert answer.status_code == 200, answer.text
        return "\nprobe_success 1\n" in answer.text


def _program(name: str) -> Path:
    try:
        return program(name)
    except MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def promtool() -> Callable[..., str]:
    """Run promtool; fails with its words."""
    path = _program("promtool")

    def run(*arguments: str | Path, stdin: str = "", cwd: Path | None = None) -> str:
        done = subprocess.run([path, *arguments], input=stdin, cwd=cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Callable[..., Prometheus]]:
    """Start a Prometheus that scrapes some ports of this machine every second."""
    running: list[Process] = []

    def start(job: str, ports: Sequence[int], rules: Path | None = None) -> Prometheus:
        path, port = _program("prometheus"), free_port()
        folder = tmp_path / "prometheus"
        folder.mkdir()
        targets = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        config = CONFIG.format(job=job, targets=targets, rules="" if rules is None else rules)
        (folder / "prometheus.yml").write_text(config)
        command: list[str | Path] = [
            path,
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
        ]
        process = Process.start(command, folder / "out")
        running.append(process)
        process.listens(port)
        found = Prometheus(f"http://127.0.0.1:{port}", process)
        process.until(lambda: httpx.get(f"{found.url}/-/ready").status_code == 200 or None)
        return found

    yield start
    for process in running:
        process.stop()


@pytest.fixture
def blackbox(tmp_path: Path) -> Iterator[Blackbox]:
    """The exporter, with one module that takes 2xx."""
    path, port = _program("blackbox"), free_port()
    folder = tmp_path / "blackbox"
    folder.mkdir()
    (folder / "blackbox.yml").write_text("modules:\n  http_2xx: {prober: http, timeout: 2s}\n")
    command: list[str | Path] = [path, "--config.file=blackbox.yml", f"--web.listen-address=127.0.0.1:{port}"]
    process = Process.start(command, folder / "out")
    try:
        process.listens(port)
        yield Blackbox(f"http://127.0.0.1:{port}", process)
    finally:
        process.stop()
