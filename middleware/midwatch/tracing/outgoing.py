"""The trace on its way out: headers for a call to another service."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import INVALID_SPAN

from ..context import get_current
from .baggage import BAGGAGE
from .formats.propagator import outgoing
from .policy import policy
from .span import SPAN

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from opentelemetry.context import Context

    from .formats import Format

__all__ = ["inject", "put", "withdraw"]


def inject(headers: MutableMapping[str, str]) -> None:
    """
    Put the current trace and baggage into *headers* of an outgoing request, in the formats of the setting `trace.send`.

    What *headers* hold of an earlier trace in these formats goes. Outside of a trace, only baggage is put, if there is
    any. *headers* are a dict, or what any client has for them; the case of names does not matter.
    """
    put(headers, get_current())


def put(headers: MutableMapping[str, Any], context: Context) -> dict[str, str]:
    """Put span and baggage of *context* into *headers*; what was put."""
    current: Any = context.get(SPAN, INVALID_SPAN)
    baggage: Any = context.get(BAGGAGE)
    span = outgoing(current, context)
    send = tuple(policy.send)
    written: dict[str, str] = {}
    for chosen in send:
        if span is not None:
            written.update(chosen.inject(span))
        if baggage:
            written.update(chosen.inject_baggage(baggage))
    if span is not None:
        # Also what is written anew: a dict may spell it differently, and some multi-dicts would only add a line.
        names, prefixes = _names(send)
        _drop(headers, {name for name in headers.keys() if _is_one(name, names, prefixes)})  # noqa: SIM118
    elif written:
        _drop(headers, {name for name in headers.keys() if _is_one(name, written, ())})  # noqa: SIM118
    for name, value in written.items():
        headers[name] = value
    return written


def withdraw(headers: MutableMapping[str, Any], written: Mapping[str, str]) -> None:
    """Take out of *headers* what `put` has written; what somebody else has set in its place stays."""
    for name, value in written.items():
        if headers.get(name) == value:
            del headers[name]


@lru_cache(maxsize=16)
def _names(send: tuple[Format, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Headers that these formats may write, and the prefixes of those that carry baggage."""
    names = frozenset(name for chosen in send for name in chosen.sends)
    return names, tuple(chosen.prefix for chosen in send if chosen.prefix is not None)


def _is_one(name: object, names: Any, prefixes: tuple[str, ...]) -> bool:
    if not isinstance(name, str):
        return False
    name = name.lower()
    return name in names or (bool(prefixes) and name.startswith(prefixes))


def _drop(headers: MutableMapping[str, Any], names: set[str]) -> None:
    for name in names:
        # A multi-dict that has two spellings of one name drops both at once.
        if name in headers:
            del headers[name]
