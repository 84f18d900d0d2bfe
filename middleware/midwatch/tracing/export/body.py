"""
A batch of spans as the bodies of requests, or as lines, of a bearable size.

They are written into memory that is kept: for half a megabyte, taking it from the system and giving it back batch after
batch costs as much as a third of what is written there.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Final, Protocol, final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..details import Scope
    from ..span import Span

__all__ = ["Bodies", "Encoding"]

ENOUGH: Final = 4 << 20
"""Bytes of spans after which a body is full."""

TOO_MUCH: Final = 60 << 20
"""Bytes of one span that no request can hold: 64 MiB is the most that OTLP's clients may send."""


class Encoding(Protocol):
    """
    How a protocol says spans.

    Attributes:
        headers: Those of each request.
        head, tail: What a body begins and ends with.
        closing: What comes after the spans of one scope.
    """

    headers: dict[str, str]
    head: bytes
    tail: bytes
    closing: bytes

    def opening(self, scope: Scope) -> bytes:
        """What comes before the spans of *scope*."""

    def span(self, span: Span) -> str:
        """One span."""

    def refused(self, answer: bytes) -> tuple[int, str]:
        """How many spans were not taken although the answer is success, and why."""


@final
class Bodies:
    """
    Bodies of one batch, one after the other.

    Attributes:
        count: Spans in the latest.
        lost: Spans before it that are too large, or that nothing can be made of.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._buffer = BytesIO()
        self._view = memoryview(b"")
        self._spans: Sequence[Span] = ()
        self._next = 0
        self.count = self.lost = 0

    def begin(self, spans: Sequence[Span]) -> None:
        """Start with another batch."""
        self._spans, self._next = _by_scope(spans), 0

    def following(self) -> memoryview | None:
        """The next body, good until it is asked for again; None after the last."""
        self._view.release()
        if self._buffer.tell() > ENOUGH:
            self._buffer = BytesIO()
        self._buffer.seek(0)
        try:
            self._buffer.write(self._encoding.head)
        except BufferError:
            # A fork while the parent was sending: its thread is not here, what it held for ever is.
            self._buffer = BytesIO()
            self._buffer.write(self._encoding.head)
        self.count = self.lost = 0
        self._write()
        if not self.count:
            return None
        with self._buffer.getbuffer() as whole:
            self._view = whole[: self._buffer.tell()]
        return self._view

    def _write(self) -> None:
        encoding, write = self._encoding, self._buffer.write
        encode, spans = encoding.span, self._spans
        scope: Scope | None = None
        size = 0
        for place in range(self._next, len(spans)):
            span = spans[place]
            try:
                said = encode(span).encode()
            except Exception:
                self.lost += 1
                continue
            length = len(said)
            if length + size > ENOUGH:
                if length > TOO_MUCH:
                    self.lost += 1
                    continue
                if size:
                    self._next = place
                    break
            if span.instrumentation_scope is scope:
                write(b",")
            else:
                if scope is not None:
                    write(encoding.closing + b",")
                scope = span.instrumentation_scope
                write(encoding.opening(scope))
            write(said)
            size += length
            self.count += 1
        else:
            self._next = len(spans)
        write(encoding.closing + encoding.tail)


def _by_scope(spans: Sequence[Span]) -> Sequence[Span]:
    """*spans* with those of each scope together; by identity, since a scope may hold what has no hash."""
    groups: dict[int, list[Span]] = {}
    group: list[Span] = []
    last: Scope | None = None
    for span in spans:
        scope = span.instrumentation_scope
        if scope is not last:
            last = scope
            group = groups.setdefault(id(scope), [])
        group.append(span)
    return spans if len(groups) == 1 else [span for group in groups.values() for span in group]
