"""W3C Baggage (https://www.w3.org/TR/baggage/): what travels with a trace, kept in the OpenTelemetry context."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from opentelemetry.baggage import set_baggage
from opentelemetry.context import Context

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["BAGGAGE", "BaggageValue", "bounded", "format_baggage", "parse_baggage", "split_members", "texts"]

BAGGAGE: Final = next(iter(set_baggage("key", "value", Context())))
"""Where OpenTelemetry keeps the baggage in a context; it tells only by showing."""

MAX_MEMBERS: Final = 64
MAX_BYTES: Final = 8192

_is_token: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_is_value: Final = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*").fullmatch
_is_property: Final = re.compile(
    r"[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*(?:=[ \t]*[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*[ \t]*)?"
).fullmatch

PLAIN: Final = "!#$&'()*+-./:<=>?@[]^_`{|}~"
"""What a value may hold without percent encoding, besides letters and digits (section 3.3.1)."""


class BaggageValue(str):
    """A value with the properties that came with it, such as `ttl=60`."""

    __slots__ = ("properties",)
    properties: str


def parse_baggage(header: str) -> dict[str, str]:
    """
    The members of a `baggage` header (all its lines joined).

    Malformed members are left out. What exceeds 64 members or 8192 bytes is dropped, whole members only; the ones left
    out count too, so that a hostile header ends early. A dict, since OpenTelemetry takes nothing else for baggage.
    """
    found: dict[str, str] = {}
    for member in split_members(header):
        pair, *properties = member.split(";")
        key, equals, value = pair.partition("=")
        key, value = key.strip(" \t"), value.strip(" \t")
        if equals and _is_token(key) and _is_value(value) and all(map(_is_property, properties)):
            found[key] = held = BaggageValue(unquote(value, errors="replace"))
            held.properties = ";".join(part.strip(" \t") for part in properties)
    return found


def split_members(header: str) -> list[str]:
    """The first members of *header*, whole ones only, as many as there may be."""
    if len(header) > MAX_BYTES:
        header = header[: MAX_BYTES + 1].rpartition(",")[0]
    return header.split(",", MAX_MEMBERS)[:MAX_MEMBERS]


def format_baggage(entries: Mapping[str, object]) -> str:
    """The `baggage` header that holds *entries*; empty without any."""
    encoded = ((key, _encoded(text, entries[key])) for key, text in texts(entries))
    return ",".join(f"{key}={value}" for key, value in bounded(encoded))


def _encoded(text: str, value: object) -> str:
    properties = getattr(value, "properties", "")
    encoded = quote(text, safe=PLAIN, errors="replace")
    return f"{encoded};{properties}" if properties else encoded


def texts(entries: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """*entries* as text; what an application put there may be anything, also something that cannot be told."""
    for key, value in entries.items():
        try:
            yield key, str(value)
        except Exception:  # noqa: S112 - theirs, and of no use to whoever is called
            continue


def bounded(members: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """
    Those of *members* that baggage may have, in any format: each key a token, 64 and 8192 bytes of them all.

    One that is too large is left out, and those behind it are not.
    """
    count = 0
    size = -1
    for key, value in members:
        if isinstance(key, str) and _is_token(key) and size + len(key) + 1 + len(value) < MAX_BYTES:
            count += 1
            size += len(key) + len(value) + 2
            yield key, value
            if count == MAX_MEMBERS:
                return
