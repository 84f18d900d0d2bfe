"""MessagePack and the forward protocol, read strictly, by nothing that the package is made of."""

from __future__ import annotations

import gzip
import io
import struct
from base64 import b64decode
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple


class EventTime(NamedTuple):
    seconds: int
    nanoseconds: int


def read(stream: BinaryIO) -> Any:
    """The next value of *stream*; EOFError at its end."""
    kind = stream.read(1)
    if not kind:
        raise EOFError
    return _value(kind[0], stream)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _number(stream: BinaryIO, code: str) -> Any:
    return struct.unpack(f">{code}", _exactly(stream, struct.calcsize(code)))[0]


def _text(stream: BinaryIO, size: int) -> str:
    return _exactly(stream, size).decode("utf-8")


def _array(stream: BinaryIO, size: int) -> list[Any]:
    return [read(stream) for _ in range(size)]


def _map(stream: BinaryIO, size: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(size):
        key = read(stream)
        assert isinstance(key, str), key
        assert key not in found, key
        found[key] = read(stream)
    return found


def _extension(stream: BinaryIO, size: int) -> EventTime:
    assert _number(stream, "b") == 0, "the protocol knows one extension"
    assert size == 8
    return EventTime(*struct.unpack(">II", _exactly(stream, 8)))


def _value(kind: int, stream: BinaryIO) -> Any:
    if kind < 0x80:
        return kind
    if kind < 0x90:
        return _map(stream, kind & 15)
    if kind < 0xA0:
        return _array(stream, kind & 15)
    if kind < 0xC0:
        return _text(stream, kind & 31)
    if kind >= 0xE0:
        return kind - 256
    assert kind != 0xC1, "this is never used"
    constants = {0xC0: None, 0xC2: False, 0xC3: True}
    if kind in constants:
        return constants[kind]
    numbers = dict(zip(range(0xCA, 0xD4), "fdBHIQbhiq", strict=True))
    if kind in numbers:
        return _number(stream, numbers[kind])
    if 0xD4 <= kind <= 0xD8:
        return _extension(stream, 1 << (kind - 0xD4))
    sizes = {0xC4: "B", 0xC5: "H", 0xC6: "I", 0xC7: "B", 0xC8: "H", 0xC9: "I", 0xD9: "B", 0xDA: "H", 0xDB: "I"}
    size = _number(stream, sizes.get(kind) or {0xDC: "H", 0xDD: "I", 0xDE: "H", 0xDF: "I"}[kind])
    if kind <= 0xC6:
        return _exactly(stream, size)
    if kind <= 0xC9:
        return _extension(stream, size)
    if kind <= 0xDB:
        return _text(stream, size)
    return _array(stream, size) if kind <= 0xDD else _map(stream, size)


def read_all(data: bytes) -> list[Any]:
    """All values of *data*."""
    stream = io.BytesIO(data)
    found = []
    while stream.tell() < len(data):
        found.append(read(stream))
    return found


@dataclass
class Message:
    """PackedForward or CompressedPackedForward."""

    tag: str
    entries: list[tuple[EventTime, dict[str, Any]]]
    chunk: str | None
    compressed: bool
    packed_bytes: int

    @classmethod
    def of(cls, value: Any) -> Message:
        tag, packed, options = value
        assert isinstance(tag, str)
        assert isinstance(packed, bytes)
        assert set(options) <= {"size", "chunk", "compressed"}
        compressed = options.get("compressed")
        assert compressed in {None, "gzip"}
        plain = gzip.decompress(packed) if compressed else packed
        entries = [(time, record) for time, record in read_all(plain)]
        assert all(type(time) is EventTime and type(record) is dict for time, record in entries)
        assert options["size"] == len(entries)
        chunk = options.get("chunk")
        if chunk is not None:
            assert len(b64decode(chunk, validate=True)) == 16
        return cls(tag, entries, chunk, compressed is not None, len(plain))

    @property
    def records(self) -> list[dict[str, Any]]:
        return [record for _, record in self.entries]
