"""Django's two handlers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..exchange import Actor, current
from ..verdict import fail
from . import Framework, descends

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from ..exchange import Exchange

__all__ = ["Django", "django_handler", "django_settings", "prepare_django"]

REQUEST = "midwatch.django"


class Django(Framework):
    """What the handler noted in the exchange; Django answers for every exception unless told to let it through."""

    answers = True

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


def django_settings() -> Any:
    """`settings.MIDWATCH`, if there is one."""
    from django.conf import settings  # noqa: PLC0415 - imported already, or there would be no handler

    return getattr(settings, "MIDWATCH", None)
