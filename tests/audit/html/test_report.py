"""The page shows what was found and runs nothing that the trail says."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from midwatch.audit.html.report import START, page
from midwatch.audit.query import Bucket, Finding, Stats, Tally

HOSTILE = "\"'><script>alert(1)</script>\x1b]0;x\x07\u202e</style><img src=//evil.example onerror=x>"

VOID = {"meta", "rect"}


class Reader(HTMLParser):
    """Which elements and attributes there are, and whether they are nested as they should."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def stats(name: str, events: int = 10) -> Stats:
    tallies = (Tally(name, events, 2, 1), Tally("b", 1, 0, 0))
    buckets = tuple(Bucket(at * 3_600_000_000_000 + 1, at, at // 2, at // 3) for at in range(events))
    distinct = {"actors": 2, "actions": 2, "resources": 2, "addresses": 2}
    total = Tally("all", events, 2, 1)
    lists = (tallies, tallies, tallies, tallies, tallies, tallies)
    return Stats(1, 2, total, distinct, *lists, buckets, buckets, tuple(range(168)))


def finding(text: str) -> Finding:
    return Finding("spraying", "high", text, f"{text} did it.", 5, 6, {text: text, "n": 1.5}, (text,))


def test_everything_is_there_and_nothing_comes_from_outside() -> None:
    text = page(stats("u-17"), [finding("eve")], "Audit trail of orders")
    assert text.startswith(START)
    assert "default-src 'none'" in text
    reader = Reader(text)
    for said in ("Audit trail of orders", "u-17", "eve did it.", "Worth a look", "Hours of the week"):
        assert said in reader.text
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert not {name for name in reader.names if name.startswith("on") or name in {"src", "href"}}
    assert "url(" not in text
    assert "@import" not in text


def test_an_empty_trail_has_a_page() -> None:
    empty = Stats(None, None, Tally("all", 0, 0, 0), {}, (), (), (), (), (), (), (), (), (0,) * 168)
    assert "No events." in Reader(page(empty, [], "x")).text


def test_what_strangers_wrote_is_text() -> None:
    reader = Reader(page(stats(HOSTILE), [finding(HOSTILE)], HOSTILE))
    assert "script" not in reader.tags
    assert "img" not in reader.tags
    assert "\x1b" not in reader.text
    assert "\u202e" not in reader.text


@given(st.text(max_size=300), st.integers(0, 50))
def test_any_text_keeps_the_page_whole(text: str, events: int) -> None:
    reader = Reader(page(stats(text, events), [finding(text)], text))
    assert "script" not in reader.tags
    page(stats(text, events), [finding(text)], text).encode()


def test_a_page_of_very_many_findings_stays_small() -> None:
    text = page(stats("a"), [finding("x" * 5000)] * 3000, "t")
    assert "2500 more are not on this page" in text
    assert len(text) < 2_000_000
