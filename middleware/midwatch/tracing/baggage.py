"""W3C Baggage (https://www.w3.org/TR/baggage/): what travels with a trace, kept in the OpenTelemetry context."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

from opentelemetry.baggage import get_all, set_baggage
from opentelemetry.context import Context

__all__ = ["BAGGAGE", "BaggageValue", "format_baggage", "parse_baggage"]

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
    if len(header) > MAX_BYTES:
        header = header[: MAX_BYTES + 1].rpartition(",")[0]
    found: dict[str, str] = {}
    for member in header.split(",", MAX_MEMBERS)[:MAX_MEMBERS]:
        pair, *properties = member.split(";")
        key, equals, value = pair.partition("=")
        key, value = key.strip(" \t"), value.strip(" \t")
        if equals and _is_token(key) and _is_value(value) and all(map(_is_property, properties)):
            found[key] = held = BaggageValue(unquote(value, errors="replace"))
            held.properties = ";".join(part.strip(" \t") for part in properties)
    return found


def format_baggage(context: Context) -> str:
    """The `baggage` header of *context*; empty without any."""
    members: list[str] = []
    size = -1
    for key, value in get_all(context).items():
        member = f"{key}={quote(str(value), safe=PLAIN, errors='replace')}"
        properties = getattr(value, "properties", "")
        if properties:
            member = f"{member};{properties}"
        if _is_token(key) and len(members) < MAX_MEMBERS and size + len(member) < MAX_BYTES:
            size += len(member) + 1
            members.append(member)
    return ",".join(members)
