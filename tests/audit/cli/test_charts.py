"""What is drawn of characters."""

from __future__ import annotations

import io

import pytest

from midwatch.cli.audit.charts import bar, sparkline, week
from midwatch.cli.audit.grid import grid
from midwatch.cli.audit.verify import Bar
from midwatch.picture.screen import Screen
from midwatch.picture.words import columns


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_charts(encoding: str) -> None:
    """Charts keep to their width and their encoding; what there is can be seen, and nothing is blank."""
    on = Screen(80, encoding=encoding)
    assert [len(bar(value, 1000, 20, on)) for value in (0, 1, 1000)] == [0, 1, 20]
    line = sparkline([0, 1, 500, 1000], 80, on)
    assert (len(line), line[0]) == (4, " ")
    assert " " not in line[1:]
    assert sparkline(range(100), 10, on) == sparkline(range(90, 100), 10, on)
    drawn = week([0] * 24 + [1] + [1000] * 143, on)
    assert drawn[1].strip() == "Mon"
    assert drawn[2][5:7].strip()
    assert len(drawn) == 8
    "".join([line, *drawn, bar(7, 9, 9, on)]).encode(encoding)


def test_a_grid_keeps_to_its_width() -> None:
    """The widest columns give way."""
    lines = grid(("a", "b", "n"), [("x" * 200, "short", "1"), ("y", "z" * 90, "22")], Screen(60)).splitlines()
    assert all(columns(line) <= 60 for line in lines)
    assert "short" in lines[1]


@pytest.mark.parametrize("width", [40, 20])
def test_columns_that_stay_whole(width: int) -> None:
    """A time is not cut, nor is the terminal's width a reason to go on for ever."""
    time = "2026-11-24 16:40:23.365"
    lines = grid(("time", "b"), [(time, "x" * 200)], Screen(width), whole=frozenset({"time"})).splitlines()
    assert lines[1].startswith(f"{time}  xx")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal there is a bar, which is gone in the end; elsewhere there is none."""
    now = iter(range(100))
    monkeypatch.setattr("midwatch.cli.audit.verify.monotonic", lambda: next(now))
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        shown = Bar(stream)
        shown.show(500, 1000)
        shown.show(1000, 0)
        shown.end()
    assert f"[{'#' * 15}{' ' * 15}]  50%  500 of 1 000 events" in terminal.getvalue()
    assert terminal.getvalue().endswith(" \r")
    assert file.getvalue() == ""
