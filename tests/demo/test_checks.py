"""What the demo notices when it checks itself, tried on what a real run left."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.demo.conftest import Ended, Shop


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
    found.events.remove(next(event for event in found.events if event["service"]["name"] == "stock"))


def _no_chain(found: Any) -> None:
    del found.chains["stock"]


def _failing(found: Any) -> None:
    found.scrapes["stock"].health["status"] = "fail"


FAULTS: dict[Callable[[Any], None], str] = {
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
