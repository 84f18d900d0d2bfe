"""`baggage`: W3C Baggage (https://www.w3.org/TR/baggage/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from ..baggage import format_baggage, parse_baggage
from .format import Format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["W3CBaggage"]


@final
class W3CBaggage(Format):
    """The `baggage` header, whatever becomes of the trace."""

    name = "baggage"
    fields = ("baggage",)
    sends = fields

    def extract_baggage(self, values: Sequence[str | None], prefixed: Mapping[str, str]) -> dict[str, str]:
        return {} if values[0] is None else parse_baggage(values[0])

    def inject_baggage(self, baggage: Mapping[str, object]) -> Iterator[tuple[str, str]]:
        header = format_baggage(baggage)
        if header:
            yield "baggage", header
