"""Spans on their way to a collector over HTTP: batches made into requests of a bearable size, and their answers."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Final, final

from ...delivery import Channel, Refused
from ...posting import Poster
from .address import Address
from .body import Bodies
from .otlp import OTLP
from .zipkin import Zipkin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...service import Service
    from ..span import Span
    from .body import Encoding

__all__ = ["channel_to", "poster_to"]

logger = logging.getLogger("midwatch.delivery")

TELL_EVERY: Final = 60.0


def channel_to(url: str, service: Service) -> Channel[Span]:
    """
    A channel to the collector at *url*.

    Raises:
        ValueError: it is no address of one.
    """
    address, encoding, poster = _parts(url, service)
    options = address.options
    return Channel(
        f"spans to {address.name}",
        _Sending(poster, encoding).deliver,
        max_items=options.queue,
        batch=options.batch,
        give_up=options.give_up,
        linger=options.delay,
        apart=True,
    )


def poster_to(url: str, service: Service) -> Poster:
    """
    What sends to the collector at *url*; nothing is opened yet.

    Raises:
        ValueError: it is no address of one.
    """
    return _parts(url, service)[2]


def _parts(url: str, service: Service) -> tuple[Address, Encoding, Poster]:
    address = Address.of(url)
    encoding: Encoding = Zipkin(service) if address.name.startswith("zipkin") else OTLP(service)
    options = address.options
    headers = {**dict(options.headers), **encoding.headers}
    try:
        return address, encoding, Poster(address.url, headers, options.timeout, options.compressed)
    except ValueError as error:
        raise ValueError(f"{address.name}: {error}") from None


@final
class _Sending:
    """
    Sends batches, each in as many requests as its size asks for.

    A batch that is handed in again goes on where it was stopped, with the same bytes.
    """

    def __init__(self, poster: Poster, encoding: Encoding) -> None:
        self._poster = poster
        self._encoding = encoding
        self._bodies = Bodies(encoding)
        self._body: memoryview | None = None
        self._batch: Sequence[Span] | None = None
        self._refused = 0
        self._told_at = -TELL_EVERY

    def deliver(self, spans: list[Span]) -> int:
        """
        Send *spans*; how many were not taken.

        Raises:
            Refused: all of them.
            Exception: some have not been sent yet.
        """
        if spans is not self._batch:
            self._batch, self._refused, self._body = spans, 0, None
            self._bodies.begin(spans)
        while (body := self._body or self._following()) is not None:
            self._body = body
            try:
                self._post(body)
            except Refused as error:
                self._refused += self._bodies.count
                if self._refused == len(spans):
                    self._batch = None
                    raise
                self._tell(str(error))
            self._body = None
        self._batch = None
        return self._refused

    def _following(self) -> memoryview | None:
        body = self._bodies.following()
        if self._bodies.lost:
            self._refused += self._bodies.lost
            self._tell(f"{self._bodies.lost} spans are too large, or cannot be said")
        return body

    def _post(self, body: memoryview) -> None:
        count, why = self._encoding.refused(self._poster.post(body))
        if count or why:
            self._refused += min(count, self._bodies.count)
            self._tell(f"the collector did not take {count} spans: {why[:200]!a}")

    def _tell(self, why: str) -> None:
        """Say what no retry helps, at most once a minute; never over the network."""
        if monotonic() - self._told_at >= TELL_EVERY:
            self._told_at = monotonic()
            logger.warning("spans to %s: %s", self._poster.place, why)
