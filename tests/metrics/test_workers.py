"""Several workers behind one door: whoever is asked answers for all, also for those that are gone."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

WORKERS = """
import os, signal, sys
from pathlib import Path
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from midwatch import ASGIMiddleware, LatencyMetrics, Plugin, WSGIMiddleware
from midwatch.metrics import counter, gauge, histogram
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi

directory, kind = Path(sys.argv[1]), sys.argv[2]
early = counter("orders_placed", "Orders.", ("kind",))
kept = early.of("card")
kept.add(1)

class Traced(Plugin):
    def on_request(self, exchange):
        exchange.trace_id, exchange.trace_flags = trace, 1

trace = "0" * 32
metrics = LatencyMetrics(registry=CollectorRegistry(), directory=directory)
app = (ASGIMiddleware if kind == "asgi" else WSGIMiddleware)(getattr(ScriptedApp(), kind), metrics, Traced())
call = call_asgi if kind == "asgi" else call_wsgi
accept = [("accept", "application/openmetrics-text; version=1.0.0")]

def page():
    text = call(app, path="/metrics", headers=accept).body.decode()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

def value(name, **labels):
    (sample,) = [s for s in page() if s.name == name and labels.items() <= s.labels.items()]
    return sample.value

def count():
    return value("http_server_request_duration_seconds_count", http_route="unmatched")

late = histogram("order_seconds", "Time.")
workers = []
for number in range(4):
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        trace = f"{number + 1:032x}"
        for _ in range(10 * (number + 1)):
            call(app)
        kept.add(number)
        late.observe(0.2)
        gauge("only_here", "Says who.", ("who",)).set(1, number)
        metrics.pulse.now()
        os.write(told, b".")
        signal.pause()
    os.read(ready, 1)
    workers.append(pid)
assert count() == 100, count()
assert value("orders_placed_total", kind="card") == 1 + 0 + 1 + 2 + 3
assert value("order_seconds_count") == 4
assert len([s for s in page() if s.name == "only_here"]) == 4
call(app)
assert count() == 101
before = value("http_server_busy_seconds_total")
assert before > 0
exemplars = {s.exemplar.labels["trace_id"] for s in page() if s.exemplar}
assert exemplars & {f"{n:032x}" for n in range(5)}, exemplars
for pid in workers:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert count() == 101
assert value("http_server_busy_seconds_total") >= before
assert not [s for s in page() if s.name == "only_here"]
assert value("orders_placed_total", kind="card") == 7
for _ in range(3):  # Recycled workers take over what the dead have left.
    pid = os.fork()
    if pid == 0:
        call(app)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
assert count() == 104
print(len(list(directory.glob("slot-*"))))
"""


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_one_worker_answers_for_all(tmp_path: Path, kind: str) -> None:
    """Requests, the application's own metrics, gauges of the living, exemplars; four killed, three recycled."""
    command = [sys.executable, "-c", WORKERS, str(tmp_path / "shared"), kind]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.returncode) == ("5\n", 0), ran.stderr
