"""Chained records about upkeep: they are in the store before anything is removed."""

from __future__ import annotations

import secrets
import socket
from contextlib import contextmanager, suppress
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from ..service import Service
from .event import service_part
from .stores.store import StoreError
from .writer import Writer
from .writer.item import Lost, Rank
from .writer.opening import system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .stores.store import Store

__all__ = ["recording"]

PATIENCE: Final = 30.0
"""Seconds that a record may take."""


@contextmanager
def recording(store: Store) -> Iterator[Callable[[str, dict[str, Any]], None]]:
    """
    What records an action and returns once it is in *store*, in a stream that ends with the context.

    Raises:
        StoreError: the store does not take it.
    """
    # A store that removes nothing says so now, rather than after the record.
    store.erase(())
    service = service_part(Service.known(), socket.gethostname())
    writer = Writer(store, service=service, deadline=PATIENCE)

    def record(action: str, said: dict[str, Any]) -> None:
        body = system(action, time_ns(), secrets.randbits(74), service, said)
        ack = writer.put(body, None, "strict", Rank.SECURITY)
        try:
            if ack is not None:
                ack.result(PATIENCE)
        except (Lost, TimeoutError):
            raise StoreError(f"{store.name}: does not take the record, so nothing was removed") from None

    try:
        yield record
    finally:
        with suppress(Lost):
            writer.close(PATIENCE)
        # The writer has closed it.
        store.open()
