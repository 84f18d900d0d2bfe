"""The WSGI door: drives all plugins over one shared `Exchange` for each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, final
from weakref import ref

from ..context import attach, detach
from ..exchange import KEY, Exchange
from ..frameworks import answering
from ..frameworks.flask import Werkzeug
from ..lifecycle import Lifecycle
from ..moments import Moments
from ..verdict import conclude, fail
from .body import FailedBody, wrap
from .input import Input
from .observed import Observed
from .reply import respond, settle

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from opentelemetry.context import Context

    from ..frameworks import Framework
    from ..plugin import Plugin
    from ..proxies import Proxies

__all__ = ["WSGIMiddleware"]


@final
class WSGIMiddleware:
    """
    Watch a WSGI application with some plugins.

    `WSGIMiddleware(app, RequestLog())` and `WSGIMiddleware(app, Tracing(), RequestLog(), ...)` are the same thing: one
    pass. Around an application that has a door already, the plugins of both are one list and each class counts once.

    Args:
        app: The application; also reachable as `.app`.
        plugins: Asked in this order, told of the way out in reverse.
        proxies: Who may speak for the client.
        framework: What routes below; by default whatever Werkzeug leaves in the environ.

    Raises:
        TypeError: a plugin that is none, overrides no moment, or has a coroutine for one.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *plugins: Plugin,
        proxies: Proxies | None = None,
        framework: Framework | None = None,
    ) -> None:
        self.app = app
        self.moments = Moments(plugins)
        self.lifecycle = Lifecycle(self.moments, door=self)
        self._proxies = proxies
        self._framework = framework or Werkzeug()
        answer = answering(self.moments)
        if answer is not None:
            self._framework.answer_with(app, answer)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if KEY in environ:
            outer: Exchange | None = environ[KEY]()
            if outer is not None and outer.outcome is None:
                return self._join(outer, environ, start_response)
        if not self.lifecycle.running:
            self.lifecycle.start()
        exchange = Observed(environ, start_response, self.moments, self._framework, self._proxies)
        environ[KEY] = ref(exchange)
        context = exchange.context
        token = attach(context)
        handed_over = False
        try:
            answers = self.moments.request(exchange)
            reply = None if answers is None else settle(answers)
            if reply is None:
                if exchange.on_body is not None:
                    environ["wsgi.input"] = Input(environ["wsgi.input"], exchange.on_body)
                body = self.app(environ, exchange.start_response)
            else:
                body = respond(reply, environ, exchange.start_response)
            watched = wrap(exchange, body, context)
            handed_over = True
            return watched
        except Exception as error:
            answer = self._answered(exchange, error, environ, context)
            if answer is None:
                raise
            handed_over = True
            return answer
        finally:
            if not handed_over:
                conclude(exchange, cancelled=True)
            detach(token)
            # With the context gone, a body that is dropped ends its exchange at once, not when cycles are found.
            del exchange.context

    def _answered(
        self, exchange: Observed, error: Exception, environ: WSGIEnvironment, context: Context
    ) -> Iterable[bytes] | None:
        """The body of an answer to *error*, where a plugin has one and nobody else will give one."""
        reply = fail(exchange, error)
        if reply is None or exchange.status is not None or exchange.framework.answers:
            return None
        try:
            return wrap(exchange, FailedBody(respond(reply, environ, exchange.start_response), error), context)
        except Exception:
            return None  # Whatever becomes of the answer, the application's exception is the one that leaves.

    def _join(self, exchange: Exchange, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """An outer door drives this exchange already: add the plugins that it does not have, and step aside."""
        if not self.lifecycle.running:
            self.lifecycle.start()
        joining, exchange.moments = exchange.moments.joined_by(self.moments)
        answers = joining.request(exchange)
        reply = None if answers is None else settle(answers)
        return self.app(environ, start_response) if reply is None else respond(reply, environ, start_response)
