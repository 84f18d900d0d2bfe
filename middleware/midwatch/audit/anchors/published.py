"""A checkpoint as it is published: one JSON line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from ..canonical import canonical
from ..columns import columns
from ..event import utc

if TYPE_CHECKING:
    from ..stores.store import Checkpoint

__all__ = ["KIND", "Published"]

KIND: Final = "audit.checkpoint"


class Published(NamedTuple):
    """
    One checkpoint, away from its store.

    Attributes:
        log: Name of the deployment.
        n: Number of the checkpoint.
        time: Nanoseconds since the epoch.
        digest: SHA-256 of the payload, in hexadecimal.
        payload: What is signed, as text.
        signature: In hexadecimal; None where nobody signs.
        key_id: Of the signature.
    """

    log: str
    n: int
    time: int
    digest: str
    payload: str
    signature: str | None
    key_id: str | None

    @classmethod
    def of(cls, checkpoint: Checkpoint, log: str) -> Published:
        """*checkpoint* of the deployment *log*."""
        signature = checkpoint.signature
        return cls(
            log,
            checkpoint.n,
            checkpoint.time,
            checkpoint.digest.hex(),
            checkpoint.payload.decode(errors="replace"),
            None if signature is None else signature.hex(),
            checkpoint.key_id,
        )

    def fields(self) -> dict[str, Any]:
        """As a JSON object has it."""
        return {"kind": KIND, **self._asdict(), "time": utc(self.time)}

    def line(self) -> bytes:
        """As a line, without its end."""
        return canonical(self.fields())


class _Fields(msgspec.Struct):
    log: str
    n: int
    time: str
    digest: str
    payload: str
    signature: str | None = None
    key_id: str | None = None


def published(fields: object) -> Published | None:
    """The checkpoint that an object of JSON is; None if it is none. Never raises."""
    if not isinstance(fields, dict) or fields.get("kind") != KIND:
        return None
    try:
        said = msgspec.convert(fields, _Fields)
    except msgspec.ValidationError:
        return None
    time: int = columns({"time": said.time})["time"]
    return Published(said.log, said.n, time, said.digest, said.payload, said.signature, said.key_id)
