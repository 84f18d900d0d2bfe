"""What changed: the fields that differ, whatever holds them, and no secret."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections import namedtuple
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from midwatch.audit.canonical import canonical
from midwatch.audit.difference import CHANGES, difference
from midwatch.audit.entry import Entry
from midwatch.redaction import Redactor


@dataclasses.dataclass
class Data:
    a: int
    b: Any = "b"


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    a: int
    b: Any = "b"


@attrs.define
class Attrs:
    a: int
    b: Any = "b"


class Pydantic(pydantic.BaseModel):
    a: int
    b: Any = "b"


class Struct(msgspec.Struct):
    a: int
    b: Any = "b"


class Plain:
    kind = "plain"

    def __init__(self, a: int, b: Any = "b") -> None:
        self.a, self.b = a, b
        self._at = object()


class Slots:
    __slots__ = ("a", "b")

    def __init__(self, a: int, b: Any = "b") -> None:
        self.a, self.b = a, b


Named = namedtuple("Named", ["a", "b"], defaults=["b"])  # noqa: PYI024 - as an application may


class Base(DeclarativeBase):
    pass


class Mapped_(Base):
    __tablename__ = "mapped"
    a: Mapped[int] = mapped_column(primary_key=True)
    b: Mapped[str] = mapped_column(default="b")


def mapping(a: int, b: Any = "b") -> dict[str, Any]:
    return {"a": a, "b": b}


def row(a: int, b: Any = "b") -> Any:
    with sa.create_engine("sqlite://").connect() as connection:
        return connection.execute(sa.select(sa.literal(a).label("a"), sa.literal(b).label("b"))).one()


@pytest.mark.parametrize(
    "make",
    [mapping, Data, Slotted, Attrs, Pydantic, Struct, Plain, Slots, Named, row, Mapped_],
    ids=lambda make: make.__name__,
)
def test_fields(make: Any) -> None:
    """Whatever has fields: those that differ, and no others."""
    assert difference(make(a=1), make(a=1)) == {}
    assert difference(make(a=1, b="x"), make(a=2, b="x")) == {"a": (1, 2)}
    assert difference(make(a=1, b="x"), make(a=1, b="y")) == {"b": ("x", "y")}
    assert difference(None, make(a=1, b="x")) == {"a": (None, 1), "b": (None, "x")}
    assert difference(make(a=1, b="x"), None) == {"a": (1, None), "b": ("x", None)}


def test_different_kinds_of_things_are_compared_by_their_fields() -> None:
    """Such as the model of a request with the row that it changes."""
    assert difference({"a": 1, "b": "x"}, Pydantic(a=2, b="x")) == {"a": (1, 2)}


def test_nothing_is_loaded_of_an_instance() -> None:
    """What a commit has expired is not a change, and no query of ours."""
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    queries: list[str] = []
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        before, after = Mapped_(a=1, b="x"), Mapped_(a=2, b="x")
        session.add_all([before, after])
        session.commit()
        sa.event.listen(engine, "before_cursor_execute", lambda *args: queries.append(args[2]))
        assert difference(before, after) == {}
        assert queries == []
        assert before.b == after.b == "x"
        assert difference(before, after) == {"a": (1, 2)}
    engine.dispose()


def test_a_field_that_comes_or_goes() -> None:
    assert difference({"a": 1}, {"b": 2}) == {"a": (1, None), "b": (None, 2)}
    assert difference({"a": None}, {}) == {"a": (None, None)}


def test_things_within_things() -> None:
    old = {"city": {"name": "Bonn", "zip": 53}, "tags": [1, 2], "owner": Data(1)}
    new = {"city": {"name": "Bonn", "zip": 54}, "tags": [1, 3], "owner": Data(2)}
    assert difference(old, new) == {"city.zip": (53, 54), "tags": ([1, 2], [1, 3]), "owner.a": (1, 2)}
    assert difference({"city": None}, {"city": {"zip": 5}}) == {"city": (None, {"zip": 5})}


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        (1, 2, (1, 2)),
        ("a", "b", ("a", "b")),
        (True, False, (True, False)),
        (date(2026, 1, 1), date(2026, 1, 2), ("2026-01-01", "2026-01-02")),
        (Decimal("1.10"), Decimal("1.20"), ("1.10", "1.20")),
        (UUID(int=1), UUID(int=2), (str(UUID(int=1)), str(UUID(int=2)))),
        (PurePath("/a"), PurePath("/b"), ("/a", "/b")),
        (Colour.RED, Colour.BLUE, ("Colour.RED", "Colour.BLUE")),
        (b"a", b"b", ("a", "b")),
    ],
)
def test_values(old: object, new: object, shown: Any) -> None:
    """One value is compared as a whole, and an event can say it."""
    entry = Entry(0, "a", changes=difference({"f": old}, {"f": new}))
    assert entry.changes == [{"field": "f", "old": shown[0], "new": shown[1]}]
    assert difference(old, new).keys() == {"value"}
    assert difference({"f": old}, {"f": old}) == {}


def test_secrets_are_hidden_but_not_that_they_changed() -> None:
    old = {"password": "hunter2", "n": {"api_key": None, "note": "see https://me:hunter2@a/"}, "x": {"token": "t"}}
    new = {"password": "hunter3", "n": {"api_key": "hunter2", "note": ""}, "x": {"token": "t"}}
    found = difference(old, new)
    assert "hunter" not in repr(found)
    assert found["password"] == ("[redacted]", "[redacted]")
    assert found["n.api_key"] == (None, "[redacted]")
    assert found.keys() == {"password", "n.api_key", "n.note"}


def test_all_of_what_a_secret_name_holds_is_hidden() -> None:
    found = difference({"credentials": {"user": "hunter1"}}, {"credentials": {"user": "hunter2"}})
    assert found == {"credentials": ("[redacted]", "[redacted]")}


def test_the_users_own_names_of_secrets() -> None:
    found = difference({"salary": 1}, {"salary": 2}, Redactor(names=["salary"]))
    assert found == {"salary": ("[redacted]", "[redacted]")}


# Whatever is handed in


def test_more_changes_than_an_event_keeps() -> None:
    found = difference({}, {f"f{number}": number for number in range(100_000)})
    assert len(found) == CHANGES
    assert "changes" in Entry(0, "a", changes=found).truncated


def test_a_thing_within_itself() -> None:
    old: dict[str, Any] = {"a": 1}
    new: dict[str, Any] = {"a": 1}
    old["self"], new["self"] = old, new
    canonical(Entry(0, "a", changes=difference(old, new)).changes)


class Endless(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        return len(key)

    def __iter__(self) -> Iterator[str]:
        number = 0
        while True:
            yield f"k{number}"
            number += 1

    def __len__(self) -> int:
        return 2**31


class Hostile:
    """Raises whatever is asked of it."""

    public = 1

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError


class Raising:
    __slots__ = ("a", "b")

    def __init__(self) -> None:
        self.a = 1

    def __getattr__(self, name: str) -> Any:
        raise ValueError(name)


class Vector:
    """Compares as arrays do: neither equal nor not."""

    def __eq__(self, other: object) -> Any:
        return Vector()

    def __bool__(self) -> bool:
        raise ValueError

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "thing",
    [Endless(), Hostile(), Raising(), Vector(), {"a": Hostile()}, {"a": 1, "b": Hostile(), "c": 2}, float("nan"), type],
    ids=lambda thing: type(thing).__name__,
)
def test_it_never_raises(thing: Any) -> None:
    for old, new in ((thing, None), (None, thing), (thing, {"a": 0}), ({"a": 0}, thing), (thing, thing)):
        canonical(Entry(0, "a", changes=difference(old, new)).changes)


def test_one_hostile_field_costs_no_other() -> None:
    found = difference({"a": 1, "b": Hostile(), "c": 2}, {"a": 2, "b": Hostile(), "c": 3})
    assert found["a"] == (1, 2)
    assert found["c"] == (2, 3)
    assert "b" in found


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(values, values)
def test_any_values(old: Any, new: Any) -> None:
    """An event can always be made of it; and nothing changes between a thing and itself."""
    entry = Entry(0, "a", changes=difference(old, new))
    json.loads(canonical(entry.changes))
    assert difference(old, old) == {}


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers()), st.dictionaries(st.sampled_from("abcdef"), st.integers())
)
def test_exactly_what_differs(old: dict[str, int], new: dict[str, int]) -> None:
    expected = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    assert difference(old, new).keys() == expected
