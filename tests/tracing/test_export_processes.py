"""Processes that fork, are killed, end, or have no threads left: what becomes of their spans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from .export_double import LONG, Answer, Collector, collecting

SETUP = """
import os, sys, threading, time
from opentelemetry.trace import SpanKind
from midwatch.delivery import channels, flush
from midwatch.service import Service
from midwatch.tracing import Span
from midwatch.tracing.export import exporter

export = exporter([sys.argv[1]], Service("shop"))
(channel,) = channels

def end(number):
    Span("work", SpanKind.SERVER, "a" * 32, f"{number:016x}", None, 1, "", time.time_ns(), export).end()
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def start(script: str, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SETUP + script, url]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(script: str, url: str) -> str:
    with start(script, url) as process:
        out, err = process.communicate(timeout=LONG)
    assert process.returncode == 0, err
    return out


def numbers(collector: Collector) -> list[int]:
    return [int(one, 16) for one in collector.ids]


@pytest.mark.parametrize("scheme", ["otlp", "zipkin"])
def test_what_nobody_flushed_is_delivered_at_the_end(collector: Collector, scheme: str) -> None:
    """Though it was still gathering."""
    run("for number in range(1, 1001): end(number)", f"{scheme}://{collector.at}?delay=60")
    assert numbers(collector) == list(range(1, 1001))


def test_a_forked_child_delivers_its_own(collector: Collector) -> None:
    """Over a connection of its own; the parent has kept its queue, and its connection."""
    script = """
end(1)
assert flush(20)
end(2)
child = os.fork()
if child == 0:
    assert (channel.pending, channel.sent, channel.dropped) == (0, 0, 0)
    end(3)
    assert flush(20)
    os._exit(channel.sent)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
end(4)
assert flush(20)
assert channel.sent == 3
"""
    run(script, f"otlp://{collector.at}?delay=60")
    assert sorted(numbers(collector)) == [1, 2, 3, 4]
    by_client = {request.client: set() for request in collector.requests}  # type: ignore[var-annotated]
    for request in collector.requests:
        by_client[request.client].update(int(one, 16) for one in request.ids)
    assert sorted(map(sorted, by_client.values())) == [[1, 2, 4], [3]]


def test_a_fork_while_the_parent_sends(collector: Collector) -> None:
    """What the parent's thread holds is nobody's in the child: connection, buffer and batch."""
    over = threading.Event()
    collector.answers = [Answer(raw=lambda connection: over.wait(LONG))]
    script = """
end(1)
input()
child = os.fork()
if child == 0:
    end(2)
    end(3)
    assert flush(20), channel
    os._exit(channel.sent)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
print("done", flush=True)
assert flush(20)
"""
    with start(script, f"otlp://{collector.at}?delay=0") as process:
        assert process.stdin
        assert process.stdout
        assert collector.came.acquire(timeout=LONG)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"
        assert numbers(collector) == [1, 2, 3]
        over.set()
        _, err = process.communicate(timeout=LONG)
    assert process.returncode == 0, err
    assert numbers(collector) == [1, 2, 3, 1]


def test_a_killed_process_loses_what_has_gathered_since(collector: Collector) -> None:
    """No more: what was there before the delay had passed is delivered."""
    script = """
for number in range(1, 11): end(number)
while channel.sent < 10: time.sleep(0.01)
print("sent", flush=True)
time.sleep(60)
"""
    with start(script, f"otlp://{collector.at}?delay=0.1") as process:
        assert process.stdout
        assert process.stdout.readline() == "sent\n"
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=LONG)
    assert numbers(collector) == list(range(1, 11))


def test_out_of_threads(collector: Collector) -> None:
    """Ending a span does not raise; who flushes delivers."""
    script = """
def start(self):
    raise RuntimeError("can't start new thread")

threading.Thread.start = start
for number in range(1, 1001): end(number)
assert channel.pending == 1000
assert flush(20)
assert (channel.sent, channel.dropped) == (1000, 0)
"""
    run(script, f"otlp://{collector.at}")
    assert numbers(collector) == list(range(1, 1001))


@pytest.mark.parametrize("raw", [True, False])
def test_the_end_does_not_wait_for_a_collector(collector: Collector, raw: bool) -> None:
    """One that hangs, and one that asks for patience; `run` would have failed after its own time."""
    over = threading.Event()
    busy = Answer(503, headers={"retry-after": "60"})
    collector.usual = Answer(raw=lambda connection: over.wait(2 * LONG)) if raw else busy
    assert run("end(1)\nprint('ended')", f"otlp://{collector.at}?timeout=600") == "ended\n"
    over.set()
    assert set(numbers(collector)) == {1}


def test_nothing_is_opened_before_the_first_span(collector: Collector) -> None:
    """Neither a thread nor a connection."""
    run("assert threading.active_count() == 1", f"otlp://{collector.at}")
    assert not collector.requests
