"""The page: whole, self-contained, well-formed, and deaf to what strangers wrote."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from midwatch.picture.page import page
from midwatch.picture.span import Event

VOID = {"meta"}


class Seen(HTMLParser):
    """Elements as they nest, with their attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


HOSTILE = "</script></title></style></svg><script>alert(1)</script>\" ' onload=x & \x1b[2J \x00"


def test_page(build: Any) -> None:
    """A row for each span, which the keyboard opens: bar with a title, table of attributes, events with their times."""
    raised = Event("exception", build.noon + 2_000_000, {"exception.stacktrace": "Traceback\n  line"})
    root = build.span(1, None, 0, 10, name="GET /", kind="server", attributes={"http.response.status_code": 500})
    child = build.span(2, 1, 2, 5, name="query", service="stock", attributes={"deep": True}, events=(raised,))
    seen = Seen(page(build.picture(root._replace(outcome="error", error_type="KeyError"), child, build.span(3, 9))))
    assert seen.open == []
    assert len(seen.all("details")) == len(seen.all("summary")) == len(seen.all("svg")) == 3
    assert seen.all("rect")[1]["x"] == "20.000%"
    assert seen.all("rect")[1]["width"] == "50.000%"
    labels = [svg["aria-label"] for svg in seen.all("svg")]
    assert labels[:2] == ["GET /, shop: 10.0 ms, ✗ 500 KeyError", "query, stock: 5.00 ms, ok"]
    assert {f"trace {build.trace}", "Traceback\n  line", "true", "deep", "+2.00 ms", "✗ 500 KeyError"} <= set(seen.text)
    assert f"parent {build.id(9)} is not in these files" in seen.text
    assert {"href": "#row0"} in seen.all("a")
    assert seen.all("li")[-1]["id"] == "row3"


def test_self_contained(build: Any) -> None:
    """No script, nothing fetched, light and dark, and a policy that forbids all else."""
    text = page(build.picture(build.span(1)))
    seen = Seen(text)
    assert not {"script", "link", "img", "iframe", "object", "base"} & {tag for tag, _ in seen.tags}
    assert not re.search(r"https?:|url\(|@import|src=", text)
    assert "prefers-color-scheme: dark" in text
    policies = [meta["content"] for meta in seen.all("meta") if "http-equiv" in meta]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]
    assert {href["href"][0] for href in seen.all("a") if href["href"]} <= {"#"}


def test_hostile(build: Any) -> None:
    """What strangers wrote is text, wherever it stands."""
    event = Event(HOSTILE, build.noon, {HOSTILE: HOSTILE})
    text = {"service": HOSTILE, "name": HOSTILE, "outcome": "error", "error_type": HOSTILE}
    span = build.span(1, None, 0, 1, attributes={HOSTILE: HOSTILE}, events=(event,), **text)
    whole = page(build.picture(span, *(build.span(10 + n, 1, n, 1, **text) for n in range(30))))
    seen = Seen(whole)
    assert seen.open == []
    assert "script" not in {tag for tag, _ in seen.tags}
    assert not any(name.startswith("on") for _, attributes in seen.tags for name in attributes)
    assert "\x1b" not in whole
    assert "\x00" not in whole


def test_alike(build: Any) -> None:
    """Of many that are alike, the page tells the first and all about the longest."""
    alike = [build.span(100 + n, 1, n, 1 + (n == 30), name="q", attributes={"n": n}) for n in range(60)]
    seen = Seen(page(build.picture(build.span(1, None, 0, 100), *alike, build.span(99, 100))))
    assert {"and 10 spans more", "1 span below them are not shown", "The longest of them", "30"} <= set(seen.text)
    assert "60 × q" in "".join(seen.text)


def test_remarks(build: Any) -> None:
    """What a person should know stands above the picture."""
    picture = build.picture(build.span(1, 2), build.span(2, 1))
    assert picture.remarks[0] in Seen(page(picture)).text
    assert "remarks" not in page(build.picture(build.span(1))).partition("</style>")[2]
