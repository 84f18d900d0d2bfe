"""
Failed and slow requests are kept whatever the sampler said.

The spans of an unsampled request wait until its server span ends; then all go, marked `midwatch.kept`, or none. Those
who were called in between have seen "not sampled", so such a trace has our part only.
"""

from __future__ import annotations

import os
import weakref
from threading import RLock
from typing import TYPE_CHECKING, Final, final

from ..answers import Outcome
from ..delivery import lost

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..exchange import Exchange
    from .span import Span

__all__ = ["Buffer", "Tail"]

PER_TRACE: Final = 1000
TOGETHER: Final = 20_000
"""Spans that may wait, of one request and of all; more are dropped, and counted if the request is kept."""


@final
class Tail:
    """
    Which requests are kept at their end.

    Args:
        errors: Those whose outcome is not `ok`.
        slower_than: Those that took longer than so many seconds; of a websocket, its handshake.
    """

    def __init__(self, *, errors: bool = False, slower_than: float | None = None) -> None:
        self._errors = errors
        self._slower_than = slower_than
        self.forget()
        _tails.add(self)

    def forget(self) -> None:
        """Nothing waits, in a forked child: the requests of other threads are the parent's."""
        self.waiting = 0
        # Re-entrant: a generator that is collected ends its span, in whatever thread and line that happens.
        self.lock = RLock()

    def reason(self, exchange: Exchange) -> str | None:
        """Why a finished *exchange* is kept: `error` or `slow`; None if it is not."""
        if self._errors and exchange.outcome is not Outcome.OK:
            return "error"
        if self._slower_than is not None and _took(exchange) > self._slower_than:
            return "slow"
        return None


_tails: Final[weakref.WeakSet[Tail]] = weakref.WeakSet()


def _after_fork() -> None:
    for tail in list(_tails):
        tail.forget()


os.register_at_fork(after_in_child=_after_fork)


def _took(exchange: Exchange) -> float:
    if exchange.kind == "websocket" and exchange.time_to_first_byte is not None:
        return exchange.time_to_first_byte
    return exchange.duration


@final
class Buffer:
    """Takes the spans of one request until it is known whether they are kept; stands where `export` does."""

    __slots__ = ("_export", "_left_out", "_reason", "_spans", "_tail")

    def __init__(self, tail: Tail, export: Callable[[Span], object]) -> None:
        self._tail = tail
        self._export = export
        self._spans: list[Span] | None = []
        self._reason: str | None = None
        self._left_out = 0

    def __call__(self, span: Span) -> None:
        tail = self._tail
        with tail.lock:
            spans = self._spans
            if spans is not None:
                if len(spans) < PER_TRACE and tail.waiting < TOGETHER:
                    tail.waiting += 1
                    spans.append(span)
                else:
                    self._left_out += 1
                return
        if self._reason is not None:
            self._send(span)

    def _send(self, span: Span) -> None:
        span.attributes["midwatch.kept"] = self._reason or ""
        self._export(span)

    def close(self, exchange: Exchange) -> bool:
        """Send what has waited, or let it go; whether it was sent. What comes later goes the same way."""
        with self._tail.lock:
            spans, self._spans = self._spans or [], None
            self._reason = self._tail.reason(exchange)
            self._tail.waiting = max(0, self._tail.waiting - len(spans))
        if self._reason is None:
            return False
        if self._left_out:
            lost("spans of requests kept at their end", self._left_out)
        for span in spans:
            self._send(span)
        return True
