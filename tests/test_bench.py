"""The benchmark runs; what it measures is no matter here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

BENCH = Path(__file__).parent / "bench"
QUICK = ("--quick", "--no-load")
ALONE = ("Tracing", "RequestLog", "ErrorReport", "LatencyMetrics", "AuditTrail", "HealthCheck")


@pytest.fixture(scope="module")
def run() -> Callable[..., str]:
    def run(*options: str) -> str:
        done = subprocess.run([sys.executable, str(BENCH), *options], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def report(run: Callable[..., str]) -> str:
    """One run, as JSON; an answer unlike the bare application's fails it."""
    return run("--json", *QUICK)


def test_tables(run: Callable[..., str], report: str, tmp_path: Path) -> None:
    """A table for each protocol, memory and the targets, of a run that was kept."""
    (tmp_path / "report").write_text(report)
    printed = run("--read", str(tmp_path / "report"))

    assert "ASGI (Starlette), microseconds per request" in printed
    assert "WSGI (Flask), microseconds per request" in printed
    assert "Memory with all six, 4000 requests" in printed
    assert "Targets" in printed
    for variant in ("bare", "floor", *ALONE, "Tracing+OTLP", "midwatch", "midwatch+spans"):
        assert printed.count(f"\n{variant} ") == 2, variant


def test_json(report: str) -> None:
    """The same as JSON: each variant's overhead with its ratio to the floor, and whether each target is met."""
    whole: dict[str, Any] = msgspec.json.decode(report)

    for rows in whole["overhead"].values():
        logged = [f"RequestLog+{place}" for place in ("stdout", "syslog", "fluentd")]
        names = ["bare", "floor", *ALONE, *logged, "Tracing+OTLP", "midwatch", "midwatch+spans", "json logger"]
        assert [row["variant"] for row in rows][: len(names)] == names
        assert all(row["time"] > 0 for row in rows)
    assert whole["skipped"].keys() <= {"assembled"}
    assert {target["met"] for target in whole["targets"]} <= {True, False, None}
    assert whole["load"] is None
    assert whole["memory"]["requests"] == 4_000


def test_soak(run: Callable[..., str]) -> None:
    """Against a collector that fails half the time, every span is sent or counted as dropped; else it exits with 1."""
    soak: dict[str, Any] = msgspec.json.decode(run("--soak", "--quick", "--json"))

    assert soak["failed"] > 0
    assert soak["created"] == soak["sent"] + soak["dropped"] + soak["pending"]
    assert soak["taken"] == soak["sent"] > 0


def test_usage() -> None:
    """An option that does not exist is a usage error, before anything is measured."""
    done = subprocess.run([sys.executable, str(BENCH), "--fast"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.startswith("usage: bench")
    assert done.stdout == ""


def test_shipping(run: Callable[..., str]) -> None:
    """Servers of logs come and go, and every line arrives."""
    found = msgspec.json.decode(run("--shipping", "--json", "--quick"))
    assert [(one["place"], one["sent"], one["dropped"]) for one in found] == [
        ("/dev/null", 1000, 0),
        ("syslog", 1000, 0),
        ("fluentd", 1000, 0),
    ]


def test_audit(run: Callable[..., str]) -> None:
    """Every mode beside one commit for each event, and the targets."""
    printed = run("--audit", "--quick")
    for mode in ("one by one", "async", "durable", "strict"):
        assert printed.count(f"  {mode} ") >= 3, mode
    for target in ("durable events, 128 at once", "an async event", "verification", "event loop, store stalled"):
        assert target in printed


def test_metrics(run: Callable[..., str]) -> None:
    """Counting beside its peers, where they are installed; scrapes, and pollers of a check that hangs."""
    printed = run("--metrics", "--quick")
    for title in ("ASGI (Starlette), one worker", "WSGI (Flask), several workers"):
        assert title in printed
    assert printed.count("\nLatencyMetrics ") == 4
    assert "A scrape after 3 generations of workers" in printed
    assert "Four workers with 100 series each" in printed
    assert "the check ran 1 time(s)" in printed
