"""What a request says of its trace: the accepted formats, over one look at its headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from ..headers import HeaderNames
from .formats import FORMATS, Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..exchange import Exchange
    from .formats import Incoming

__all__ = ["Arrivals", "formats_of"]

NOTHING: Final[dict[str, str]] = {}


def formats_of(names: Iterable[str]) -> tuple[Format, ...]:
    """
    The formats of these names; `none` is none.

    Raises:
        ValueError: a name that is not known.
    """
    found = []
    for name in names:
        if name != "none":
            if name not in FORMATS:
                raise ValueError(f"{name}: not a trace format; known are {', '.join(FORMATS)}")
            found.append(FORMATS[name])
    return tuple(found)


@final
class Arrivals:
    """
    Reads trace and baggage.

    Args:
        accept: Names of formats; the first in whose headers there is something valid counts.
        also: A further header to look up with them.

    Attributes:
        headers: Names to look up; *also* comes last.

    Raises:
        ValueError: a format that is not known.
    """

    def __init__(self, accept: Iterable[str], also: str | None) -> None:
        names: list[str] = []
        self._traces = []
        self._baggage = []
        for chosen in formats_of(accept):
            part = slice(len(names), len(names) + len(chosen.fields))
            names += chosen.fields
            if _overrides(chosen, "extract"):
                self._traces.append((chosen.extract, part))
            if _overrides(chosen, "extract_baggage"):
                self._baggage.append((chosen.extract_baggage, part, chosen.prefix))
        self.headers = HeaderNames(*names, also or "traceparent")

    def trace(self, values: Sequence[str | None]) -> Incoming | None:
        """What the *values* of `headers` say of the caller's trace; None if nothing valid."""
        for extract, part in self._traces:
            incoming = extract(values[part])
            if incoming is not None:
                return incoming
        return None

    def baggage(self, values: Sequence[str | None], exchange: Exchange) -> dict[str, str] | None:
        """The baggage, of all formats together; None without any."""
        found: dict[str, str] | None = None
        for extract, part, prefix in self._baggage:
            given = values[part]
            prefixed = NOTHING if prefix is None else exchange.headers_with(prefix)
            if prefixed or given.count(None) != len(given):
                found = {**extract(given, prefixed), **(found or NOTHING)}
        return found


def _overrides(chosen: Format, method: str) -> bool:
    return getattr(type(chosen), method) is not getattr(Format, method)
