"""Fields of any depth and of any making: secrets by name and by form, bounds, and nothing that raises."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
from collections import UserDict
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch import plugin
from midwatch.redaction import DEFAULT, Redactor

CANARY = "s3cr3tC4n4ry"


class Raises:
    def __str__(self) -> str:
        raise RuntimeError(CANARY)

    __repr__ = __str__


class RaisesItems(dict[str, str]):
    def items(self) -> Any:
        raise RuntimeError(CANARY)


class Endless(UserDict[str, str]):
    def __len__(self) -> int:
        return 10**9

    def items(self) -> Any:
        return ((str(number), "x") for number in iter(int, 1))


class Liar(str):
    __slots__ = ()

    def __str__(self) -> str:
        return CANARY

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError


class BadIterator(list[str]):
    def __iter__(self) -> Any:
        raise RuntimeError(CANARY)


@dataclass
class Login:
    user: str
    password: str


class Struct(msgspec.Struct):
    user: str
    api_key: str


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("password", "a", "[redacted]"),
        ("user.password", 17, "[redacted]"),
        ("pin", 1234, "[redacted]"),
        ("credentials", {"user": "a"}, "[redacted]"),
        ("tokens", ["a"], "[redacted]"),
        ("token", None, None),
        ("has_token", True, True),
        ("token_count", 3, 3),
        ("code", 7, 7),
        ("note", "password=a", "password=[redacted]"),
        ("note", b"password=a", "password=[redacted]"),
        ("card", 4111111111111111, "[redacted]"),
        ("order", 4111111111111112, 4111111111111112),
        ("n", 10**400, 10**400),
        ("ratio", 0.5, 0.5),
        ("level", Level.HIGH, 3),
        ("at", dt.date(2024, 1, 2), dt.date(2024, 1, 2)),
        ("price", decimal.Decimal("1.5"), decimal.Decimal("1.5")),
        ("id", uuid.UUID(int=1), uuid.UUID(int=1)),
        ("colour", Colour.RED, "Colour.RED"),
        ("login", Login("a", "b"), {"user": "a", "password": "[redacted]"}),
        ("login", Struct("a", "b"), {"user": "a", "api_key": "[redacted]"}),
        ("list", [{"token": "a"}, ("b",)], [{"token": "[redacted]"}, ["b"]]),
        ("set", frozenset({"a"}), ["a"]),
        ("deep", {"a": {"b": [{"x-api-key": "c", "d": "e"}]}}, {"a": {"b": [{"x-api-key": "[redacted]", "d": "e"}]}}),
        ("keys", {1: "a", "x://me:a@h": "b"}, {"1": "a", "x://[redacted]@h": "b"}),
        ("clash", {"1": "a", 1: "b"}, {"1": "a", "1'": "b"}),
        ("odd", Raises(), f"<{__name__}.Raises that raises RuntimeError>"),
        ("odd", RaisesItems(a="b"), "<RaisesItems that raises when it is looked at>"),
        ("odd", BadIterator(["a"]), "<BadIterator that raises when it is looked at>"),
    ],
)
def test_one_field(name: str, value: Any, shown: Any) -> None:
    """Names count at any depth, values by what they hold; what cannot be looked at is named by its class."""
    assert DEFAULT.field(name, value) == shown


def test_what_has_no_name_keeps_it() -> None:
    """A list or a text at the top of a body."""
    assert DEFAULT.fields({"": [{"password": "a"}, "b"]}) == {"": [{"password": "[redacted]"}, "b"]}


def test_cycles_end() -> None:
    one: dict[str, Any] = {"a": 1}
    one["self"] = one
    two: list[Any] = []
    two.append(two)
    assert DEFAULT.fields({"one": one, "two": two, "again": one}) == {
        "one": {"a": 1, "self": "…"},
        "two": ["…"],
        "again": {"a": 1, "self": "…"},
    }


def test_depth_and_width_are_bounded() -> None:
    """What is cut says so."""
    deep: Any = "leaf"
    for _ in range(1000):
        deep = {"in": deep}
    assert str(DEFAULT.field("deep", deep)).count("in") == 8
    wide = DEFAULT.fields({str(number): number for number in range(100_000)})
    assert len(wide) == 257
    assert wide["…"] == "99744 more"
    assert DEFAULT.field("wide", list(range(1000)))[-1] == "…"
    assert len(DEFAULT.field("endless", Endless())) == 257
    assert len(DEFAULT.field("long", "x" * 100_000)) == 16_385


def test_what_refers_to_itself_many_times_is_bounded() -> None:
    """A thousand laughs: each level refers to the one below a hundred times."""
    level: Any = ["ha"] * 100
    for _ in range(7):
        level = [level] * 100
    assert str(DEFAULT.field("laughs", level)).count("ha") <= 4096


@pytest.mark.parametrize(
    "value", [Raises(), RaisesItems(a="b"), Endless(), Liar("x"), BadIterator(["a"]), {Raises(): 1}]
)
def test_hostile_values(value: Any) -> None:
    """Nothing raises, and what an exception says is not shown either."""
    for mapping in ({"odd": value}, {"list": [value]}, {"password": value}):
        shown = DEFAULT.fields(mapping)
        assert json.dumps(shown)
    assert CANARY not in json.dumps(DEFAULT.fields({"odd": value})) or isinstance(value, Liar)
    assert isinstance(DEFAULT.field("odd", value), str | dict | list)


@pytest.mark.parametrize("mapping", [None, 17, RaisesItems(a="b"), Raises(), Endless()])
def test_what_is_no_mapping(mapping: Any) -> None:
    assert isinstance(DEFAULT.fields(mapping), dict)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


def plant(value: Any, secret: str) -> Any:
    """*value* with *secret* wherever it can be, under names that say so."""
    if isinstance(value, dict):
        return {**{key: plant(item, secret) for key, item in value.items()}, "password": secret, "x-api-key": [secret]}
    if isinstance(value, list):
        return [*(plant(item, secret) for item in value), {"Authorization": {"raw": secret}}, f"token={secret}"]
    return value


@given(st.dictionaries(st.text(max_size=6), values, max_size=4))
def test_planted_secrets_do_not_survive(mapping: dict[str, Any]) -> None:
    """And all else is JSON."""
    planted = plant(mapping, CANARY)
    shown = DEFAULT.fields(planted)
    assert CANARY not in json.dumps(shown, default=str)
    assert DEFAULT.fields(shown) == shown


def test_the_users_functions() -> None:
    """They see text by its name, after us; one that raises, or returns nonsense, hides the value, and is counted."""

    def shown(name: str, value: str) -> Any:
        if name == "broken":
            raise ValueError(value)
        return {"mail": value.partition("@")[2], "nonsense": 17, "gone": None}.get(name, value)

    redactor = Redactor(calls=[shown])
    before = plugin.failures.get(shown.__qualname__, 0)
    assert redactor.fields(
        {"mail": "ann@x.example", "nonsense": "a", "gone": "a", "broken": "a", "n": 3, "in": {"mail": "bob@y.example"}}
    ) == {
        "mail": "x.example",
        "nonsense": "[redacted]",
        "gone": "[redacted]",
        "broken": "[redacted]",
        "n": 3,
        "in": {"mail": "y.example"},
    }
    assert plugin.failures[shown.__qualname__] == before + 1


def test_what_a_function_raises_is_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    """It may say the very value; that it raised, and where, is told."""

    class Hides:
        def __call__(self, name: str, value: str) -> str:
            raise ValueError(value)

        __qualname__ = "a_function_that_fails"

    assert Redactor(calls=[Hides()]).fields({"note": CANARY}) == {"note": "[redacted]"}
    assert "a_function_that_fails failed" in caplog.text
    assert "RuntimeError: raised ValueError" in caplog.text
    assert "in __call__" in caplog.text
    assert CANARY not in caplog.text


def test_functions_do_not_see_what_is_hidden() -> None:
    seen: list[str] = []

    def shown(name: str, value: str) -> str:
        seen.append(value)
        return value

    Redactor(calls=[shown]).fields({"password": CANARY, "note": f"token={CANARY}"})
    assert seen == ["token=[redacted]"]
