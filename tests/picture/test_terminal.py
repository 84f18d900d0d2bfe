"""What a terminal shows: the picture as a whole, and each of its signs."""

from __future__ import annotations

from typing import Any

import pytest

from midwatch.picture.bar import blocks, signs
from midwatch.picture.screen import Screen
from midwatch.picture.terminal import draw
from midwatch.picture.waterfall import Row


@pytest.fixture
def picture(build: Any) -> Any:
    """A request that called a service which failed."""
    called = {"url.full": "http://u:p@stock:80/items/7?key=s", "http.response.status_code": 500}
    failed = {"http.response.status_code": 500}
    server = {"name": "GET /items/{id}", "kind": "server", "outcome": "error"}
    return build.picture(
        build.span(1, None, 0, 40, name="GET /items", kind="server", attributes={"http.response.status_code": 200}),
        build.span(2, 1, 10, 20, name="GET", kind="client", attributes=called, outcome="error", error_type="500"),
        build.span(3, 2, 12, 10, service="stock", attributes=failed, error_type="KeyError", **server),
        build.span(4, 9, 38, 2, name="mail", service="mailer", outcome="aborted"),
    )


def test_the_whole(picture: Any) -> None:
    """Head, axis, rows: aligned, with a sign at each failure."""
    lines = draw(picture, Screen(80)).splitlines()
    assert lines[0] == f"trace {picture.trace.id}"
    assert lines[1] == "2025-11-23 12:00:00.000000 UTC · 40.0 ms · 3 services · 4 spans · error"
    assert lines[2] == ""
    assert lines[3:] == [
        "                                         0          20 ms  40 ms",
        "GET /items              shop    40.0 ms  ███████████████████████  200",
        "└ GET stock:80/items/7  shop    20.0 ms  ┊    ▕███████████▎    ┊  ✗ 500",
        "  └ GET /items/{id}     stock   10.0 ms  ┊     ▕█████▋         ┊  ✗ 500 KeyError",
        "parent 0000000000000009 is not in these files",
        "└ mail                  mailer  2.00 ms  ┊          ┊         ▕█  aborted",
    ]


def test_colours(picture: Any) -> None:
    """Trouble is red or yellow, a service has its own colour, and without a wish for colours there is none."""
    assert "\x1b" not in draw(picture, Screen(80))
    lines = draw(picture, Screen(80, colour=True)).splitlines()
    assert "\x1b[36mshop" in lines[4]
    assert "\x1b[35mstock" in lines[6]
    assert lines[6].startswith("\x1b[31m")
    assert "\x1b[33maborted" in lines[8]
    assert "\x1b[31m" not in lines[4]


def test_ascii(picture: Any, build: Any) -> None:
    """Where the encoding has no blocks, ASCII says the same."""
    text = draw(picture, Screen(80, encoding="ascii"))
    assert text.isascii()
    lines = text.splitlines()
    assert lines[5].startswith("`-GET stock:80/items/7")
    assert lines[5].endswith("! 500")
    assert "####" in lines[5]
    names = build.picture(build.span(1, None, 0, 0.005, name="GET /größe 字"))
    assert "GET /gr??e ?" in draw(names, Screen(80, encoding="ascii"))
    assert "5.00 us" in draw(names, Screen(80, encoding="ascii"))
    assert "größe ?" in draw(names, Screen(80, encoding="latin-1"))
    assert "?" in draw(names, Screen(80, encoding="no such thing"))


def test_hostile_names(build: Any) -> None:
    """Names cannot move the cursor, change colours, or write from right to left."""
    text = draw(build.picture(build.span(1, name="a\x1b[2J\r\nb\u202ec\x9b", service="\x07")), Screen(80))
    assert "a�[2J  b�c�" in text.splitlines()[4]
    assert text.replace("\n", "").isprintable()


def test_alike(build: Any) -> None:
    """Many that are alike say how many they are and that their time is a sum."""
    alike = [build.span(10 + n, 1, n, 2, name="SELECT orders") for n in range(37)]
    lines = draw(build.picture(build.span(1, None, 0, 100), *alike, build.span(99, 11)), Screen(100)).splitlines()
    assert lines[5].startswith("└ 37 × SELECT orders  shop  74.0 ms  ▒▒▒▒")
    assert lines[5].endswith("in total, 1 below")


def row(offset: float, length: float, count: int = 1) -> Row:
    return Row([None] * count, offset=offset, length=length)  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("offset", "length", "bar"),
    [
        (0, 1, (0, "████████")),
        (0, 0, (0, "▏")),
        (1, 0, (7, "▕")),
        (0.5, 0.25, (4, "██")),
        (1 / 16, 0.5, (0, "▐███▌")),
        (7 / 64, 0.5, (0, "▕███▉")),
        (1 / 64, 1 / 32, (0, "▎")),
        (6 / 64, 1 / 64, (0, "▕")),
        (5 / 64, 3 / 64, (0, "▐")),
    ],
)
def test_blocks(offset: float, length: float, bar: tuple[int, str]) -> None:
    """To an eighth of a column where there is a sign for it, and never nothing."""
    assert blocks(row(offset, length), 8) == bar


@pytest.mark.parametrize(
    ("offset", "length", "bar"),
    [(0, 1, (0, "########")), (0, 0, (0, "#")), (1, 0, (7, "#")), (0.5, 0.25, (4, "##"))],
)
def test_signs(offset: float, length: float, bar: tuple[int, str]) -> None:
    """The same in ASCII."""
    assert signs(row(offset, length), 8) == bar


def test_bars_of_many() -> None:
    """Several in one look lighter."""
    assert blocks(row(0, 1, 2), 4) == (0, "▒▒▒▒")
    assert signs(row(0, 1, 2), 4) == (0, "====")
