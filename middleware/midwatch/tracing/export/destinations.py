"""
Where finished spans go.

`otlp://host:4318` and `otlps://`, `zipkin://host:9411` and `zipkins://` (see `address` for their parameters),
`file:///path` (OTLP JSON lines), `console`, `memory`, an exporter of OpenTelemetry's SDK, or any function.
"""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from ...delivery import Channel
from ...destinations import lines_to
from ...plugin import hook_failed
from ...service import Service
from ...settings.shown import masked
from .address import SCHEMES
from .body import Bodies
from .collector import channel_to, poster_to
from .console import console_to
from .otlp import OTLP
from .sdk import SDKExporter, is_exporter, is_exporter_class

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..span import Span
    from .sdk import SpanExporter

__all__ = ["Export", "check_destination", "exporter", "finished_spans"]

finished_spans: Final[deque[Span]] = deque(maxlen=10_000)
"""The latest spans sent to `memory`; for tests and the demo."""

ROUGHLY: Final = 512
"""Bytes that a span counts for while it waits, besides its long values."""

KNOWN: Final = "otlp://host:4318, otlps://, zipkin://host:9411, zipkins://, file:///path, console and memory"


@final
class Export:
    """
    Hands a finished span to every destination; never waits, never raises.

    Args:
        takers: What takes a span, one for each.
        closing: Those that have to be told of the end.
    """

    __slots__ = ("_closing", "_takers")

    def __init__(self, takers: Sequence[Callable[[Span], object]], closing: Sequence[SDKExporter]) -> None:
        self._takers = tuple(takers)
        self._closing = tuple(closing)

    def __call__(self, span: Span) -> None:
        for take in self._takers:
            take(span)

    def close(self, deadline: float) -> None:
        """Shut down what has to be, within *deadline* seconds; mere queues are left to `flush`."""
        end = monotonic() + deadline
        for number, closing in enumerate(self._closing):
            closing.close(max(0.0, end - monotonic()) / (len(self._closing) - number))


def exporter(to: Sequence[str | SpanExporter | Callable[[Span], object]], service: Service | None) -> Export | None:
    """
    What hands a span to every destination; None without any, so that nothing is recorded for nobody.

    Raises:
        ValueError: a destination that is not known, or a file that cannot be opened.
    """
    service = service or Service.known()
    takers: list[Callable[[Span], object]] = []
    closing: list[SDKExporter] = []
    for place in to:
        if isinstance(place, str):
            takers.append(_taker(place, service))
        elif is_exporter(place):
            closing.append(SDKExporter(place, service))
            takers.append(_queue(closing[-1].channel))
        elif callable(place) and not is_exporter_class(place):
            takers.append(_guarded(place))
        else:
            kind = place if isinstance(place, type) else type(place)
            raise ValueError(f"{kind.__name__}: expected a function, or an exporter that has been made")
    return Export(takers, closing) if takers else None


def check_destination(url: str) -> None:
    """
    Look at *url* without opening anything.

    Raises:
        ValueError: it is no destination for spans; says what is wrong, without credentials.
    """
    scheme, slashes, _ = url.partition("://")
    if slashes and scheme.lower() in SCHEMES:
        poster_to(url, Service())
    elif url not in {"console", "memory"} and not url.startswith("file:///"):
        raise _unknown(url)


def _unknown(url: str) -> ValueError:
    return ValueError(f"{masked(url)}: not a destination for spans; known are {KNOWN}")


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
    check_destination(url)
    if url == "memory":
        return finished_spans.append
    if url == "console":
        return console_to(lines_to("stderr"), service)
    return _queue(_file(url, service) if url.startswith("file:") else channel_to(url, service))


def _queue(channel: Channel[Span]) -> Callable[[Span], object]:
    put = channel.put

    def take(span: Span) -> None:
        put(span, ROUGHLY + span.bulk)

    return take


def _file(url: str, service: Service) -> Channel[Span]:
    put_line = lines_to(url)
    bodies = Bodies(OTLP(service))

    def deliver(spans: list[Span]) -> int:
        lost = 0
        bodies.begin(spans)
        while (body := bodies.following()) is not None:
            lost += bodies.lost
            put_line(str(body, "ascii"))
        return lost + bodies.lost

    return Channel(f"spans to {url}", deliver)
