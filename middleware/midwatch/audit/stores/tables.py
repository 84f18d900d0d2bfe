"""
The tables. What is hashed is kept as bytes: a JSON type would write it anew, and no chain value would fit any more.

There are as few indexes as the questions need: each of them makes every commit larger.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, text

from ..columns import COLUMNS
from .bytes import Bytes

__all__ = ["APPEND_ONLY", "EVENT_COLUMNS", "checkpoint", "erasure", "event", "meta", "metadata", "prune", "stream"]

metadata: Final = MetaData()

event: Final = Table(
    "audit_event",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Bytes, nullable=False),
    Column("chain", Bytes, nullable=False),
    Column("detail", Bytes),
    Column("detail_salt", Bytes),
    Column("id", Text, unique=True),
    Column("time", BigInteger, nullable=False),
    Column("kind", Text),
    Column("actor", Text),
    Column("action", Text),
    Column("resource_type", Text),
    Column("resource_id", Text),
    Column("outcome", Text),
    Column("ip", Text),
    Column("tenant", Text),
    Column("trace_id", Text),
)

Index("audit_event_time", event.c.time)
Index("audit_event_actor", event.c.actor, event.c.time)
Index("audit_event_resource", event.c.resource_type, event.c.resource_id, event.c.time)
_other = text("outcome <> 'success'")
Index("audit_event_other", event.c.time, sqlite_where=_other, postgresql_where=_other)

EVENT_COLUMNS: Final = ("stream", "seq", "body", "chain", "detail", "detail_salt", *COLUMNS)
"""In the order in which they are written."""

stream: Final = Table(
    "audit_stream",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("service", Text, nullable=False),
    Column("public_key", Bytes),
    Column("opened", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("closed", BigInteger),
    Column("final_seq", BigInteger),
    Column("final_chain", Bytes),
    Column("prune_seq", BigInteger),
    Column("prune_chain", Bytes),
)

checkpoint: Final = Table(
    "audit_checkpoint",
    metadata,
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),
    Column("payload", Bytes, nullable=False),
    Column("digest", Bytes, nullable=False),
    Column("signature", Bytes),
    Column("key_id", Text),
)

prune: Final = Table(
    "audit_prune",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("upto", BigInteger, primary_key=True, autoincrement=False),
    Column("chain", Bytes, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
)

erasure: Final = Table(
    "audit_erasure",
    metadata,
    Column("id", Text, primary_key=True),
    Column("time", BigInteger, nullable=False),
)

meta: Final = Table("audit_meta", metadata, Column("version", Integer, nullable=False))

APPEND_ONLY: Final = ("audit_event", "audit_checkpoint", "audit_prune", "audit_erasure")
