"""
The lines of a file: one JSON object each.

| line | holds |
| --- | --- |
| `{"body":{...},"chain":"hex"}` | an event: the hashed bytes themselves; then `detail` and `salt`, if there is some |
| `{"checkpoint":{...}}` | a checkpoint: `payload` as it is signed, the rest of its fields, bytes in hexadecimal |
| `{"registered":{...}}` | what is known of a stream, in place of what an earlier line says |
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from ..row import Row
from .store import Checkpoint, StreamRow

__all__ = ["Parsed", "checkpoint_line", "event_line", "parsed", "stream_line"]

Parsed: TypeAlias = Row | Checkpoint | StreamRow

_BYTES: Final = ("public_key", "final_chain", "prune_chain")


NOTHING: Final = msgspec.Raw(b"")
"""What a line does not have: raw values cannot be optional."""


class _Place(msgspec.Struct):
    stream: str
    seq: int


class _Line(msgspec.Struct):
    body: msgspec.Raw = NOTHING
    chain: str = ""
    detail: msgspec.Raw = NOTHING
    salt: str | None = None
    checkpoint: msgspec.Raw = NOTHING
    registered: msgspec.Raw = NOTHING


class _Checkpoint(msgspec.Struct):
    n: int
    time: int
    payload: msgspec.Raw
    digest: str
    signature: str | None = None
    key_id: str | None = None


_line: Final = msgspec.json.Decoder(_Line).decode
_place: Final = msgspec.json.Decoder(_Place).decode
_checkpoint: Final = msgspec.json.Decoder(_Checkpoint).decode
_object: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode


def event_line(row: Row) -> bytes:
    """*row* as a line, with its end."""
    end = b"}\n"
    if row.detail is not None:
        end = b',"detail":%b,"salt":"%b"}\n' % (row.detail, (row.salt or b"").hex().encode())
    return b'{"body":%b,"chain":"%b"%b' % (row.body, row.chain.hex().encode(), end)


def checkpoint_line(checkpoint: Checkpoint) -> bytes:
    """*checkpoint* as a line, with its end."""
    fields = checkpoint._asdict() | {
        "payload": msgspec.Raw(checkpoint.payload),
        "digest": checkpoint.digest.hex(),
        "signature": None if checkpoint.signature is None else checkpoint.signature.hex(),
    }
    return _encode({"checkpoint": fields}) + b"\n"


def stream_line(stream: StreamRow) -> bytes:
    """What is known of a stream as a line, with its end."""
    fields = stream._asdict()
    for name in _BYTES:
        fields[name] = None if fields[name] is None else fields[name].hex()
    return _encode({"registered": {name: value for name, value in fields.items() if value is not None}}) + b"\n"


def parsed(line: bytes) -> Parsed | None:
    """What *line* holds; None for what is not ours, or not whole. Never raises."""
    try:
        found = _line(line)
        if found.body is not NOTHING:
            place = _place(found.body)
            detail, salt = found.detail, found.salt
            return Row(
                place.stream,
                place.seq,
                bytes(found.body),
                bytes.fromhex(found.chain),
                None if detail is NOTHING else bytes(detail),
                None if salt is None else bytes.fromhex(salt),
            )
        if found.checkpoint is not NOTHING:
            return _checkpoint_of(_checkpoint(found.checkpoint))
        return None if found.registered is NOTHING else _stream_of(_object(found.registered))
    except (ValueError, TypeError, RecursionError):
        return None


def _checkpoint_of(found: _Checkpoint) -> Checkpoint:
    signature = None if found.signature is None else bytes.fromhex(found.signature)
    digest = bytes.fromhex(found.digest)
    return Checkpoint(found.n, found.time, bytes(found.payload), digest, signature, found.key_id)


def _stream_of(fields: dict[str, Any]) -> StreamRow:
    for name in _BYTES:
        if name in fields:
            fields[name] = bytes.fromhex(fields[name])
    return StreamRow(**{"public_key": None} | fields)
