"""A real Prometheus reads our page, from several workers, with exemplars; promtool and its rules; blackbox probes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from midwatch.cli import main

from .conftest import BIN, HERE
from .process import Process, free_port
from .prometheus import Blackbox, Prometheus, blackbox, prometheus, promtool

__all__ = ["blackbox", "prometheus", "promtool"]

pytestmark = pytest.mark.live

EXAMPLES = HERE.parents[1] / "examples" / "prometheus"

COUNT = "http_server_request_duration_seconds_count"

Start = Callable[..., "Service"]


class Service:
    """uvicorn with some workers."""

    def __init__(self, folder: Path, workers: int, names: str, drain: float) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command: list[str | Path] = [
            BIN / "uvicorn",
            "--port",
            str(self.port),
            "--workers",
            str(workers),
            "metrics_apps:app",
        ]
        env = {**os.environ, "MIDWATCH_DIR": str(folder), "PYTHONPATH": str(HERE), "NAMES": names, "DRAIN": str(drain)}
        self.process = Process.start(command, folder / "uvicorn.out", env)
        self.process.listens(self.port)
        self.process.until(lambda: self.get("/pid").status_code == 200 or None)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """One request, on a connection of its own: it may reach any of the workers."""
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=10)

    def workers(self, number: int) -> None:
        """Wait until so many have answered."""
        seen: set[int] = set()

        def look() -> bool | None:
            seen.add(self.get("/pid").json())
            return len(seen) >= number or None

        self.process.until(look)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Start]:
    running: list[Service] = []
    (tmp_path / "ready").touch()

    def start(workers: int = 1, names: str = "otel", drain: float = 0) -> Service:
        running.append(Service(tmp_path, workers, names, drain))
        return running[-1]

    yield start
    for found in running:
        found.process.stop()


@pytest.mark.parametrize("names", ["otel", "classic"])
def test_page_is_sound(service: Start, promtool: Callable[..., str], names: str) -> None:
    """promtool finds nothing to complain of but what the classic names are known for."""
    shop = service(names=names)
    for number in range(10, 16):
        shop.get(f"/orders/{number}")
    page = shop.get("/metrics").text
    assert "/orders/{number}" in page
    promtool("check", "metrics", stdin=page)


def test_two_workers_one_answer(service: Start, prometheus: Callable[..., Prometheus]) -> None:
    """Whichever worker Prometheus reaches, it gets the sum of both; the counters never go back."""
    shop = service(workers=2)
    shop.workers(2)
    server = prometheus("orders", [shop.port])
    query = f'sum({COUNT}{{http_route="/orders/{{number}}",error_type=""}})'
    for sent in range(1, 41):
        shop.get("/orders/1")
        if sent % 20 == 0:
            server.until(query, lambda value, sent=sent: value == sent)  # type: ignore[misc]
    assert shop.get("/orders/13").status_code == 500
    server.until(f'{COUNT}{{error_type="ValueError"}}', lambda value: value == 1)
    assert server.value(f"sum(resets({COUNT}[5m]))") == 0
    assert server.value('up{job="orders"}') == 1
    assert server.value("target_info") == 1


def test_exemplars_come_back(service: Start, prometheus: Callable[..., Prometheus]) -> None:
    """The trace of a request that we sent is beside its bucket, also where another worker answers the scrape."""
    shop = service(workers=2)
    shop.workers(2)
    server = prometheus("orders", [shop.port])
    sent = {f"{number:032x}" for number in range(0xABC000, 0xABC014)}
    for trace in sorted(sent):
        shop.get("/orders/2", traceparent=f"00-{trace}-00f067aa0ba902b7-01")

    def look() -> set[str] | None:
        query = 'http_server_request_duration_seconds_bucket{http_route="/orders/{number}"}'
        return {exemplar["labels"]["trace_id"] for exemplar in server.exemplars(query)} & sent or None

    assert server.process.until(look, 60)


def test_load_is_what_autoscalers_read(service: Start, prometheus: Callable[..., Prometheus]) -> None:
    """Six clients that wait all the time are six requests at once, of two workers: ceil(6 / 4) = 2 replicas by KEDA."""
    shop = service(workers=2)
    shop.workers(2)
    server = prometheus("orders", [shop.port])
    busy = "sum(rate(http_server_busy_seconds_total[10s]))"
    server.until(busy, lambda value: value < 0.5)
    done = threading.Event()

    def wait() -> None:
        while not done.is_set():
            shop.get("/slow")

    with ThreadPoolExecutor(6) as clients:
        waiting = [clients.submit(wait) for _ in range(6)]
        try:
            # Between two requests a client is on its way.
            server.until(busy, lambda value: 5 < value <= 6.2)
            server.until("sum(http_server_active_requests)", lambda value: 4 <= value <= 6)
            assert server.value(f"ceil({busy} / 4)") == 2
        finally:
            done.set()
    assert all(client.exception() is None for client in waiting)


def test_rules_run(service: Start, prometheus: Callable[..., Prometheus], tmp_path: Path,
                   capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """What `midwatch rules` prints is evaluated by a real Prometheus over a real page."""
    assert main(["rules", str(EXAMPLES / "settings.json")]) == 0
    rules = tmp_path / "rules.yml"
    rules.write_text(capsys.readouterr().out.replace("interval: 30s", "interval: 1s"))
    shop = service()
    server = prometheus("orders", [shop.port], rules)
    ratio = 'midwatch:objective_error:ratio_rate5m{objective="orders"}'

    def look() -> float | None:
        shop.get("/orders/3")
        shop.get("/orders/13")
        return server.value(ratio)

    server.process.until(lambda: found if (found := look()) is not None and 0.3 < found < 0.7 else None, 60)
    alerts = httpx.get(f"{server.url}/api/v1/rules").json()["data"]["groups"]
    states = {rule["health"] for group in alerts for rule in group["rules"]}
    assert states <= {"ok", "unknown"}
    server.until('ALERTS{alertname="MidwatchObjectiveBurnsFast",long_window="1h"}', lambda value: value == 1)


def test_examples(promtool: Callable[..., str]) -> None:
    """The examples are valid, and their own tests pass: loads, restarts, outages, budgets that burn."""
    promtool("check", "config", "prometheus.yml", cwd=EXAMPLES)
    promtool("test", "rules", "tests.yml", cwd=EXAMPLES)


def test_probe_follows_readiness(service: Start, blackbox: Blackbox, tmp_path: Path) -> None:
    """probe_success of the blackbox exporter flips with a check, and live stays."""
    shop = service()
    ready, live = f"{shop.url}/health/ready", f"{shop.url}/health/live"
    blackbox.process.until(lambda: blackbox.succeeds(ready) or None)
    (tmp_path / "ready").unlink()
    blackbox.process.until(lambda: not blackbox.succeeds(ready) or None)
    assert blackbox.succeeds(live)
    (tmp_path / "ready").touch()
    blackbox.process.until(lambda: blackbox.succeeds(ready) or None)


def test_probe_follows_drain(service: Start, blackbox: Blackbox) -> None:
    """A service that drains is not ready, and still answers."""
    shop = service(drain=8)
    ready = f"{shop.url}/health/ready"
    blackbox.process.until(lambda: blackbox.succeeds(ready) or None)
    assert httpx.post(f"{shop.url}/health/drain", timeout=10).status_code == 202
    blackbox.process.until(lambda: not blackbox.succeeds(ready) or None)
    assert shop.get("/orders/1").status_code == 200
