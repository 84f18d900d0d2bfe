"""Starlette and FastAPI: the route and the user in the scope, and how to stand outside of the whole application."""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import get_tracer_provider

from ..exchange import Actor, current
from . import Framework, answering, descends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, MutableMapping

    from ..asgi import ASGIMiddleware
    from ..moments import Moments
    from . import Answer

__all__ = ["Starlette", "is_starlette", "wrap_starlette"]

STARLETTES: Final = "starlette.middleware.opentelemetry"

SOMEWHERE: Final = "/{mount}"
"""Stands for a mount point whose template cannot be found: one fixed value, where the path would be many."""


class Starlette(Framework):
    """What Starlette and FastAPI leave in the scope; their outermost middleware answers for every exception."""

    def __init__(self, *, answers: bool = True) -> None:
        self.answers = self.lifespan = answers
        self._fixed: set[str] = set()
        self._endpoints: dict[int, tuple[Any, str | None]] = {}

    def prepare(self, app: object, moments: Moments) -> None:
        """FastAPI's and Starlette's own telemetry makes server spans too; of each request there shall be one."""
        for plugin in moments.plugins:
            joining = getattr(plugin, "joining", None)
            if joining is not None:
                for one in _applications(getattr(app, "__self__", app)):
                    _join(one, *joining())
        answer = answering(moments)
        if answer is not None:
            self.answer_with(app, answer)  # What was mounted since.

    def answer_with(self, app: object, answer: Answer) -> None:
        async def handler(request: Any, error: Exception) -> Any:
            from ..asgi.reply import responder  # noqa: PLC0415 - the door imports this file

            return responder(answer(current()), request.scope)

        for one in _applications(getattr(app, "__self__", app)):
            handlers = getattr(one, "exception_handlers", None)
            if isinstance(handlers, dict) and not handlers.keys() & {500, Exception}:
                # Of both keys the one that was set last counts, so that whatever comes later wins.
                handlers[Exception] = handler

    def route(self, native: MutableMapping[str, Any]) -> str | None:
        route = native.get("route")
        if route is None:
            return self._by_endpoint(native) if "endpoint" in native else None
        if "fastapi" in native:
            # include_router() keeps its prefix out of the route itself.
            included = native["fastapi"].get("effective_route_context")
            if included is not None and getattr(included, "original_route", None) is route:
                route = included
        template: str | None = getattr(route, "path_format", None)
        if template is None or "app_root_path" not in native:
            return template
        # Of a mount, where nothing below it matched or routes, the prefix has the path already.
        return self._mounts(native, _prefix(native)) + ("/{path}" if _is_mount(route) else template)

    def _by_endpoint(self, native: MutableMapping[str, Any]) -> str | None:
        """FastAPI and older Starlettes name only the endpoint of a mount or a plain route."""
        endpoint = native["endpoint"]
        if id(endpoint) not in self._endpoints:
            found = list(_leading_to(getattr(native.get("router"), "routes", ()), endpoint))
            # Kept with its endpoint, so that nothing else can have its identity. Several templates: cannot be told.
            self._endpoints[id(endpoint)] = (endpoint, found[0] if len(found) == 1 else None)
        template = self._endpoints[id(endpoint)][1]
        if template is None and "app_root_path" in native:
            return self._mounts(native, _prefix(native)) + "/{path}"
        return template

    def _mounts(self, native: MutableMapping[str, Any], prefix: str) -> str:
        """Template of the mount points that *prefix*, a piece of the path, went through."""
        if prefix in self._fixed:
            return prefix
        template = _chain(getattr(native.get("router"), "routes", ()), prefix)
        if template is None:
            return SOMEWHERE
        if template == prefix:
            self._fixed.add(prefix)
        return template

    def user(self, native: MutableMapping[str, Any]) -> Actor | None:
        user = native.get("user")
        if user is None or not getattr(user, "is_authenticated", False):
            return None
        name = getattr(user, "display_name", None)
        try:
            identity = user.identity
        except (AttributeError, NotImplementedError):
            identity = getattr(user, "id", None) or name
        return Actor(str(identity), name=name if isinstance(name, str) else None) if identity else None


def _applications(app: Any, depth: int = 32) -> Iterator[Any]:
    """*app*, what it wraps, and what is mounted in it."""
    yield app
    if depth:
        mounted = [route.app for route in getattr(app, "routes", ()) if _is_mount(route)]
        wrapped = getattr(app, "app", None)
        for inner in mounted if wrapped is None else [wrapped, *mounted]:
            yield from _applications(inner, depth - 1)


def _join(app: Any, provider: Any, operations: bool) -> None:
    """Have *app* trace through *provider*, and FastAPI only if its operations are wanted: its metrics and logs stay."""
    telemetry = getattr(app, "_telemetry", None)
    if isinstance(telemetry, dict):
        if not operations:
            telemetry["tracing"] = False
        elif telemetry.get("tracer_provider") is None:
            telemetry["tracer_provider"] = provider
    for middleware in getattr(app, "user_middleware", ()):
        if getattr(middleware.cls, "__module__", "") == STARLETTES:
            middleware.kwargs.setdefault("tracer_provider", provider)
    if type(app).__module__ == STARLETTES and app._tracer_provider is get_tracer_provider():  # noqa: SLF001 - built already
        app._tracer_provider = provider  # noqa: SLF001


def _prefix(native: MutableMapping[str, Any]) -> str:
    """The piece of the path that mounts took."""
    prefix: str = native.get("root_path", "")[len(native["app_root_path"]) :]
    return prefix


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


def _leading_to(routes: Iterable[Any], endpoint: Any) -> Iterator[str]:
    for route in routes:
        template = str(getattr(route, "path_format", ""))
        if getattr(route, "endpoint", None) is endpoint or (_is_mount(route) and route.app is endpoint):
            yield template
        elif _is_mount(route):
            prefix = template.removesuffix("/{path}")
            yield from (prefix + below for below in _leading_to(route.routes, endpoint))


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
