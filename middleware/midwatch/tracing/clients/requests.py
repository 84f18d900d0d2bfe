"""requests: `send` of the adapters that a session chooses, once for each redirect."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context

from ...context import attach, detach, get_current
from .around import around
from .call import VERSIONS, Answered, Attempt
from .chain import Chain
from .urllib3 import CHAIN, trace_pool

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["trace"]

MARK: Final = "_midwatch_chain"
"""Where a response and the request that follows it keep their `Chain`."""

POOL: Final = "get_connection_with_tls_context"


def trace(session: Any) -> None:
    """Trace a `requests.Session`; an adapter that is mounted later is traced too."""
    around(session, "get_adapter", _choose)
    around(session, "rebuild_auth", _redirected)


def _choose(session: Any, choose: Callable[..., Any], *args: Any, **options: Any) -> TracedAdapter:
    return TracedAdapter(choose(*args, **options), None)


def _redirected(session: Any, rebuild: Callable[..., Any], prepared: Any, response: Any) -> Any:
    """The one moment at which requests shows the request that follows a redirect; its headers are a copy."""
    setattr(prepared, MARK, getattr(response, MARK, None))
    return rebuild(prepared, response)


class TracedAdapter:
    """An adapter with a span around each `send`; else the adapter itself, as far as anybody can tell."""

    __slots__ = ("_adapter", "_chain")

    def __init__(self, adapter: Any, chain: Chain | None) -> None:
        object.__setattr__(self, "_adapter", adapter)
        object.__setattr__(self, "_chain", chain)

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        adapter = self._adapter
        chain = vars(request).pop(MARK, None) or self._chain or Chain()
        if _retries(adapter):
            response = _with_retries(adapter, chain, partial(adapter.send, request, *args, **options))
        else:
            with Attempt(chain, request.method, request.url, request.headers) as attempt:
                response = adapter.send(request, *args, **options)
                attempt.answered(response, _read)
        setattr(response, MARK, chain)
        if getattr(response, "connection", None) is adapter:
            # What answers a challenge sends its request there.
            response.connection = TracedAdapter(adapter, chain)
        return response

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._adapter, name, value)


def _read(response: Any) -> Answered:
    return Answered(response.status_code, VERSIONS.get(getattr(response.raw, "version", 0)))


def _retries(adapter: Any) -> bool:
    retries = getattr(adapter, "max_retries", None)
    return hasattr(adapter, POOL) and bool(getattr(retries, "total", None))


def _with_retries(adapter: Any, chain: Chain, send: Callable[[], Any]) -> Any:
    """urllib3 retries, so it makes the spans; what it adds to the headers, the request does not show."""
    around(adapter, POOL, _pool)
    token = attach(Context({**get_current(), CHAIN: chain}))
    try:
        return send()
    finally:
        detach(token)


def _pool(adapter: Any, connect: Callable[..., Any], *args: Any, **options: Any) -> Any:
    pool = connect(*args, **options)
    trace_pool(pool)
    return pool
