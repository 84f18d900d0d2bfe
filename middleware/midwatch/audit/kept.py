"""A trail that is kept in a store: what writes it, what makes its checkpoints, and what is to be said of both."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from .anchors import open_anchor
from .checkpoints import Checkpointer
from .event import service_part
from .standing import Standing
from .stores import StoreError, open_store
from .writer import Rank, Writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..service import Service
    from .draft import Draft
    from .event import Body
    from .keys import Signer
    from .writer import Ack, Mode

__all__ = ["Kept"]


@final
class Kept:
    """
    Everything behind the events of one process, made of texts as settings have them.

    Args:
        url: Of the store (see `midwatch.audit.stores`).
        service: Named in every event.
        log: Name of the trail in its checkpoints; that of the service unless given.
        signer: What signs checkpoints; without one they are not signed.
        anchors: Where they are published (see `midwatch.audit.anchors`).
        every, events: When there is a checkpoint: after so many seconds, or events.
        strict: Whether there are requests that are not handled without the store.
        spill: Directory for what the store does not take in time.
        options: Of `Writer`: its deadline and its limits.

    Attributes:
        standing: Its state, for health and metrics.

    Raises:
        ValueError: a store that cannot be used; says so without credentials.
    """

    def __init__(
        self,
        url: str,
        *,
        service: Service,
        log: str | None = None,
        signer: Signer | None = None,
        anchors: Iterable[str] = ("log",),
        every: float = 60.0,
        events: int = 10_000,
        strict: bool = False,
        spill: str | None = None,
        **options: Any,
    ) -> None:
        _try(url)
        self._writer = Writer(
            open_store(url),
            service=service_part(service, socket.gethostname()),
            spill=None if spill is None else Path(spill),
            public_key=None if signer is None else signer.public,
            **options,
        )
        self._checkpointer = Checkpointer(
            open_store(url),
            log=log or service.name,
            signer=signer,
            anchors=[open_anchor(anchor, service) for anchor in anchors],
            every=every,
            events=events,
            note=self._writer.note,
        )
        self.standing = Standing(self._writer, self._checkpointer, strict=strict)

    def put(
        self, body: Body, detail: bytes | None = None, mode: Mode = "durable", rank: Rank = Rank.DURABLE
    ) -> Ack | None:
        """As `Writer.put`; checkpoints begin with the first event of a process."""
        self._checkpointer.start()
        return self._writer.put(body, detail, mode, rank)

    def later(self, draft: Draft, rank: Rank) -> None:
        """As `Writer.later`."""
        self._checkpointer.start()
        self._writer.later(draft, rank)

    def start(self) -> None:
        """Begin with checkpoints, which are made of a quiet service too."""
        self._checkpointer.start()

    def close(self, deadline: float) -> bool:
        """Have everything written, and a last checkpoint that knows of it; whether all of it is durable."""
        durable = self._writer.close(deadline)
        self._checkpointer.close(deadline)
        return durable


def _try(url: str) -> None:
    """A place that cannot work is told of at the start; not a server that is away for now: events wait for it."""
    if url.startswith("postgresql"):
        return
    store = open_store(url)
    try:
        store.open()
    except StoreError as error:
        raise ValueError(str(error)) from None
    finally:
        store.close()
