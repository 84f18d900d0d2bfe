"""The ASGI door: drives all plugins over one shared `Exchange` for each request."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final
from weakref import WeakMethod

from ..context import attach, detach, get_current
from ..exchange import KEY, Exchange
from ..frameworks import answering
from ..frameworks.starlette import Starlette
from ..lifecycle import Lifecycle
from ..moments import Moments
from ..verdict import conclude, fail
from .lifespan import lifespan
from .observed import Observed
from .reply import responder, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from ..frameworks import Framework
    from ..plugin import Plugin
    from ..proxies import Proxies

__all__ = ["ASGIMiddleware"]

logger = logging.getLogger("midwatch")


@final
class ASGIMiddleware:
    """
    Watch an ASGI application with some plugins.

    `ASGIMiddleware(app, RequestLog())` and `ASGIMiddleware(app, Tracing(), RequestLog(), ...)` are the same thing: one
    pass. Around an application that has a door already, the plugins of both are one list and each class counts once.

    Args:
        app: The application; also reachable as `.app`.
        plugins: Asked in this order, told of the way out in reverse.
        proxies: Who may speak for the client.
        framework: What routes below; by default whatever Starlette or FastAPI leaves in the scope.

    Raises:
        TypeError: a plugin that is none, overrides no moment, or has a coroutine for one.
    """

    def __init__(
        self, app: ASGIApp, *plugins: Plugin, proxies: Proxies | None = None, framework: Framework | None = None
    ) -> None:
        self.app = app
        self.moments = Moments(plugins)
        self._proxies = proxies
        self.framework = framework or Starlette(answers=False)
        prepare = WeakMethod(self._prepare)
        self.lifecycle = Lifecycle(self.moments, lambda: _call(prepare), self)
        self._warned = framework is not None
        answer = answering(self.moments)
        if answer is not None:
            self.framework.answer_with(app, answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            await self._unobserved(scope, receive, send)
            return
        if KEY in scope:
            outer: Exchange = scope[KEY]
            if outer.outcome is None:
                await self._join(outer, scope, receive, send)
                return
        if not self.lifecycle.running:
            self.lifecycle.start()
        exchange = scope[KEY] = Observed(scope, receive, send, self.moments, self.framework, self._proxies)
        if not self._warned and "app" in scope:
            self._inside(exchange)
        context = exchange.context
        token = attach(context)
        cancelled = False
        try:
            answers = self.moments.request(exchange)
            reply = None if answers is None else await settle(answers)
            if reply is None:
                await self.app(scope, exchange.observe_receive, exchange.observe_send)
            else:
                await exchange.answer(reply)
        except Exception as error:
            reply = fail(exchange, error)
            if reply is not None:
                await exchange.answer_failure(reply)
            raise
        except BaseException:
            cancelled = True
            raise
        finally:
            conclude(exchange, cancelled=cancelled)
            # A coroutine that the garbage collector closes ends in a foreign context, with nothing to restore.
            if not cancelled or get_current() is context:
                detach(token)
            del exchange.context
            scope.pop(KEY, None)

    def _prepare(self) -> None:
        self.framework.prepare(self.app, self.moments)

    async def _unobserved(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(self, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _join(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        """An outer door drives this exchange already: add the plugins that it does not have, and step aside."""
        if not self.lifecycle.running:
            self.lifecycle.start()
        joining, exchange.moments = exchange.moments.joined_by(self.moments)
        answers = joining.request(exchange)
        reply = None if answers is None else await settle(answers)
        if reply is None:
            await self.app(scope, receive, send)
        else:
            await responder(reply, scope)(scope, receive, send)

    def _inside(self, exchange: Exchange) -> None:
        """Starlette puts itself into the scope: its `add_middleware` placed this door inside its error handler."""
        self.framework = exchange.framework = Starlette()
        self._warned = True
        logger.warning(
            "midwatch is inside the application (add_middleware): the 500 of an unhandled exception is made outside of"
            " it and carries no request id; midwatch.install(app) wraps the whole application"
        )


def _call(method: WeakMethod[Callable[[], None]]) -> None:
    found = method()
    if found is not None:
        found()
