"""A registry by its URL."""

from __future__ import annotations

import os
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from ...nearest import suggested
from . import consul, eureka
from .caller import Caller
from .members import Members
from .registration import Registration

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from ...service import Service

__all__ = ["registry"]

SCHEMES: Final = {"consul": "http", "consul+https": "https", "eureka": "http", "eureka+https": "https"}
TOKEN: Final = "CONSUL_HTTP_TOKEN"  # noqa: S105 - a name
"""Its token for Consul, where the URL has no user."""

PORTS: Final = {"consul": 8500, "consul+https": 8501, "eureka": 8761, "eureka+https": 8761}


def registry(
    url: str,
    *,
    service: Service,
    address: str | None = None,
    health: str = "/health/ready",
    shared: Path | None = None,
    score: Callable[[], float] | None = None,
    status: Callable[[], str] | None = None,
    clock: Callable[[], float] = monotonic,
) -> Registration:
    """
    The registration of *service* at the registry behind *url*; nothing is said before its `start`.

    Args:
        url: With one of the `SCHEMES`.
        service: Who is registered.
        address: URL at which others reach this instance; by default the address of this machine that the registry
            sees, and the port that the first request tells.
        health: Path of readiness.
        shared: Directory shared by the workers, who are one instance.
        score: How saturated the service is, 0 to 100; becomes a weight.
        status: What a registry that does not ask is told: `"pass"`, `"warn"` or `"fail"`.
        clock: Seconds; only differences count.

    Raises:
        ValueError: a URL or address that cannot be meant; the message holds no credentials.
    """
    scheme, user, host, parts = _parts(url)
    try:
        if scheme.startswith("consul"):
            caller = Caller(f"{SCHEMES[scheme]}://{host}{parts.path.rstrip('/')}", _token(user))
            found: Any = consul.Consul(caller, _options(parts.query, consul.OPTIONS), status)
        else:
            caller = _eureka(scheme, user, host, parts)
            found = eureka.Eureka(caller)
        name = sha256(f"{caller.place} {service.name}".encode()).hexdigest()[:12]
        return Registration(
            caller,
            found,
            Members(shared, name),
            service=service.name,
            version=service.version or "",
            address=address,
            health=health,
            score=score,
            clock=clock,
        )
    except ValueError as error:
        raise ValueError(f"health.register: {scheme}://{host}: {error}") from None


def _eureka(scheme: str, user: str, host: str, parts: SplitResult) -> Caller:
    _options(parts.query, eureka.OPTIONS)
    return Caller(f"{SCHEMES[scheme]}://{user}{'@' if user else ''}{host}{parts.path.rstrip('/') or '/eureka'}", {})


def _parts(url: str) -> tuple[str, str, str, SplitResult]:
    """
    The scheme, the user, the host with its port, and all parts.

    Raises:
        ValueError: a URL that cannot be meant.
    """
    if not url.isprintable():
        raise ValueError("health.register: a URL holds no such characters")
    scheme = url.partition(":")[0].lower()
    if scheme not in SCHEMES:
        known = suggested(scheme, SCHEMES) or f"; known are {', '.join(SCHEMES)}"
        raise ValueError(f"health.register: {scheme[:20]!r} is no registry{known}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # It would show what was taken for the port, which may be of a password.
        raise ValueError(f"health.register: {scheme}: the host or the port is none") from None
    user, _, host = parts.netloc.rpartition("@")
    if "@" in parts.path or "@" in parts.fragment:
        # It would be shown in messages.
        raise ValueError("health.register: a / or # in the user or password has to be written as %2F or %23")
    return scheme, user, host if port is not None else f"{host.rstrip(':')}:{PORTS[scheme]}", parts


def _options(query: str, known: Collection[str]) -> dict[str, list[str]]:
    """
    The parameters.

    Raises:
        ValueError: one that is not *known*.
    """
    options = parse_qs(query, keep_blank_values=True, max_num_fields=32)
    for name in options:
        if name not in known:
            raise ValueError(f"{name[:20]!r} is unknown; known are {', '.join(sorted(known)) or 'none'}")
    return options


def _token(user: str) -> dict[str, str]:
    """The header of Consul's token: in the URL, or in the variable that its own tools read."""
    token = unquote(user.partition(":")[0]) if user else os.environ.get(TOKEN, "").strip()
    return {"x-consul-token": token} if token else {}
