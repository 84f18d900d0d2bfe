"""Where finished spans go."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ..delivery import Channel
from ..destinations import lines_to
from ..plugin import hook_failed
from ..service import Service
from .otlp import encode_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .span import Span

__all__ = ["exporter", "finished_spans"]

finished_spans: Final[deque[Span]] = deque(maxlen=10_000)
"""The latest spans sent to `memory`; for tests and the demo."""


def exporter(to: Sequence[str | Callable[[Span], object]], service: Service | None) -> Callable[[Span], object] | None:
    """
    One function that hands a span to every destination; None without any, so that nothing is recorded for nobody.

    Raises:
        ValueError: a destination that is not known.
    """
    takers = [_guarded(taker) if callable(taker) else _taker(taker, service or Service.known()) for taker in to]
    if not takers:
        return None
    if len(takers) == 1:
        return takers[0]

    def export(span: Span) -> None:
        for take in takers:
            take(span)

    return export


def _guarded(take: Callable[[Span], object]) -> Callable[[Span], object]:
    """A callable of the user may fail; what ends the span, such as an outgoing call, may not."""

    def export(span: Span) -> None:
        try:
            take(span)
        except Exception:
            hook_failed(export)

    export.__qualname__ = getattr(take, "__qualname__", type(take).__qualname__)
    return export


def _taker(url: str, service: Service) -> Callable[[Span], object]:
    if url == "memory":
        return finished_spans.append
    if not url.startswith("file:"):
        raise ValueError(f"{url}: not a destination for spans; known are memory and file:///path")
    put_line = lines_to(url)

    def deliver(spans: list[Span]) -> None:
        put_line(encode_spans(spans, service))

    channel: Channel[Span] = Channel(f"spans to {url}", deliver)
    return channel.put
