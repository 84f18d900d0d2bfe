"""Chained records about upkeep: they are in the store before anything is removed."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ..service import Service
from .event import service_part
from .stores.store import StoreError
from .witness import witness

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
    try:
        with witness(store, service, PATIENCE) as told:

            def record(action: str, said: dict[str, Any]) -> None:
                try:
                    told(action, said)
                except StoreError:
                    raise StoreError(f"{store.name}: does not take the record, so nothing was removed") from None

            yield record
    finally:
        store.open()
