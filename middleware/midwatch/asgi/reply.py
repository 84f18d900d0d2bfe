"""Answers in place of the application's: waiting for them, and putting them into ASGI messages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..answers import BODILESS, Hold, Reply

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Scope

    from ..moments import Answers

__all__ = ["responder", "settle"]


async def settle(answers: Answers) -> Reply | None:
    """Wait for every `Hold`; the first `Reply` of all."""
    reply: Reply | None = None
    for answer in answers:
        if isinstance(answer, Hold):
            await _wait(answer)
            found = answer.answer()
        else:
            found = answer
        if reply is None and isinstance(found, Reply):
            reply = found
    return reply


async def _wait(hold: Hold) -> None:
    if hold.future.done():
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        import anyio.to_thread  # noqa: PLC0415 - trio: no asyncio loop that the future could wake

        await anyio.to_thread.run_sync(hold.wait, abandon_on_cancel=True)
    else:
        # Unlike wait_for, asyncio.wait leaves the future alone when it times out or is cancelled.
        waiting = asyncio.wrap_future(hold.future)
        waiting.add_done_callback(_seen)
        await asyncio.wait((waiting,), timeout=hold.remaining)


def _seen(waiting: asyncio.Future[Any]) -> None:
    """A future that fails after its deadline is nobody's news: asyncio would log it."""
    if not waiting.cancelled():
        waiting.exception()


def responder(reply: Reply, scope: Scope) -> ASGIApp:
    """*reply* as a Starlette response; without its body for HEAD."""
    from starlette.responses import Response  # noqa: PLC0415 - takes as long to import as all of Midwatch

    response = Response(reply.body, reply.status, reply.headers, reply.media_type)
    if reply.status in BODILESS:
        del response.headers["content-type"]
    if scope.get("method") == "HEAD":
        response.body = b""
    return response
