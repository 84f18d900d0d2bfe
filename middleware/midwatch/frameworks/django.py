"""Django's two handlers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from ..exchange import Actor, current
from ..verdict import fail
from . import Framework, answering, descends

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from ..answers import Reply
    from ..exchange import Exchange
    from . import Answer

__all__ = ["Django", "django_handler", "django_settings", "prepare_django"]

REQUEST = "midwatch.django"

PAGE: Final = "500.html"
"""The template by which an application makes the page of Django's own handler its own."""


class Django(Framework):
    """What the handler noted in the exchange; Django answers for every exception unless told to let it through."""

    answers = True

    def answer_with(self, app: object, answer: Answer) -> None:
        from django.conf import urls  # noqa: PLC0415 - imported already, or there would be no handler
        from django.views.defaults import server_error  # noqa: PLC0415

        if urls.handler500 is server_error:
            urls.handler500 = _server_error

    def route(self, native: MutableMapping[str, Any]) -> str | None:
        match = getattr(native.get(REQUEST), "resolver_match", None)
        return None if match is None else "/" + match.route.lstrip("^/")

    def user(self, native: MutableMapping[str, Any]) -> Actor | None:
        """The user, if the application has looked at it: asking for it first would read the session."""
        user = getattr(native.get(REQUEST), "_cached_user", None)
        if user is None or not getattr(user, "is_authenticated", False):
            return None
        return Actor(str(user.pk), name=str(user.get_username()))


def django_handler(app: object) -> str | None:
    """`"asgi"` or `"wsgi"` where *app* is Django's handler for it."""
    if descends(app, "django.core.handlers.asgi", "ASGIHandler"):
        return "asgi"
    return "wsgi" if descends(app, "django.core.handlers.wsgi", "WSGIHandler") else None


def prepare_django(app: Any) -> None:
    """Learn which request Django makes of ours, and of the exceptions that it turns into a 500."""
    from django.core.signals import got_request_exception  # noqa: PLC0415 - imported already

    resolve = app.resolve_request

    def resolve_request(request: Any) -> Any:
        exchange: Exchange | None = current()
        if exchange is not None:
            exchange.native[REQUEST] = request
        return resolve(request)

    app.resolve_request = resolve_request
    got_request_exception.connect(_note, dispatch_uid="midwatch")


def _note(sender: object, **rest: object) -> None:
    exchange = current()
    error = sys.exc_info()[1]
    if exchange is not None and error is not None:
        fail(exchange, error)


def _server_error(request: Any) -> Any:
    """The default of `handler500`: one for the process, so each request is answered as its own door has it."""
    from django.http import HttpResponse  # noqa: PLC0415 - imported already
    from django.views.defaults import server_error  # noqa: PLC0415

    exchange = current()
    answer = None if exchange is None else answering(exchange.moments)
    if answer is None:
        return server_error(request)
    reply = answer(exchange)
    if _has_page(reply):
        return server_error(request)
    body = b"" if request.method == "HEAD" else reply.body
    headers = {**reply.headers, "content-length": str(len(reply.body))}
    return HttpResponse(body, status=reply.status, content_type=reply.media_type, headers=headers)


def _has_page(reply: Reply) -> bool:
    """Whether *reply* is a page, and the application has one of its own."""
    from django.template.loader import get_template  # noqa: PLC0415 - imported already

    if not reply.media_type.startswith("text/html"):
        return False
    try:
        get_template(PAGE)
    except Exception:
        return False  # There is none, or it is broken.
    return True


def django_settings() -> Any:
    """`settings.MIDWATCH`, if there is one."""
    from django.conf import settings  # noqa: PLC0415 - imported already, or there would be no handler

    return getattr(settings, "MIDWATCH", None)
