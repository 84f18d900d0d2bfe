"""
Addresses of trackers: `sentry://key@host:port/project`, over HTTPS, and `sentry+http://` for those without TLS.

What stands before the project in the path is where the tracker begins, if it is not at the root of its host. The query
may name parameters:

| parameter | means | by default |
| --- | --- | --- |
| `timeout` | seconds that one request may take | 10 |
| `queue` | events that wait at most | 100 |
| `give_up` | seconds after which an event that cannot be sent is dropped | 60 |
| `burst` | events of one fingerprint that are sent at once | 5 |
| `every` | seconds until one more of it is | 10 |
| `server_name` | what this machine is called | its host name |
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from ....destinations.address import Address, AddressError, between, one_line_of, seconds
from ....posting import VERSION

__all__ = ["CLIENT", "Tracker"]

CLIENT: Final = f"midwatch/{VERSION}"
"""Who sends, as trackers are told."""

SCHEMES: Final = {"sentry": "https", "sentry+http": "http"}

EXPECTED: Final = "sentry://key@host/project"

PARAMETERS: Final = {
    "timeout": seconds,
    "queue": between(1, 10_000, "events"),
    "give_up": seconds,
    "burst": between(1, 1000, "events"),
    "every": between(0.001, 86_400, "seconds"),
    "server_name": one_line_of(200),
}

# What the header takes as it is, between its commas.
_is_key: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}").fullmatch
_is_project: Final = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch


class Tracker(NamedTuple):
    """
    A tracker, and how it is spoken to.

    Attributes:
        name: The address as it may be shown: without key and parameters.
        url: Where envelopes are posted to.
        dsn: What the tracker knows the project by; without the secret part that old ones have.
        authorization: The header `X-Sentry-Auth`.
        options: The parameters that the address names.
    """

    name: str
    url: str
    dsn: str
    authorization: str
    options: dict[str, Any]

    @classmethod
    def of(cls, url: str) -> Tracker:
        """
        What *url* names.

        Raises:
            AddressError: it cannot be meant; says what is wrong, without credentials.
        """
        scheme = url.partition("://")[0].lower()
        if scheme not in SCHEMES:
            raise AddressError(_meant(url, scheme))
        address = Address.of(url, 0, PARAMETERS)
        if not address.host:
            raise AddressError(f"{address.name[:80]}: expected {EXPECTED}")
        key, secret = address.user or "", address.password
        if not _is_key(key) or not (secret is None or _is_key(secret)):
            raise AddressError(f"{address.name}: expected the key of a project before the host, as in {EXPECTED}")
        prefix, _, project = address.path.rstrip("/").rpartition("/")
        if not _is_project(project):
            raise AddressError(f"{address.name}: expected the id of a project at the end, as in {EXPECTED}")
        netloc = f"[{address.host}]" if ":" in address.host else address.host
        netloc += f":{address.port}" if address.port else ""
        prefix = quote(prefix)
        http = SCHEMES[address.scheme]
        authorization = f"Sentry sentry_version=7, sentry_client={CLIENT}, sentry_key={key}"
        return cls(
            address.name,
            f"{http}://{netloc}{prefix}/api/{project}/envelope/",
            f"{http}://{key}@{netloc}{prefix}/{project}",
            authorization if secret is None else f"{authorization}, sentry_secret={secret}",
            address.options,
        )


def _meant(url: str, scheme: str) -> str:
    """What is wrong with an address of another scheme: many have the DSN that a tracker shows."""
    try:
        parts = urlsplit(url)
        place = f"{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        place = ""
    if scheme in {"http", "https"} and place.isprintable():
        ours = "sentry" if scheme == "https" else "sentry+http"
        return f"{scheme}://***@{place}: did you mean {ours}://***@{place}?"
    return f"{scheme[:40]!r} is no scheme of a tracker; expected {EXPECTED}, or sentry+http:// without TLS"
