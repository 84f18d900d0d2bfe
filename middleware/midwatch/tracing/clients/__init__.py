"""
`trace_client`: every call of a client is a span, and carries the trace to the service it calls.

Each attempt has a span of its own, whether it is a redirect, a retry or an answer to a challenge. It lasts until the
response headers are there; reading the body is the caller's time. One file for each client says where an attempt
leaves; none of them imports the client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from ...frameworks import descends
from . import aiohttp, httpx, requests, urllib3

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["trace_client"]

C = TypeVar("C")

CLIENTS: Final[dict[tuple[str, str], Callable[[Any], None]]] = {
    ("httpx", "Client"): httpx.trace,
    ("httpx", "AsyncClient"): httpx.trace_async,
    ("requests.sessions", "Session"): requests.trace,
    ("aiohttp.client", "ClientSession"): aiohttp.trace,
    ("urllib3.poolmanager", "PoolManager"): urllib3.trace_manager,
    ("urllib3.connectionpool", "HTTPConnectionPool"): urllib3.trace_pool,
}


def trace_client(client: C) -> C:
    """
    Trace every call of *client*; the same object. Twice is once.

    A call that is redirected to another origin does not tell it of the trace, unless the setting `trace.propagate_to`
    names its host. Within `suppress_instrumentation` of OpenTelemetry, and where a library of OpenTelemetry traces the
    call already, nothing is done.

    Args:
        client: An `httpx.Client` or `AsyncClient`, a `requests.Session`, an `aiohttp.ClientSession` (3.12 or newer), a
            `urllib3.PoolManager`, `ProxyManager` or connection pool.

    Raises:
        TypeError: another kind of client; `midwatch.inject(headers)` does for any.
    """
    for (module, name), trace in CLIENTS.items():
        if descends(client, module, name):
            trace(client)
            return client
    kind = type(client)
    if isinstance(client, type) or kind.__name__ == "module":
        name = getattr(client, "__name__", "it")
        raise TypeError(f"trace_client takes an instance, such as requests.Session(), not the {kind.__name__} {name}")
    raise TypeError(
        f"{kind.__module__}.{kind.__qualname__} is no client that can be traced; known are httpx.Client,"
        " httpx.AsyncClient, requests.Session, aiohttp.ClientSession and urllib3.PoolManager;"
        " for others call midwatch.inject(headers)"
    )
