"""
The response body with an observer around it.

A class, not a generator: a generator that is closed before its first `next()` never runs its `finally`, and then
nobody calls the application's own `close()`.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, final

from ..context import attach, detach, get_current
from ..verdict import conclude, fail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opentelemetry.context import Context

    from .observed import Observed

__all__ = ["FailedBody", "wrap"]

END: Final = object()


def wrap(exchange: Observed, body: Iterable[bytes], context: Context) -> Iterable[bytes]:
    """*body* observed, in *context*; the server's own file wrapper untouched, since only so can it use `sendfile`."""
    wrapper = exchange.native.get("wsgi.file_wrapper")
    if isinstance(wrapper, type) and isinstance(body, wrapper) and exchange.replacement is None:
        exchange.hand_over()
        conclude(exchange)
        return body
    return (SizedBody if hasattr(body, "__len__") else Body)(exchange, body, context)


class Body:
    """
    Passes chunks on and counts them, in the context of the request; the exchange is over when it is closed.

    The context is entered for each chunk and left again, since a token must not be kept while the server has control;
    what the application left in it (a span, say) is there again for its next chunk.
    """

    __slots__ = ("__weakref__", "_cancelled", "_closed", "_context", "_exchange", "_inner", "_instead", "_iterator")

    def __init__(self, exchange: Observed, inner: Iterable[bytes], context: Context) -> None:
        self._exchange = exchange
        self._inner = inner
        self._context = context
        self._iterator: Iterator[bytes] | None = None
        self._instead: Iterator[bytes] | None = None
        self._closed = self._cancelled = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        exchange = self._exchange
        token = attach(self._context)
        try:
            if self._iterator is None:
                self._iterator = iter(self._inner)
            chunk: Any = END if exchange.replacement is not None else next(self._iterator, END)
            if exchange.replacement is not None:
                chunk = self._replaced(exchange.replacement)
            if chunk is not END:
                exchange.bytes_out += len(chunk)
                return chunk  # type: ignore[no-any-return]
            if exchange.ended is None:
                exchange.ended = perf_counter()
            exchange.complete = exchange.status is not None
        except Exception as error:
            fail(exchange, error)
            raise
        except BaseException:
            self._cancelled = True
            raise
        finally:
            self._context = get_current()
            detach(token)
        raise StopIteration

    def _replaced(self, replacement: list[bytes]) -> Any:
        """A chunk of the answer that a plugin put in place of the application's body."""
        if self._instead is None:
            self._instead = iter(replacement)
        return next(self._instead, END)

    def close(self) -> None:
        """Close the application's iterable, once; then the exchange is over."""
        if self._closed:
            return
        self._closed = True
        exchange = self._exchange
        token = attach(self._context)
        try:
            close = getattr(self._inner, "close", None)
            if close is not None:
                close()
        except Exception as error:
            fail(exchange, error)
            raise
        finally:
            if not exchange.complete and exchange.error is None and not self._cancelled and exchange.cut_short:
                exchange.disconnected = True
            conclude(exchange, cancelled=self._cancelled)
            detach(token)

    def __del__(self) -> None:
        # Servers close what they do not finish; a body that is only dropped had a test client, which wanted no more.
        if not self._closed and self._exchange.outcome is None:
            self._exchange.complete = True
            conclude(self._exchange)


@final
class SizedBody(Body):
    """A body whose length is known; servers derive Content-Length from a single chunk (PEP 3333)."""

    __slots__ = ()
    _inner: Any

    def __len__(self) -> int:
        replacement = self._exchange.replacement
        return len(self._inner if replacement is None else replacement)


@final
class FailedBody:
    """
    The answer to an exception, which then goes on to the server as it would have without the answer.

    Args:
        chunks: The body of the answer.
        error: What the application raised.
    """

    __slots__ = ("_chunks", "_error")

    def __init__(self, chunks: list[bytes], error: Exception) -> None:
        self._chunks = iter(chunks)
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise self._error
