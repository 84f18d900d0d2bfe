"""urllib3: `_make_request` of the connection pools, which each redirect and each retry goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...context import get_current
from .around import around
from .call import VERSIONS, Answered, Attempt
from .chain import Chain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHAIN", "trace_manager", "trace_pool"]

CHAIN: Final = "midwatch.chain"
"""Where a context keeps the `Chain` of a client that has urllib3 make its attempts."""


def trace_manager(manager: Any) -> None:
    """Trace a `urllib3.PoolManager`: each pool that it hands out."""
    around(manager, "connection_from_pool_key", _pool)


def trace_pool(pool: Any) -> None:
    """Trace one connection pool. It has no public method that sees retries."""
    around(pool, "_make_request", _make_request)


def _pool(manager: Any, connect: Callable[..., Any], *args: Any, **options: Any) -> Any:
    pool = connect(*args, **options)
    trace_pool(pool)
    return pool


def _make_request(pool: Any, make: Callable[..., Any], conn: Any, method: str, url: str, **options: Any) -> Any:
    # They may be the manager's own, for all its requests: through a tunnel, urllib3 hands them over uncopied.
    given = options["headers"]  # Any mapping will do, and not all of them can copy themselves.
    options["headers"] = headers = given.copy() if hasattr(given, "copy") else dict(given)
    chain: Any = get_current().get(CHAIN) or _chain(options.get("retries"))
    with Attempt(chain, method, _whole(pool, url), headers) as attempt:
        response = make(conn, method, url, **options)
        attempt.answered(response, _read)
    return response


def _read(response: Any) -> Answered:
    return Answered(response.status, VERSIONS.get(response.version))


def _chain(retries: Any) -> Chain:
    """What `Retry` knows: it is handed from attempt to attempt, and remembers each."""
    history = getattr(retries, "history", None) or ()
    # A manager notes whole URLs of redirects, a pool only their paths, of retries too.
    first = next((entry.url for entry in history if entry.redirect_location and not entry.url.startswith("/")), None)
    return Chain(first, len(history) - 1)


def _whole(pool: Any, url: str) -> str:
    """*url* as the caller knows it; it has no path only where a proxy is asked for it."""
    if not url.startswith("/"):
        return url
    host = f"[{pool.host}]" if ":" in pool.host else pool.host
    return f"{pool.scheme}://{host}:{pool.port}{url}"
