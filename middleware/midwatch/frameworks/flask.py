"""Flask, and whatever else is made of Werkzeug's requests."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..exchange import Actor, current
from ..verdict import fail, find_route
from . import Framework, descends

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from ..exchange import Exchange
    from ..wsgi import WSGIMiddleware
    from . import Answer

__all__ = ["Flask", "Werkzeug", "is_flask", "wrap_flask"]


class Werkzeug(Framework):
    """What Werkzeug leaves in the environ, until Flask empties it when the response has started."""

    forgets = True

    def __init__(self, *, answers: bool = False) -> None:
        self.answers = answers

    def answer_with(self, app: object, answer: Answer) -> None:
        """A handler for 500 would come before the application's for `HTTPException`: ours is what is found last."""
        flask = _flask_in(app)
        find = getattr(flask, "_find_error_handler", None)
        if flask is None or find is None:
            return

        def handler(error: Exception) -> Any:
            reply = answer(current())
            return flask.response_class(reply.body, reply.status, reply.headers, content_type=reply.media_type)

        def found(error: Exception, *blueprints: Any) -> Any:
            unhandled = getattr(error, "original_exception", None) is not None
            return find(error, *blueprints) or (handler if unhandled else None)

        flask._find_error_handler = found  # noqa: SLF001 - see above

    def remember(self, exchange: Exchange) -> None:
        find_route(exchange)
        if "flask_login" in sys.modules:
            _ = exchange.actor

    def route(self, native: MutableMapping[str, Any]) -> str | None:
        rule = getattr(native.get("werkzeug.request"), "url_rule", None)
        template: str | None = getattr(rule, "rule", None)
        return None if template is None else native.get("SCRIPT_NAME", "") + template


class Flask(Werkzeug):
    """Flask answers for every exception, but where it is told to let them through to a test or a debugger."""

    def __init__(self) -> None:
        super().__init__(answers=True)

    def user(self, native: MutableMapping[str, Any]) -> Actor | None:
        """The user that Flask-Login has loaded. Loading it ourselves would read the session and set `Vary: Cookie`."""
        import flask  # noqa: PLC0415 - imported already, or there would be no Flask application

        # An application called in process has a request of its own; its caller's user is not the one who asks.
        ours = flask.has_request_context() and flask.request.environ is native
        user = flask.g.get("_login_user") if ours else None
        if user is None or not getattr(user, "is_authenticated", False):
            return None
        identity = user.get_id()
        return None if identity is None else Actor(str(identity))


def is_flask(app: object) -> bool:
    """Whether *app* is a Flask application."""
    return descends(app, "flask.app", "Flask")


def _flask_in(app: Any, depth: int = 32) -> Any:
    """The Flask application that *app*, its `wsgi_app`, is or wraps."""
    while depth and app is not None and not is_flask(app):
        app = getattr(app, "__self__", None) or getattr(app, "app", None)
        depth -= 1
    return app if is_flask(app) else None


def wrap_flask(app: Any, door: Callable[[Any, Framework], WSGIMiddleware]) -> None:
    """Put a door around *app*, and learn of the exceptions that it turns into a 500."""
    from flask import got_request_exception  # noqa: PLC0415 - imported already, or there would be no application

    app.wsgi_app = door(app.wsgi_app, Flask())
    got_request_exception.connect(_note, app)


def _note(sender: object, exception: BaseException, **rest: object) -> None:
    exchange = current()
    if exchange is not None:
        fail(exchange, exception)
