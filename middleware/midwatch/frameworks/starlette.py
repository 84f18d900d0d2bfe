"""Starlette and FastAPI: the route and the user in the scope, and how to stand outside of the whole application."""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any, Final

from ..exchange import Actor
from . import Framework, descends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..asgi import ASGIMiddleware

__all__ = ["Starlette", "is_starlette", "wrap_starlette"]

SOMEWHERE: Final = "/{mount}"
"""Stands for a mount point whose template cannot be found: one fixed value, where the path would be many."""


class Starlette(Framework):
    """What Starlette and FastAPI leave in the scope; their outermost middleware answers for every exception."""

    def __init__(self, *, answers: bool = True) -> None:
        self.answers = answers
        self._fixed: set[str] = set()

    def route(self, native: dict[str, Any]) -> str | None:
        route = native.get("route")
        if route is None:
            return None
        if "fastapi" in native:
            # include_router() keeps its prefix out of the route itself.
            included = native["fastapi"].get("effective_route_context")
            if included is not None and getattr(included, "original_route", None) is route:
                route = included
        template: str | None = getattr(route, "path_format", None)
        if template is None or "app_root_path" not in native:
            return template
        prefix: str = native.get("root_path", "")[len(native["app_root_path"]) :]
        if _is_mount(route):
            # Nothing below it matched or routes; its own path is part of the prefix already.
            return self._mounts(native, prefix) + "/{path}"
        return self._mounts(native, prefix) + template

    def _mounts(self, native: dict[str, Any], prefix: str) -> str:
        """Template of the mount points that *prefix*, a piece of the path, went through."""
        if prefix in self._fixed:
            return prefix
        template = _chain(getattr(native.get("router"), "routes", ()), prefix)
        if template is None:
            return SOMEWHERE
        if template == prefix:
            self._fixed.add(prefix)
        return template

    def user(self, native: dict[str, Any]) -> Actor | None:
        user = native.get("user")
        if user is None or not getattr(user, "is_authenticated", False):
            return None
        name = getattr(user, "display_name", None)
        try:
            identity = user.identity
        except (AttributeError, NotImplementedError):
            identity = getattr(user, "id", None) or name
        return Actor(str(identity), name=name if isinstance(name, str) else None) if identity else None


def _is_mount(route: Any) -> bool:
    return hasattr(route, "app") and hasattr(route, "routes") and hasattr(route, "path_regex")


def _chain(routes: Iterable[Any], prefix: str) -> str | None:
    if not prefix:
        return ""
    for route in routes:
        if not _is_mount(route):
            continue
        match = route.path_regex.match(prefix + "/")
        if match is not None:
            taken = len(prefix) - len(match["path"])
            below = _chain(route.routes, prefix[taken:] if match["path"] else "")
            if below is not None:
                return str(route.path_format).removesuffix("/{path}") + below
    return None


def is_starlette(app: object) -> bool:
    """Whether *app* is a Starlette or FastAPI application."""
    return descends(app, "starlette.applications", "Starlette")


def wrap_starlette(app: Any, door: Callable[[Any, Framework], ASGIMiddleware]) -> None:
    """
    Put a door around the whole of *app*, which stays the same object.

    `add_middleware` would be inside of the middleware that answers for exceptions, and inside of FastAPI's telemetry.
    Python looks `__call__` up on the class, so the object gets a class of its own that differs in nothing else.
    """
    kind = type(app)
    outside = door(MethodType(kind.__call__, app), Starlette())
    names = {"__call__": outside.__call__, "__module__": kind.__module__, "__qualname__": kind.__qualname__}
    app.__class__ = type(kind.__name__, (kind,), {**names, "__doc__": kind.__doc__, "__slots__": ()})
