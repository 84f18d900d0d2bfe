"""httpx: `_send_single_request`, which each redirect and each step of an authentication goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .around import around
from .call import Answered, Attempt
from .chain import Chain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["trace", "trace_async"]

EXTENSION: Final = "midwatch.chain"
"""Where a request keeps its `Chain`; httpx hands extensions on to the request of a redirect."""


def trace(client: Any) -> None:
    """Trace an `httpx.Client`. It has no public method that sees redirects."""
    around(client, "_send_single_request", _send)


def trace_async(client: Any) -> None:
    """Trace an `httpx.AsyncClient`."""
    around(client, "_send_single_request", _send_async)


def _send(client: Any, send: Callable[..., Any], request: Any) -> Any:
    with _attempt(request) as attempt:
        response = send(request)
        attempt.answered(response, _read)
    return response


async def _send_async(client: Any, send: Callable[..., Any], request: Any) -> Any:
    with _attempt(request) as attempt:
        response = await send(request)
        attempt.answered(response, _read)
    return response


def _attempt(request: Any) -> Attempt:
    chain = request.extensions.get(EXTENSION)
    if type(chain) is not Chain:
        chain = Chain()
        # Not into the dict that is there: the caller may use it for other requests.
        request.extensions = {**request.extensions, EXTENSION: chain}
    return Attempt(chain, request.method, str(request.url), request.headers)


def _read(response: Any) -> Answered:
    stream = response.extensions.get("network_stream")
    version = response.http_version.removeprefix("HTTP/")
    return Answered(response.status_code, version, stream and stream.get_extra_info("server_addr"))
