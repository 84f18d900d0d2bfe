"""aiohttp: a client middleware, the innermost one, which each redirect and each retry goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .around import around
from .call import Answered, Attempt
from .chain import Chain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["trace"]


def trace(session: Any) -> None:
    """
    Trace an `aiohttp.ClientSession`.

    Raises:
        TypeError: it is of a version that has no middlewares.
    """
    if not hasattr(session, "_middlewares"):
        raise TypeError("aiohttp can be traced from version 3.12 on; for older ones call midwatch.inject(headers)")

    around(session, "_request", _request)


async def _request(session: Any, send: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
    given = options.get("middlewares")
    options["middlewares"] = (*(session._middlewares if given is None else given), _Attempts())  # noqa: SLF001
    return await send(*args, **options)


class _Attempts:
    """The middleware of one call. aiohttp makes the headers of each attempt anew."""

    def __init__(self) -> None:
        self._chain = Chain()

    async def __call__(self, request: Any, send: Callable[[Any], Awaitable[Any]]) -> Any:
        with Attempt(self._chain, request.method, str(request.url), request.headers) as attempt:
            response = await send(request)
            attempt.answered(response, _read)
        return response


def _read(response: Any) -> Answered:
    version, connection = response.version, response.connection
    transport = connection and connection.transport
    return Answered(
        response.status,
        version and f"{version.major}.{version.minor}",
        transport and transport.get_extra_info("peername"),
    )
