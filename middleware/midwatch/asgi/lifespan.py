"""
The server's start and stop, as ASGI tells them.

uvicorn runs no `atexit` on SIGTERM, so this is where the last batch is saved. An application that does not take part
in the lifespan protocol (it raises or returns before its first `receive`) is stood in for.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from ..errors.outside import report_outside

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from .door import ASGIMiddleware

__all__ = ["lifespan"]

logger = logging.getLogger("midwatch")

STOPPED = frozenset({"lifespan.shutdown.complete", "lifespan.shutdown.failed", "lifespan.startup.failed"})


async def lifespan(door: ASGIMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the application's lifespan between `on_startup` and `on_shutdown`."""
    asked = started = False

    async def observe_receive() -> Message:
        nonlocal asked
        asked = True
        message = await receive()
        if message["type"] == "lifespan.startup":
            door.lifecycle.start(serving=False)
        return message

    async def observe_send(message: Message) -> None:
        nonlocal started
        if message["type"] == "lifespan.startup.complete":
            started = True
            door.lifecycle.serve()
        elif message["type"] in STOPPED:
            # Frameworks say so while they handle the exception. The process may end as soon as the server hears of it.
            error = sys.exc_info()[1]
            if not started and isinstance(error, Exception):
                report_outside(error, "startup")
            await _stop(door)
        await send(message)

    try:
        await door.app(scope, observe_receive, observe_send)
    except Exception as error:
        if asked and not started:
            report_outside(error, "startup")
        if asked or door.framework.lifespan:
            raise  # What fails is its start.
        logger.info("the application knows no lifespan (%s: %s); it is stood in for", type(error).__name__, error)
    finally:
        if asked:
            door.lifecycle.stop()
    if not asked:
        await _stand_in(door, receive, send)


async def _stand_in(door: ASGIMiddleware, receive: Receive, send: Send) -> None:
    await receive()
    door.lifecycle.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await _stop(door)
    await send({"type": "lifespan.shutdown.complete"})


async def _stop(door: ASGIMiddleware) -> None:
    """In a thread: what is flushed may need the event loop to get away."""
    import anyio.to_thread  # noqa: PLC0415 - WSGI applications never need it

    await anyio.to_thread.run_sync(door.lifecycle.stop)
