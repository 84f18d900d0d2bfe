"""
What a checkpoint says, and what is signed: canonical JSON.

    {"algorithm":"Ed25519","commitments":[[stream,seq,chain],...],"key_id":"...","log":"orders","n":7,"open":[...],
     "previous":"hex","root":"hex","time":"2026-01-01T00:00:00.000000Z","totals":{"events":3,"streams":1},"v":1}

`commitments` are the last event of each stream that moved since the one before; `root` is over the last commitment of
every stream there ever was. The algorithm and the name of the key are part of what is signed: neither can be exchanged.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec

from ..canonical import canonical
from ..columns import columns
from ..event import utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Commitment", "Payload", "digest", "parse", "root_of"]

VERSION: Final = 1

Commitment: TypeAlias = tuple[str, int, str]
"""Stream, number of its last event, chain value of that one in hexadecimal."""


class Payload(NamedTuple):
    """
    One statement about all streams.

    Attributes:
        log: Name of the deployment.
        n: Counted from 0.
        time: Nanoseconds since the epoch; whole microseconds.
        previous: Digest of the one before, in hexadecimal; empty for the first.
        commitments: Of the streams that moved, in the order of their names.
        totals: `events` and `streams` there ever were.
        open: Streams that may go on, in the order of their names.
        root: Over all commitments so far (see `root_of`), in hexadecimal.
        algorithm, key_id: Of the signature; None where nobody signs.
    """

    log: str
    n: int
    time: int
    previous: str
    commitments: Sequence[Commitment]
    totals: dict[str, int]
    open: Sequence[str]
    root: str
    algorithm: str | None = None
    key_id: str | None = None

    def data(self) -> bytes:
        """What is signed, byte for byte."""
        said: dict[str, Any] = {"v": VERSION, **self._asdict(), "time": utc(self.time)}
        return canonical({name: value for name, value in said.items() if value is not None})


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    v: int
    log: str
    n: int
    time: str
    previous: str
    commitments: list[Commitment]
    totals: dict[str, int]
    open: list[str]
    root: str
    algorithm: str | None = None
    key_id: str | None = None


_decode: Final = msgspec.json.Decoder(_Said).decode


def parse(data: bytes) -> Payload:
    """
    What *data* says.

    Raises:
        ValueError: no payload, one of a later version, or not in the one form that it has.
    """
    try:
        said = _decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"no checkpoint: {error}") from None
    if said.v != VERSION:
        raise ValueError(f"a checkpoint of version {said.v}; known is {VERSION}")
    payload = Payload(
        said.log, said.n, columns({"time": said.time})["time"], said.previous, said.commitments, said.totals,
        said.open, said.root, said.algorithm, said.key_id,
    )  # fmt: skip
    if payload.data() != data:
        raise ValueError("a checkpoint that is not in canonical form")
    return payload


def digest(data: bytes) -> bytes:
    """What the next one names *data* by."""
    return sha256(data).digest()


def root_of(commitments: Iterable[Commitment]) -> bytes:
    """
    The Merkle tree hash of *commitments*, which are sorted by stream (RFC 6962 section 2.1).

    An entry is the canonical JSON of `[stream, seq, chain]`. SHA-256 of nothing for none.
    """
    level = [sha256(b"\x00" + canonical(one)).digest() for one in commitments]
    if not level:
        return sha256(b"").digest()
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        # The one left over goes up as it is: to pair it with itself would give two trees the same hash.
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0]
