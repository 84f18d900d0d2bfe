"""Which requests are audited, and how: the first rule that fits, by the route that was taken."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.audit.pending import Pending
from midwatch.audit.rules import DEFAULT, Rule, Rules
from midwatch.exchange import Actor


def seen(method: str = "GET", path: str = "/", route: str | None = None, **other: Any) -> Any:
    """What rules look at."""
    known = {"status": 200, "actor": None, "kind": "http", **other}
    return SimpleNamespace(method=method, path=path, route=route, **known)


def mode(rules: Rules, exchange: Any) -> str | None:
    found = rules.of(exchange, None)
    return None if found is None else found.mode


def test_the_first_that_fits_counts() -> None:
    rules = Rules([Rule(match=("/a",), skip=True), Rule(match=("/a", "/b"), mode="strict"), Rule(mode="async")])
    assert [mode(rules, seen("POST", path)) for path in ("/a", "/b", "/c")] == [None, "strict", "async"]


def test_without_a_rule() -> None:
    rules = Rules()
    assert rules.of(seen(), None) is None
    assert rules.of(seen("POST"), None) is DEFAULT
    assert rules.of(seen(status=401), None) is rules.of(seen(status=403), None) is DEFAULT
    assert rules.of(seen(status=404), None) is None
    assert rules.of(seen(kind="websocket"), None) is DEFAULT
    denied = Pending()
    denied.denied = True
    assert rules.of(seen(), denied) is DEFAULT


def test_modes_without_one() -> None:
    rules = Rules([Rule(level="minimal")])
    assert [mode(rules, seen(*args)) for args in (("GET",), ("POST",), ("QUERY",))] == ["async", "durable", "async"]
    assert mode(rules, seen(status=403)) == "durable"
    found = rules.of(seen(), None)
    assert found is not None
    assert found.level == "minimal"


@pytest.mark.parametrize(
    "path", ["//payments", "/payments/", "/%70ayments", "/payments%2f", "/PAYMENTS", "/v1/payments"]
)
def test_no_spelling_of_a_url_escapes_the_rule_of_its_route(path: str) -> None:
    rules = Rules([Rule(match=("POST /payments",), mode="strict")])
    assert mode(rules, seen("POST", path, "/payments")) == "strict"
    assert mode(rules, seen("POST", "/payments", "/other")) == "durable"


def test_status() -> None:
    rules = Rules([Rule(status=((400, 403), (500, 599)), mode="strict"), Rule(skip=True)])
    found = [mode(rules, seen(status=status)) for status in (399, 400, 403, 404, 500, 599, 600, None)]
    assert found == [None, "strict", "strict", None, "strict", "strict", None, None]


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("service", {"service:a"}),
        ("service:*", {"service:a"}),
        ("user:ann", {"user:ann"}),
        ("user:[x]*", {"user:[x]y"}),
        ("anonymous", {None}),
        ("*", {"service:a", "user:ann", "user:[x]y", None}),
    ],
)
def test_actor(pattern: str, fits: set[str | None]) -> None:
    rules = Rules([Rule(actor=(pattern,), mode="strict"), Rule(skip=True)])
    found = set()
    for text in ("service:a", "user:ann", "user:[x]y", None):
        kind, _, identity = (text or "").partition(":")
        if mode(rules, seen(actor=None if text is None else Actor(identity, kind, None))):
            found.add(text)
    assert found == fits


def test_before_only_what_is_known_counts() -> None:
    strict = Rule(match=("POST /payments",), mode="strict")
    early = seen("POST", "/payments", status=None)
    assert Rules([Rule(status=((200, 200),), mode="async"), strict]).before(early) is strict
    assert Rules([Rule(match=("/payments",), skip=True), strict]).before(early) is None
    assert Rules([Rule(match=("/payments",), mode="async")]).before(early) is None


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


ANY = st.text(max_size=30)


@given(ANY, ANY, st.none() | ANY, st.none() | st.integers(), ANY | st.builds(Hostile), st.lists(ANY, max_size=3))
def test_no_request_and_no_rule_raises(
    method: str, path: str, route: str | None, status: int | None, who: Any, patterns: list[str]
) -> None:
    rules = Rules([Rule(match=tuple(patterns), mode="strict"), Rule(actor=tuple(patterns)), Rule(mode="async")])
    exchange = seen(method, path, route, status=status, actor=Actor(who, "user", None))
    rules.before(exchange)
    assert rules.of(exchange, None) is not None
