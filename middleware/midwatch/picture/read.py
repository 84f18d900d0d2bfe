"""Every span in some files: OTLP, Zipkin and request lines in any mixture; what else is there is counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw

from . import line, otlp, zipkin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sources import Sources
    from .span import Span

__all__ = ["Reader"]

_parts = msgspec.json.Decoder(dict[str, Raw]).decode
_list = msgspec.json.Decoder(list[Raw]).decode
_any = msgspec.json.Decoder().decode

_half: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""Half of a character: JavaScript and Python write it, JSON readers refuse it, and it would cost the whole line."""

NESTED: Final = 2
"""Lists within lists: Zipkin answers a search with a list of traces, each of which is a list of spans."""

LOW: Final = 16
"""Digits of a trace id that are written even where it has 64 bits only."""


class Reader:
    """
    Reads spans, twice or as often as wanted.

    Attributes:
        broken: Lines that are no JSON, or spans without ids, in the latest reading.
        foreign: Lines that are JSON of something else.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.broken = self.foreign = 0

    def spans(self, trace_id: str | None = None) -> Iterator[Span]:
        """
        All spans, or those of one trace, and some more at times.

        Raises:
            OSError: see `Sources.documents`.
        """
        self.broken = self.foreign = 0
        wanted = None if trace_id is None else trace_id[-LOW:].encode()
        for document in self._sources.documents():
            if wanted is None or wanted in document.lower():
                yield from self._spans(document, NESTED)

    def _spans(self, document: bytes | Raw, nested: int) -> Iterator[Span]:
        try:
            found = _opened(document, nested)
        except (ValueError, RecursionError):
            self._break()
            return
        if isinstance(found, dict):
            yield from self._of(found)
            return
        for item in found:
            yield from self._spans(item, nested - 1)

    def _of(self, parts: dict[str, Raw]) -> Iterator[Span]:
        if "resourceSpans" in parts or "resource_spans" in parts:
            yield from otlp.spans_of(parts, self._break)
            return
        read = _reader(parts)
        if read is None:
            self.foreign += 1
            return
        try:
            span = read({key: _any(raw) for key, raw in parts.items()})
        except (ValueError, RecursionError):
            span = None
        if span is None:
            self._break()
        else:
            yield span

    def _break(self) -> None:
        self.broken += 1


def _opened(document: bytes | Raw, nested: int) -> dict[str, Raw] | list[Raw]:
    """
    The members or the items of *document*, unread.

    Raises:
        ValueError, RecursionError: it is no JSON, or neither an object nor a list that may be *nested*.
    """
    if isinstance(document, bytes) and document[:1] not in {b"{", b"["}:
        # What collects the output of containers puts a name before each line.
        document = document[document.index(b"{") :]
    read = _list if nested and bytes(memoryview(document)[:1]) == b"[" else _parts
    try:
        return read(document)
    except ValueError:
        mended = _half.sub(rb"\\ufffd", document) if isinstance(document, bytes) else document
        if mended == document:
            raise
        return read(mended)


def _reader(parts: dict[str, Raw]) -> Any:
    """What reads a document that has these members; None if it is about something else."""
    if "traceId" in parts:
        return otlp.span_of if "spanId" in parts else zipkin.span_of if "id" in parts else None
    return line.span_of if "trace_id" in parts and "span_id" in parts else None
