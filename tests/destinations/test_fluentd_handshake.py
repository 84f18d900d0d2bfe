"""The handshake: digests as specified, whatever a server says."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.destinations.fluentd.handshake import Handshake, Helo, helo_of
from midwatch.destinations.fluentd.unpack import unpacked

NONCE = b"\xffnonce"


def sha512(*parts: bytes) -> str:
    return hashlib.sha512(b"".join(parts)).hexdigest()


def handshake(key: str = "sesame", user: str | None = None, password: str | None = None) -> Handshake:
    return Handshake(key, user, password, host="client", salts=lambda: "salt")


def pong(ok: object = True, why: object = b"", host: object = b"server", key: bytes = b"sesame") -> list[Any]:
    digest = sha512(b"salt", host if isinstance(host, bytes) else b"", NONCE, key)
    return [b"PONG", ok, why, host, digest.encode()]


def test_ping_is_as_specified() -> None:
    ping, _ = handshake().begin(Helo(NONCE, b"", keepalive=True))
    digest = sha512(b"salt", b"client", NONCE, b"sesame")
    assert msgspec.msgpack.decode(ping) == ["PING", "client", "salt", digest, "", ""]


def test_a_user_is_named_to_a_server_that_asks() -> None:
    ping, _ = handshake(user="ann", password="päss").begin(Helo(NONCE, b"pepper", keepalive=True))
    assert msgspec.msgpack.decode(ping)[4:] == ["ann", sha512(b"pepper", b"ann", "päss".encode())]


def test_a_user_is_not_named_to_a_server_that_does_not_ask() -> None:
    ping, _ = handshake(user="ann", password="secret").begin(Helo(NONCE, b"", keepalive=True))
    assert msgspec.msgpack.decode(ping)[4:] == ["", ""]


def test_a_server_that_knows_the_key_is_believed() -> None:
    _, check = handshake().begin(Helo(NONCE, b"", keepalive=True))
    check(pong())


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (pong(key=b"other"), "does not know the shared key"),
        ([*pong()[:4], b""], "does not know the shared key"),
        (pong(ok=False, why=b"shared_key mismatch"), "refuses: shared_key mismatch$"),
        (pong(ok=False), "refuses: without a reason"),
        (pong(ok=False, why=b"a\nb\x1b[31m" + b"c" * 500), r"refuses: a b\?\[31mc{192}$"),
        ([b"PONG", False, b"mismatch"], "refuses: mismatch$"),
        (pong(ok=1), "something else"),
        (pong(host=7), "something else"),
        (pong()[:4], "something else"),
        ({b"ack": b"x"}, "something else"),
        (None, "something else"),
    ],
)
def test_any_other_answer_ends_it(answer: Any, why: str) -> None:
    _, check = handshake().begin(Helo(NONCE, b"", keepalive=True))
    with pytest.raises(ConnectionError, match=why):
        check(answer)


@pytest.mark.parametrize(
    ("answer", "helo"),
    [
        ([b"HELO", {b"nonce": b"n"}], Helo(b"n", b"", keepalive=True)),
        ([b"HELO", {b"nonce": b"n", b"auth": b"s", b"keepalive": False}], Helo(b"n", b"s", keepalive=False)),
        ([b"HELO", {b"nonce": b"", b"auth": None, b"keepalive": None, b"more": 1}], Helo(b"", b"", keepalive=True)),
        ([b"HELO", {}], None),
        ([b"HELO", {b"nonce": 1}], None),
        ([b"HELO"], None),
        ([b"HELLO", {b"nonce": b"n"}], None),
        (b"HELO", None),
        (None, None),
    ],
)
def test_helo(answer: Any, helo: Helo | None) -> None:
    assert helo_of(answer) == helo


ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([b"PONG", b"HELO", b"nonce"]) | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from([b"nonce", b"auth"]), inner, max_size=2)
    ),
)


@given(ANSWERS)
def test_no_answer_is_taken_for_another_or_raises_anything_else(answer: Any) -> None:
    helo = helo_of(answer)
    assert helo is None or isinstance(helo.nonce, bytes)
    _, check = handshake().begin(helo or Helo(NONCE, b"", keepalive=True))
    with pytest.raises(ConnectionError):
        check(answer)


@given(st.text(), st.text(), st.text(), st.binary(max_size=40), st.binary(max_size=40))
def test_any_name_and_nonce_will_do(key: str, user: str, host: str, nonce: bytes, auth: bytes) -> None:
    ping, check = Handshake(key, user, user, host=host).begin(Helo(nonce, auth, keepalive=True))
    found = unpacked(ping)
    assert found is not None
    kind, told, salt, shown, *_ = found[0]
    assert (kind, told) == (b"PING", host.encode())
    assert len(salt) == 32
    assert shown.decode() == sha512(salt, told, nonce, key.encode())
    check([b"PONG", True, b"", b"s", sha512(salt, b"s", nonce, key.encode()).encode()])


def test_salts_differ() -> None:
    shake = Handshake("k")
    assert len({shake.begin(Helo(b"", b"", keepalive=True))[0] for _ in range(100)}) == 100


def test_the_secrets_are_in_no_representation() -> None:
    assert "sesame" not in repr(handshake(user="ann", password="sesame"))
