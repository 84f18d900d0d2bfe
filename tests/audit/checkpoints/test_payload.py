from __future__ import annotations

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.audit.checkpoints import Commitment, Payload, digest, parse, root_of

names = st.text("0123456789abcdef", min_size=32, max_size=32)
commitments = st.lists(st.tuples(names, st.integers(0, 2**53 - 1), st.binary(min_size=32, max_size=32).map(bytes.hex)))
seconds = st.integers(1, 2**63 // 1_000_000_000 - 1)
payloads = st.builds(
    Payload,
    log=st.text(max_size=20),
    n=st.integers(0, 2**53 - 1),
    time=st.builds(lambda second, micro: second * 1_000_000_000 + micro * 1000, seconds, st.integers(0, 999_999)),
    previous=st.just("") | st.binary(min_size=32, max_size=32).map(bytes.hex),
    commitments=commitments,
    totals=st.fixed_dictionaries({"events": st.integers(0, 2**53 - 1), "streams": st.integers(0, 1000)}),
    open=st.lists(names),
    root=st.binary(min_size=32, max_size=32).map(bytes.hex),
    algorithm=st.none() | st.sampled_from(["Ed25519", "HMAC-SHA256"]),
    key_id=st.none() | st.text("0123456789abcdef", max_size=16),
)

ONE = Payload(
    "orders", 7, 1_767_225_600_123_456_000, "ab", [("00", 3, "cd")], {"events": 4, "streams": 1}, ["00"], "ef"
)


def test_it_is_canonical_json() -> None:
    assert ONE.data() == (
        b'{"commitments":[["00",3,"cd"]],"log":"orders","n":7,"open":["00"],"previous":"ab","root":"ef",'
        b'"time":"2026-01-01T00:00:00.123456Z","totals":{"events":4,"streams":1},"v":1}'
    )
    assert digest(ONE.data()) == sha256(ONE.data()).digest()


@given(payload=payloads)
def test_what_was_said_is_read_again(payload: Payload) -> None:
    assert parse(payload.data()) == payload


@given(data=st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps).map(str.encode))
def test_anything_else_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        parse(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"v":1', b'"v":2'), (b'"v":1', b'"v":1,"w":2'), (b'"n":7', b'"n": 7'), (b'"n":7', b'"n":6,"n":7'),
     (b".123456Z", b"Z"), (b"2026-01", b"2026-13"), (b'"n":7', b'"n":"7"'),
     (b'"events":4', b'"events":4.5'), (b'["00",3,', b'["00",'), (b'"ab"', b'"\\u0061b"'), (b"}", b"} ")],
)  # fmt: skip
def test_there_is_one_form_only(old: bytes, new: bytes) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        parse(ONE.data().replace(old, new, 1))


def naive(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive(leaves[:k]) + naive(leaves[k:])).digest()


@given(entries=commitments)
def test_the_root_is_the_tree_hash_of_the_rfc(entries: list[Commitment]) -> None:
    leaves = [json.dumps(entry, separators=(",", ":")).encode() for entry in entries]
    assert root_of(entries) == naive(leaves)
    if entries:
        assert root_of([*entries, entries[-1]]) != root_of(entries)
