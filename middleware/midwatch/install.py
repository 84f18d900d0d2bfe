"""
`install(app, settings)`: the six, around any application.

Flask, Starlette and FastAPI keep their application object; Django's handlers and bare callables are returned wrapped.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from .asgi import ASGIMiddleware
from .assembly import Assembly, Unusable
from .frameworks import django, flask, starlette
from .settings import Problem, SettingsError, load
from .wsgi import WSGIMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["install"]

A = TypeVar("A")


def install(app: A, settings: Mapping[str, Any] | None = None) -> A:
    """
    Watch *app*; a second time changes nothing.

    Args:
        app: A Flask, Starlette, FastAPI or Django application, or any ASGI or WSGI callable.
        settings: See `docs/settings.md`; by default `app.config["MIDWATCH"]` of Flask, `settings.MIDWATCH` of Django.

    Returns:
        the application to serve: the same object for Flask, Starlette and FastAPI.

    Raises:
        TypeError: *app* is none of these.
        SettingsError: the settings are wrong; it says where, why, and which is the nearest right name.
    """
    found: Any = app
    if _watched(found):
        return app
    if flask.is_flask(found):
        door = _door(
            WSGIMiddleware, found.config.get("MIDWATCH") if settings is None else settings, 'app.config["MIDWATCH"]'
        )
        flask.wrap_flask(found, door)
    elif starlette.is_starlette(found):
        starlette.wrap_starlette(found, _door(ASGIMiddleware, settings))
    elif (protocol := django.django_handler(found)) is not None:
        kind = ASGIMiddleware if protocol == "asgi" else WSGIMiddleware
        door = _door(kind, django.django_settings() if settings is None else settings, "settings.MIDWATCH")
        django.prepare_django(found)
        found = door(found, django.Django())
    else:
        found = _door(ASGIMiddleware if _protocol(found) == "asgi" else WSGIMiddleware, settings)(found, None)
    watched: A = found
    return watched


def _watched(app: Any) -> bool:
    outermost = getattr(app, "wsgi_app", getattr(type(app).__call__, "__self__", app))
    return isinstance(app, ASGIMiddleware | WSGIMiddleware) or isinstance(outermost, ASGIMiddleware | WSGIMiddleware)


def _door(kind: Any, given: Mapping[str, Any] | None, source: str = "settings") -> Callable[[Any, Any], Any]:
    """What makes a door of *kind*, with everything that the settings ask for."""
    assembly = Assembly(load(given, source))
    try:
        plugins = list(assembly.plugins())
        assembly.configure_logging()
    except ValueError as error:
        # What only trying tells: a file that cannot be opened. The message names the destination.
        if isinstance(error, Unusable):
            problem = Problem(error.setting, str(error), help=f"midwatch check --explain {error.setting}")
        else:
            problem = Problem("to", str(error), "make it, or name another")
        raise SettingsError([problem], source) from None

    def door(app: Any, framework: Any) -> Any:
        return kind(app, *plugins, proxies=assembly.proxies, framework=framework)

    return door


def _protocol(app: Any) -> str:
    """
    `"asgi"` or `"wsgi"`, told without calling *app*.

    Raises:
        TypeError: it is neither.
    """
    if not callable(app):
        raise TypeError(f"{app!r} is no application: it cannot be called")
    call = app if inspect.isroutine(app) or isinstance(app, functools.partial | type) else type(app).__call__
    if inspect.iscoroutinefunction(call):
        return "asgi"
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    required = [
        p.name for p in parameters if p.default is p.empty and p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}
    ]
    if len(required) == 3:
        return "asgi"
    if len(required) == 2:
        return "wsgi"
    raise TypeError(
        f"{app!r} is neither ASGI nor WSGI: it takes ({', '.join(required)});"
        " an ASGI application takes (scope, receive, send), a WSGI application (environ, start_response)"
    )
