"""Records of what a command does with a store, each of which is there before it is done."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from .ids import random_bits
from .stores.store import StoreError
from .writer import Lost, Rank, Writer
from .writer.opening import system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .event import Body
    from .stores.store import Store

__all__ = ["witness"]

END: Final = 0.5
"""Seconds that the end of the stream may take where the store did not take a record."""


@contextmanager
def witness(
    store: Store, service: Body, patience: float, clock: Callable[[], int] = time_ns
) -> Iterator[Callable[[str, dict[str, Any]], None]]:
    """
    What records an action and returns once it is in *store*, in a stream that ends with the context.

    The store is the writer's meanwhile, and closed in the end.

    Args:
        service: From `service_part`.
        patience: Seconds that a record may take.
        clock: Nanoseconds since the epoch.

    Raises:
        StoreError: from what is yielded, if the store does not take the record.
    """
    writer = Writer(store, service=service, deadline=patience, clock=clock)
    left = patience

    def record(action: str, said: dict[str, Any]) -> None:
        nonlocal left
        ack = writer.put(system(action, clock(), random_bits(74), service, said), None, "strict", Rank.SECURITY)
        try:
            if ack is not None:
                ack.result(patience)
        except (Lost, TimeoutError) as error:
            left = END
            raise StoreError(str(error) or f"{store.name}: did not answer in time") from None

    try:
        yield record
    finally:
        # Whether the end of the stream is kept is another question.
        with suppress(Lost):
            writer.close(left)
        store.close()
