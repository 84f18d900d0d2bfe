"""
`trace_client`: every call of a client is a span, and carries the trace to the service it calls.

Spans are made where a request leaves (httpx transports, requests adapters), so that each redirect has its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..frameworks import descends
from .outgoing import client_span, end_client_span

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["trace_client"]

C = TypeVar("C")

MARK = "_midwatch_traced"


def trace_client(client: C) -> C:
    """
    Trace every call of *client*: an `httpx.Client`, `httpx.AsyncClient` or `requests.Session`. Twice is once.

    Raises:
        TypeError: another kind of client; `midwatch.inject(headers)` does for any.
    """
    traced: Any = client
    if descends(client, "httpx", "Client"):
        _trace_transports(traced, "handle_request", _traced)
    elif descends(client, "httpx", "AsyncClient"):
        _trace_transports(traced, "handle_async_request", _async_traced)
    elif descends(client, "requests.sessions", "Session"):
        _trace_session(traced)
    else:
        raise TypeError(
            f"{type(client).__module__}.{type(client).__qualname__} is no client that can be traced; known are"
            " httpx.Client, httpx.AsyncClient and requests.Session; for others call midwatch.inject(headers)"
        )
    return client


def _trace_transports(client: Any, method: str, traced: Callable[[Any], Any]) -> None:
    for transport in {id(t): t for t in (client._transport, *client._mounts.values())}.values():  # noqa: SLF001
        # httpx has no public way to reach the transport of a client that exists.
        if transport is not None and not getattr(transport, MARK, False):
            setattr(transport, method, traced(getattr(transport, method)))
            setattr(transport, MARK, True)


def _traced(send: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def handle_request(request: Any) -> Any:
        span = client_span(request.method, str(request.url), request.headers)
        try:
            response = send(request)
        except BaseException as error:
            end_client_span(span, None, error)
            raise
        end_client_span(span, response.status_code)
        return response

    return handle_request


def _async_traced(send: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def handle_async_request(request: Any) -> Any:
        span = client_span(request.method, str(request.url), request.headers)
        try:
            response = await send(request)
        except BaseException as error:
            end_client_span(span, None, error)
            raise
        end_client_span(span, response.status_code)
        return response

    return handle_async_request


def _trace_session(session: Any) -> None:
    if getattr(session, MARK, False):
        return
    choose = session.get_adapter
    # An adapter that the caller mounts later is traced too.
    session.get_adapter = lambda url: _TracedAdapter(choose(url))
    setattr(session, MARK, True)


class _TracedAdapter:
    """A requests adapter with a span around each `send`."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def send(self, request: Any, **options: Any) -> Any:
        span = client_span(request.method, request.url, request.headers)
        try:
            response = self._adapter.send(request, **options)
        except BaseException as error:
            end_client_span(span, None, error)
            raise
        end_client_span(span, response.status_code)
        return response

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)
