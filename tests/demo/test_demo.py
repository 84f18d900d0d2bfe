"""The demo shows all six, fails when one is missing, and leaves nothing behind."""

from __future__ import annotations

import re
import signal
import urllib.request
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.demo.conftest import Ended, Run


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
    assert kept.alive() == []


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
    assert ended.alive() == []
    (files,) = ended.files.iterdir()
    assert str(files) in shown
    assert (files / "shop.spans.jsonl").stat().st_size > 0


def _get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=60) as answer:
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
