"""One checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..stores.store import Checkpoint
from .payload import Payload, digest

if TYPE_CHECKING:
    from ..keys import Signer
    from .heads import Moved
    from .history import History

__all__ = ["checkpoint"]

SKEW: Final = 5_000_000_000
"""Nanoseconds by which clocks of machines may differ without a checkpoint that seems older than the one before."""


def checkpoint(history: History, seen: Moved, *, log: str, signer: Signer | None, now: int) -> Checkpoint:
    """
    The one that follows *history*.

    Args:
        seen: How far the streams have come.
        log: Name of the deployment.
        now: Nanoseconds since the epoch.
    """
    payload = Payload(
        log=log,
        n=0 if history.last is None else history.last.n + 1,
        time=_time(history.last, now),
        previous=history.digest.hex(),
        commitments=seen.commitments,
        totals=history.totals(seen.commitments),
        open=seen.open,
        root=history.root(seen.commitments),
        algorithm=None if signer is None else signer.algorithm,
        key_id=None if signer is None else signer.key_id,
    )
    data = payload.data()
    signature = None if signer is None else signer.sign(data)
    return Checkpoint(payload.n, payload.time, data, digest(data), signature, payload.key_id)


def _time(last: Checkpoint | None, now: int) -> int:
    """Whole microseconds, as it is said. A clock that was set back by more than clocks differ is not covered up."""
    now = now // 1000 * 1000
    return last.time + 1000 if last is not None and last.time - SKEW < now <= last.time else now
