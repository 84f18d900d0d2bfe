"""What a trail says about itself: events of kind `system`, and how a stream begins and ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..chain import START
from ..entry import Entry
from ..event import event, utc

if TYPE_CHECKING:
    from ..event import Body
    from ..stores.store import Store
    from .losses import Gap

__all__ = ["boot_id", "gap", "last_checkpoint", "opening", "system"]

BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def system(action: str, time: int, random: int, service: Body, said: dict[str, Any]) -> Body:
    """
    An event about the trail itself.

    Args:
        time: Nanoseconds since the epoch.
        random: 74 bits for the id.
        service: From `service_part`.
        said: Keys beside those that every event has; `outcome` and `reason` in place of theirs.
    """
    body = event("system", time, random, service, entry=Entry(time, action, outcome="success"))
    body["actor"] = {"id": service["name"], "type": "service", "verified": True}
    body.update(said)
    return body


def opening(public_key: bytes | None, checkpoint: bytes | None) -> dict[str, Any]:
    """
    What `stream.open` says: which process, on which start of the machine, and what it must be younger than.

    Args:
        public_key: What this process signs with.
        checkpoint: Digest of the last checkpoint that it could see.
    """
    said: dict[str, Any] = {"pid": os.getpid(), "previous": START.hex()}
    boot = boot_id()
    if boot:
        said["boot"] = boot
    if public_key is not None:
        said["public_key"] = public_key.hex()
    if checkpoint is not None:
        said["checkpoint"] = checkpoint.hex()
    return said


def gap(lost: Gap) -> dict[str, Any]:
    """What `audit.gap` says."""
    return {
        "class": lost.rank,
        "count": lost.events,
        "from": utc(lost.first),
        "outcome": "failure",
        "reason": lost.reason,
        "to": utc(lost.last),
    }


def boot_id() -> str:
    """Which start of this machine it is; empty where that cannot be told."""
    try:
        return BOOT.read_text("ascii").strip()[:64]
    except (OSError, UnicodeDecodeError):
        return ""


def last_checkpoint(store: Store) -> bytes | None:
    """
    Digest of the last checkpoint in *store*.

    They are numbered, and there may be a million: it is searched for by halves.

    Raises:
        Exception: whatever the store does.
    """
    found = store.checkpoints(-1, 1)
    if not found:
        return None
    last, step = found[0], 1
    while found := store.checkpoints(last.n + step - 1, 1):
        last, step = found[0], 2 * step
    while step > 1:
        step //= 2
        if found := store.checkpoints(last.n + step - 1, 1):
            last = found[0]
    return last.digest
