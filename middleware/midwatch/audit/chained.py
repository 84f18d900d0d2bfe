"""Events of this process in one chain, each handed to a destination as it comes: nobody waits, and nothing is kept."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, final

from ..plugin import hook_failed
from .chain import START, Chain
from .writer.opening import system

if TYPE_CHECKING:
    from collections.abc import Callable

    from .destinations import Put
    from .event import Body

__all__ = ["Chained"]


@final
class Chained:
    """
    An event that the destination refuses is lost, and its number with it: the hole is seen by who verifies the chain.

    Args:
        put: The destination.
        service: From `service_part`.
        clock: Nanoseconds since the epoch.
        ids: So many random bits, as a number.
        owner: Whose failure it is if an event about the chain does not arrive.
    """

    def __init__(
        self,
        put: Put,
        service: Body,
        clock: Callable[[], int],
        ids: Callable[[int], int],
        owner: Callable[..., object],
    ) -> None:
        self._put, self._service, self._clock, self._ids, self._owner = put, service, clock, ids, owner
        self.new_process()

    def new_process(self) -> None:
        """The chain is the parent's; so may be a held lock."""
        self._lock = threading.RLock()
        self._chain: Chain | None = None
        self._handing = False

    def put(self, body: Body, time: int) -> None:
        """
        Number and hand on under one lock, so that the order at the destination is that of the chain.

        Raises:
            RuntimeError: the destination recorded an event.
        """
        with self._lock:
            if self._handing:
                raise RuntimeError("the destination of the audit trail recorded an audit event")
            self._hand_on(self._chain or self._open(time), body, time)

    def close(self) -> bool:
        """End the chain; the next event opens another. False if there was none."""
        with self._lock:
            chain = self._chain
            if chain is None or self._handing:
                return False
            try:
                self._hand_on_own(chain, "stream.close", self._clock(), {"final_seq": chain.next})
            finally:
                self._chain = None
        return True

    def _open(self, time: int) -> Chain:
        chain = self._chain = Chain(f"{self._ids(128):032x}")
        self._hand_on_own(chain, "stream.open", time, {"pid": os.getpid(), "previous": START.hex()})
        return chain

    def _hand_on_own(self, chain: Chain, action: str, time: int, said: dict[str, Any]) -> None:
        """An event about the chain itself; whether it arrives must not decide about the others."""
        try:
            self._hand_on(chain, system(action, time, self._ids(74), self._service, said), time)
        except Exception:
            hook_failed(self._owner)

    def _hand_on(self, chain: Chain, body: Body, time: int) -> None:
        self._handing = True
        try:
            data, value = chain.append(body)
            self._put(body, data, value, time)
        finally:
            self._handing = False
