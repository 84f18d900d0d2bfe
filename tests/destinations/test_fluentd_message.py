"""Chunks: one message for each tag, bounded, named, compressed where it is worth it."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.destinations import Entry, Shipped
from midwatch.destinations.fluentd.message import MOST, WORTH, Chunk, Chunks, legal_tag, random_id

from .fluentd_double import lines
from .fluentd_reader import Message, read_all


def chunks(**options: Any) -> Chunks:
    ids = count(1)
    return Chunks("shop", **{"ids": lambda: f"{next(ids):022d}==", **options})


def messages(made: list[Chunk]) -> list[Message]:
    found = []
    for chunk in made:
        (value,) = read_all(chunk.data)
        found.append(Message.of(value))
        assert found[-1].chunk == chunk.id
    return found


LOGGERS = st.sampled_from(["midwatch.request", "midwatch.error", "midwatch.audit", "midwatch.health", "app", ""])


@settings(max_examples=50)
@given(st.lists(LOGGERS, max_size=40), st.booleans(), st.booleans())
def test_every_line_is_in_one_chunk_of_its_tag_in_order(loggers: list[str], compress: bool, ack: bool) -> None:
    batch = [line for number, logger in enumerate(loggers) for line in lines(number, logger=logger)]
    found = messages(list(chunks(compress=compress, ack=ack).of(batch)))
    by_tag = {message.tag: [record["n"] for record in message.records] for message in found}
    assert len(by_tag) == len(found)
    kinds = [logger.removeprefix("midwatch.") if logger.startswith("midwatch.") else "log" for logger in loggers]
    expected: dict[str, list[int]] = {}
    for number, kind in enumerate(kinds):
        expected.setdefault(f"shop.{kind}", []).append(number)
    assert by_tag == expected
    assert all((message.chunk is not None) == ack for message in found)


@pytest.mark.parametrize("compress", [True, False])
def test_only_chunks_that_are_worth_it_are_compressed(compress: bool) -> None:
    small, large = lines(1), lines(*range(WORTH))
    made = chunks(compress=compress)
    assert not messages(list(made.of(small)))[0].compressed
    (message,) = messages(list(made.of(large)))
    assert message.compressed == compress
    assert len(message.entries) == WORTH


def test_a_batch_beyond_the_bound_goes_as_several_chunks() -> None:
    text = "x" * (MOST // 3)
    batch: list[Shipped] = [Entry(1.5, "INFO", "app", f'{{"n":{number},"text":"{text}"}}') for number in range(10)]
    found = messages(list(chunks().of(batch)))
    assert len(found) == 5
    assert [record["n"] for message in found for record in message.records] == list(range(10))
    assert all(message.packed_bytes <= MOST for message in found)
    assert len({message.chunk for message in found}) == 5


def test_one_line_beyond_the_bound_goes_alone() -> None:
    batch = [*lines(1), Entry(1.5, "INFO", "midwatch.request", '{"n":2,"a":"' + "x" * (2 * MOST) + '"}'), *lines(3)]
    found = messages(list(chunks().of(batch)))
    assert [record["n"] for message in found for record in message.records] == [1, 2, 3]


def test_names_are_128_random_bits() -> None:
    names = {random_id() for _ in range(1000)}
    assert len(names) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9+/]{22}==", name) for name in names)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_a_legal_tag(text: str) -> None:
    tag = legal_tag(text)
    assert re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", tag)
    assert legal_tag(tag) == tag
    assert len(tag) <= 128


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("orders", "orders"),
        ("team.orders", "team.orders"),
        ("/team/orders/", "team.orders"),
        ("My Shop!", "My_Shop_"),
        ("..a...b..", "a.b"),
        ("", "midwatch"),
        ("...", "midwatch"),
        ("a.*", "a._"),
        ("\n", "_"),
    ],
)
def test_tags(text: str, tag: str) -> None:
    assert legal_tag(text) == tag


def test_what_is_queued_becomes_an_entry_here() -> None:
    class Later:
        def entry(self) -> Entry:
            return Entry(1.5, "INFO", "midwatch.audit", '{"n":1}')

    (message,) = messages(list(chunks().of([Later()])))
    assert message.tag == "shop.audit"


def test_the_reader_of_these_tests_is_strict() -> None:
    for broken in (b"\xc1", b"\x81\x01\x02", b"\xa1\xff", b"\xd4\x05a"):
        with pytest.raises((AssertionError, UnicodeDecodeError)):
            read_all(broken)
    with pytest.raises(EOFError):
        read_all(b"\x92\x01")
