"""
`install(app, settings)`: the six, around any application.

Flask, Starlette and FastAPI keep their application object; Django's handlers and bare callables are returned wrapped.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from .asgi import ASGIMiddleware
from .audit import AuditTrail
from .errors import ErrorReport
from .frameworks import django, flask, starlette
from .health import Check, HealthCheck
from .logs import RequestLog, configure_logging
from .metrics import LatencyMetrics
from .proxies import Proxies
from .settings import Problem, SettingsError, load
from .tracing import Captured, Sampler, Tail, Tracing, trust_of
from .wsgi import WSGIMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .plugin import Plugin
    from .service import Service
    from .settings import Settings
    from .settings.tracing import TraceSettings

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
    settings = load(given, source)
    proxies = Proxies(settings.trusted_proxies, settings.forwarded_header) if settings.trusted_proxies else None
    try:
        plugins = list(_plugins(settings, proxies))
        _configure(settings)
    except ValueError as error:
        # What only trying tells: a file that cannot be opened. The message names the destination.
        raise SettingsError([Problem("to", str(error), "make it, or name another")], source) from None

    def door(app: Any, framework: Any) -> Any:
        return kind(app, *plugins, proxies=proxies, framework=framework)

    return door


def _configure(settings: Settings) -> None:
    log = settings.log
    if log is not None:
        service = settings.service.known()
        configure_logging(to=log.to, service=service, root=log.root, level=log.level, propagate=log.propagate)


def _tracing(trace: TraceSettings, service: Service, proxies: Proxies | None) -> Tracing:
    sample = trace.sample
    asked = sample.ratio is not None or sample.routes or sample.per_second is not None or not sample.parent
    return Tracing(
        to=trace.to,
        service=service,
        request_id=trace.request_id,
        accept=trace.accept,
        send=trace.send,
        trust=trust_of(trace.trust, proxies),
        sampler=Sampler(ratio=sample.ratio, routes=sample.routes, per_second=sample.per_second, parent=sample.parent)
        if asked
        else None,
        tail=Tail(errors=sample.keep_errors, slower_than=sample.keep_slower_than)
        if sample.keep_errors or sample.keep_slower_than is not None
        else None,
        exclude=trace.exclude,
        captured=Captured(trace.request_headers, trace.response_headers, trace.sanitize_headers),
        messages=trace.messages,
        propagate_to=trace.propagate_to,
        operations=trace.operations,
        be_global=trace.global_,
    )


def _plugins(settings: Settings, proxies: Proxies | None) -> Iterator[Plugin]:
    """The six that are on, in the order in which they are asked; then the user's own."""
    service = settings.service.known()
    if settings.trace is not None:
        yield _tracing(settings.trace, service, proxies)
    if settings.log is not None:
        yield RequestLog(service=service)
    if settings.errors is not None:
        yield ErrorReport(service=service, respond="server" if settings.errors.respond == "server" else "framework")
    if settings.metrics is not None:
        metrics = settings.metrics
        yield LatencyMetrics(
            path=metrics.path,
            allow=metrics.allow,
            service=service,
            buckets=metrics.buckets,
            max_series=metrics.max_series,
        )
    if settings.audit is not None:
        yield AuditTrail(to=settings.audit.to, service=service)
    if settings.health is not None:
        health = settings.health
        checks = {name: Check(check.call, check.groups, check.timeout) for name, check in health.checks.items()}
        yield HealthCheck(path=health.path, checks=checks, allow=health.allow, service=service, timeout=health.timeout)
    yield from settings.plugins


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
