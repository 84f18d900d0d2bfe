"""Header names and values as they may stand in a message (RFC 9110 section 5)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["FORWARDING", "HeaderName", "HeaderNames", "field_name", "field_value", "port_of", "without_port"]


FORWARDING: Final = (
    "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-server",
    "x-real-ip", "via", "cf-connecting-ip", "true-client-ip", "x-client-ip", "x-envoy-external-address",
    "fly-client-ip", "fastly-client-ip", "x-amzn-trace-id", "x-azure-clientip", "x-appengine-user-ip",
)  # fmt: skip
"""Request headers by which proxies say that they forwarded a request."""


class HeaderName:
    """A header name in every spelling that a door needs, made once."""

    __slots__ = ("asgi", "name", "wsgi")

    def __init__(self, name: str) -> None:
        self.name = name.lower()
        self.asgi = field_name(self.name)
        special = self.name in {"content-type", "content-length"}  # PEP 3333, "environ Variables"
        self.wsgi = ("" if special else "HTTP_") + self.name.upper().replace("-", "_")


class HeaderNames:
    """Several header names, for `Exchange.headers`."""

    __slots__ = ("asgi", "wsgi")

    def __init__(self, *names: str) -> None:
        known = [HeaderName(name) for name in names]
        self.asgi = tuple(name.asgi for name in known)
        self.wsgi = tuple(name.wsgi for name in known)


_is_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_is_field_value = re.compile(r"[\t\x20-\x7e\xa0-\xff]*").fullmatch
_field_names: dict[str, bytes] = {}


def field_name(name: str) -> bytes:
    """
    *name* as it goes into a header line.

    Raises:
        ValueError: it is no token (RFC 9110 section 5.1).
    """
    known = _field_names.get(name)
    if known is None:
        if not _is_token(name):
            raise ValueError(f"not the name of a header: {name!r}")
        known = _field_names[name] = name.encode()
    return known


def field_value(value: str) -> bytes:
    """
    *value* as it goes into a header line.

    Raises:
        ValueError: it holds a control character, or one outside Latin-1 (RFC 9110 section 5.5).
    """
    if value.isascii() and value.isprintable():
        return value.encode()
    if not _is_field_value(value):
        raise ValueError(f"not the value of a header: {value!r}")
    return value.encode("latin-1")


def without_port(host: str) -> str:
    """The host of a `Host` header (RFC 9110 section 7.2)."""
    host = host.rpartition("@")[2]
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]


DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def port_of(host: str, scheme: str) -> int | None:
    """The port of a `Host` header, by default that of the scheme; None where it names none that could be."""
    port = host[host.rfind("]") + 1 :].partition(":")[2] if ":" in host else ""
    if not port:
        return DEFAULT_PORTS.get(scheme)
    number = int(port) if port.isascii() and port.isdecimal() and len(port) < 6 else 0
    return number if 0 < number < 65_536 else None
