"""The demo shows all six, notices when one is missing, and leaves nothing behind."""

from __future__ import annotations

import importlib
import io
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

SHOP = Path(__file__).parent.parent / "examples" / "shop"
LONGEST = 120
"""Seconds after which a run is given up; it takes three."""


class Run:
    """The demo as a process, with a directory of its own for what it writes."""

    def __init__(self, files: Path, *options: str, **environment: str) -> None:
        self.files = files
        self.told: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, str(SHOP / "demo.py"), *options],
            env={**os.environ, "TMPDIR": str(files), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, start: str) -> None:
        """Wait for a line on stderr."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.told.append(line)
            if line.startswith(start):
                return
        raise AssertionError(f"the demo ended without {start!r}: {''.join(self.told)}")

    def shown_until(self, start: str) -> list[str]:
        """Wait for a line on stdout; everything up to it."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line)
            if line.lstrip().startswith(start):
                return lines
        raise AssertionError(f"the demo ended without {start!r}: {''.join(lines)}")

    def end(self) -> Ended:
        shown, told = self.process.communicate(timeout=LONGEST)
        return Ended(self.process.returncode, shown, "".join(self.told) + told, self.files)


@dataclass
class Ended:
    """A run that is over: exit status, stdout, stderr, and where it wrote."""

    status: int
    shown: str
    told: str
    files: Path

    @property
    def groups(self) -> list[int]:
        """Process groups of both services."""
        return [int(pid) for pid in re.findall(r" pid (\d+)", self.told)]

    def left(self) -> list[object]:
        """Processes and files that are still there."""
        return [*filter(_alive, self.groups), *self.files.iterdir()]


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def run(*options: str, **environment: str) -> Run:
        runs.append(Run(tmp_path, *options, **environment))
        return runs[-1]

    yield run
    for run_ in runs:
        if run_.process.poll() is None:
            run_.process.terminate()
            run_.process.communicate(timeout=LONGEST)
        for stream in (run_.process.stdout, run_.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """One whole run, its files kept."""
    return Run(tmp_path_factory.mktemp("demo"), "--keep").end()


def test_the_tour_has_six_sections(kept: Ended) -> None:
    """The demo ends well and shows each of the six, in plain text, within 100 columns."""
    assert kept.status == 0, kept.told
    headings = re.findall(r"^(\d)  (.*?)  ", kept.shown, re.MULTILINE)
    assert headings == [
        ("1", "One trace through both services"),
        ("2", "Its log lines, from both services"),
        ("3", "Errors, grouped by fingerprint"),
        ("4", "Latency by route"),
        ("5", "Audit trail"),
        ("6", "Health"),
    ]
    assert "nothing was found" not in kept.shown
    assert "Everything adds up." in kept.shown
    assert "\x1b" not in kept.shown
    assert max(map(len, kept.shown.splitlines())) <= 100


def test_the_trace_joins_both_services(kept: Ended) -> None:
    """The tree has the stock's requests below the calls of the shop."""
    tree = re.findall(r"^  (?:[│ ]*[├└]─ )?((?:→ )?[A-Z]+ \S+) +(shop|stock) +\d{3} ", kept.shown, re.MULTILINE)
    assert [(re.sub(r"\d+", "N", name), service) for name, service in tree] == [
        ("POST /orders", "shop"),
        ("→ GET /shelves/N", "shop"),
        ("GET /shelves/<int:item>", "stock"),
        ("→ POST /shelves/N/reservations", "shop"),
        ("POST /shelves/<int:item>/reservations", "stock"),
    ]


def test_no_process_is_left(kept: Ended) -> None:
    """Both services, and the worker of gunicorn, are gone when the demo is."""
    assert len(kept.groups) == 2
    assert not [group for group in kept.groups if _alive(group)]


def test_without_health_it_fails(start: Callable[..., Run]) -> None:
    """A service that says nothing of its health fails the demo; nothing is left behind."""
    ended = start("--without=health").end()
    assert ended.status == 1
    assert "demo: health: shop says nothing, expected pass" in ended.told
    assert "Traceback" not in ended.told
    assert "Everything adds up." not in ended.shown
    assert ended.left() == []


def test_without_traces_it_fails(start: Callable[..., Run]) -> None:
    """Without spans there is no trace to show, and the demo says so and fails."""
    ended = start("--without=trace").end()
    assert ended.status == 1
    assert "demo: trace: server spans: 0 of stock" in ended.told
    assert ended.shown.count("nothing was found") == 2
    assert ended.left() == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(start: Callable[..., Run], number: int, status: int) -> None:
    """Ctrl-C and SIGTERM, while the services start, stop both, quietly."""
    run = start()
    run.until("waiting")
    run.process.send_signal(number)
    ended = run.end()
    assert ended.status == status
    assert "Traceback" not in ended.told
    assert len(ended.groups) == 2
    assert ended.left() == []


def test_serve_keeps_both_running_until_ctrl_c(start: Callable[..., Run]) -> None:
    """With --serve both answer at the URLs it prints until Ctrl-C; then they are gone, and their files stay."""
    run = start("--serve")
    shown = "".join(run.shown_until("tail -f"))
    urls = re.findall(r"http://\S+/(?:items|metrics|health)(?=\s)", shown)
    assert len(urls) == 5
    assert [_get(url) for url in urls] == [200] * 5
    run.process.send_signal(signal.SIGINT)
    ended = run.end()
    assert ended.status == 0, ended.told
    assert not [group for group in ended.groups if _alive(group)]
    (files,) = ended.files.iterdir()
    assert str(files) in shown
    assert (files / "shop.spans.jsonl").stat().st_size > 0


def _get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=LONGEST) as answer:
        return int(answer.status)


def test_a_service_that_does_not_start_is_told(
    start: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """When a service ends at once, the demo says what it said, and stops the other one."""
    broken = tmp_path_factory.mktemp("broken")
    (broken / "flask.py").write_text("raise RuntimeError('no flask today')\n")
    ended = start(PYTHONPATH=str(broken)).end()
    assert ended.status == 1
    assert "demo: stock ended at once; its last words:" in ended.told
    assert "no flask today" in ended.told
    assert ended.left() == []


@dataclass
class Shop:
    """The modules of the demo, and what one run of it left."""

    checks: Any
    evidence: Any
    paint: Any
    found: Any


@pytest.fixture
def shop(kept: Ended, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.syspath_prepend(str(SHOP))
    before = set(sys.modules)
    checks, evidence, paint = (importlib.import_module(name) for name in ("checks", "evidence", "paint"))
    (files,) = kept.files.iterdir()
    found = evidence.read(files)
    found.scrapes = {
        name: evidence.Scrape(Counter({("GET", "/"): expected["requests"]}), {"status": "pass"})
        for name, expected in checks.EXPECTED.items()
    }
    yield Shop(checks, evidence, paint, found)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(str(sys.modules[name].__file__)).parent == SHOP:
            del sys.modules[name]


def test_what_was_sent_is_found(shop: Shop) -> None:
    """Lines, spans, errors, events and counts are as many as the traffic makes."""
    assert shop.checks.problems(shop.found, stopped=True) == []


def _foreign_trace(found: Any) -> None:
    last = max(i for i, span in enumerate(found.spans) if span.service == "stock" and span.kind == "server")
    found.spans[last] = replace(found.spans[last], trace="0" * 31 + "1")


def _other_parent(found: Any) -> None:
    last = max(i for i, span in enumerate(found.spans) if span.service == "shop" and span.kind == "client")
    found.spans[last] = replace(found.spans[last], parent=None)


def _lost_span(found: Any) -> None:
    found.spans.pop()


def _lost_line(found: Any) -> None:
    found.lines.remove(found.requests("stock")[0])


def _line_twice(found: Any) -> None:
    found.lines.append(found.requests("shop")[0])


def _foreign_line(found: Any) -> None:
    found.requests("stock")[0]["trace_id"] = "f" * 32


def _lost_error(found: Any) -> None:
    found.lines.remove(found.errors("stock")[0])


def _split_group(found: Any) -> None:
    found.errors("shop")[0]["error.fingerprint"] = "v1:0"


def _lost_count(found: Any) -> None:
    found.scrapes["shop"].counts["GET", "/"] -= 1


def _no_metrics(found: Any) -> None:
    del found.scrapes["stock"]


def _lost_event(found: Any) -> None:
    found.events.pop()


def _no_chain(found: Any) -> None:
    del found.chains["stock"]


def _failing(found: Any) -> None:
    found.scrapes["stock"].health["status"] = "fail"


FAULTS = {
    _foreign_trace: "trace: 129 of 130 calls of the shop have a server span of the stock below them",
    _other_parent: "trace: 1 calls of the shop do not belong to the request that made them",
    _lost_span: "trace: server spans: 129 of stock, expected 130",
    _lost_line: "log: request lines: 129 of stock, expected 130",
    _line_twice: "log: request lines: 204 of shop, expected 203",
    _foreign_line: "log: 1 trace ids of the stock's lines are not in the shop's",
    _lost_error: "errors: reports: 5 of stock, expected 6",
    _split_group: "errors: groups, for its one bug,: 2 of shop, expected 1",
    _lost_count: "metrics: requests counted: 202 of shop, expected 203",
    _no_metrics: "metrics: requests counted: 0 of stock, expected 130",
    _lost_event: "audit: events: 38 of stock, expected 39",
    _no_chain: "audit: stock wrote no chain",
    _failing: "health: stock says fail, expected pass",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.strip("_"))
def test_a_fault_is_noticed(shop: Shop, fault: Callable[[Any], None]) -> None:
    """One span, line, error, count or event too few or too many, or in the wrong place, is told."""
    fault(shop.found)
    assert FAULTS[fault] in shop.checks.problems(shop.found, stopped=True)


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (
            lambda lines: [lines[0].replace('"pid":', '"pid":1'), *lines[1:]],
            "audit: the chain of shop is broken: line 1, event 0: altered",
        ),
        (lambda lines: [*lines[:5], *lines[6:]], "audit: the chain of shop is broken: line 6, event 6: gap"),
        (lambda lines: lines[:-1], "audit: the chain of shop was not closed when the service stopped"),
    ],
    ids=["altered", "gap", "cut"],
)
def test_a_broken_chain_is_noticed(
    shop: Shop, kept: Ended, tmp_path: Path, tamper: Callable[[list[str]], list[str]], expected: str
) -> None:
    """An audit file that somebody edited fails the demo."""
    (files,) = kept.files.iterdir()
    lines = (files / "shop.audit.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "shop.audit.jsonl").write_text("".join(tamper(lines)))
    shop.found.chains["shop"] = shop.evidence.read(tmp_path).chains["shop"]
    (problem,) = shop.checks.problems(shop.found, stopped=True)
    assert problem.startswith(expected)


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours come on a terminal, never into a pipe, and never with NO_COLOR."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert shop.paint.Paint(Terminal()).bold("x") == "\x1b[1mx\x1b[0m"
    assert shop.paint.Paint(io.StringIO()).bold("x") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert shop.paint.Paint(Terminal()).bold("x") == "x"
