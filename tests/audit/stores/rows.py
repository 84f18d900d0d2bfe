"""Events as a trail would chain them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from midwatch.audit.canonical import canonical
from midwatch.audit.chain import START, Chain, leaf, link
from midwatch.audit.event import utc
from midwatch.audit.row import Row
from midwatch.audit.stores import Checkpoint, Store, StreamRow

NOW = 1_767_225_600_123_456_000
"""2026-01-01T00:00:00.123456Z in nanoseconds."""

SECOND = 1_000_000_000


def name(number: int) -> str:
    """Of a stream."""
    return f"{number:032x}"


def body(number: int, **changes: Any) -> dict[str, Any]:
    """One event; *number* tells it from others."""
    return {
        "action": "orders.refund",
        "actor": {"id": f"u{number % 3}", "type": "user", "verified": True},
        "id": f"0197-{number:08x}",
        "kind": "action",
        "outcome": "denied" if number % 4 == 0 else "success",
        "resource": [{"id": str(number), "type": "order"}],
        "service": {"host": "web-1", "name": "orders"},
        "source": {"ip": f"192.0.2.{number % 2}"},
        "tenant": f"t{number % 2}",
        "time": utc(NOW + number * SECOND),
        "trace_id": f"{number // 5:032x}",
        "v": 1,
    } | changes


def chained(stream: str, bodies: list[dict[str, Any]], detail: bytes | None = None) -> list[Row]:
    """A stream of them from its start."""
    chain, rows = Chain(stream), []
    for seq, one in enumerate(bodies):
        data, value = chain.append(one)
        rows.append(Row(stream, seq, data, bytes.fromhex(value), detail, None if detail is None else bytes(16)))
    return rows


def events(stream: int, count: int, detail: bytes | None = None) -> list[Row]:
    """A stream of *count* events, none of which is in another one."""
    return chained(name(stream), [body(stream * 100_000 + number) for number in range(count)], detail)


def altered(row: Row) -> Row:
    """Another event in the same place."""
    data = row.body.replace(b"refund", b"REFUND")
    return row._replace(body=data, chain=link(START, leaf(data)))


def everything(store: Store, stream: str, page: int = 7) -> list[Row]:
    """A whole stream, in pages."""
    return list(pages(store, stream, page))


def pages(store: Store, stream: str, page: int) -> Iterator[Row]:
    after = -1
    while rows := store.chain_of(stream, after, page):
        yield from rows
        after = rows[-1].seq


def stream_row(stream: str, **known: Any) -> StreamRow:
    return StreamRow(stream, "web-1", 17, "orders", None, NOW, NOW)._replace(**known)


def checkpoint(n: int, signature: bytes | None = b"\x01" * 64) -> Checkpoint:
    payload = canonical({"n": n, "stream": "not an event", "seq": n})
    return Checkpoint(n, NOW + n, payload, leaf(payload), signature, None if signature is None else "key-1")
