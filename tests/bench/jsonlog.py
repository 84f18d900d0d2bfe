"""The request log that people write themselves: python-json-logger on a `StreamHandler`, one line for each request."""

from __future__ import annotations

import logging
import os
import uuid
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, g, request
from pythonjsonlogger.json import JsonFormatter

from .apps import flask_app, starlette_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["JSON_LOGGER", "RequestLogASGI", "json_logger", "jsonlog_asgi", "jsonlog_wsgi", "log_requests"]

JSON_LOGGER: Final = "json logger"
"""What the variant is called."""


def _no_ids() -> dict[str, str]:
    return {}


def json_logger(*filters: logging.Filter) -> logging.Logger:
    """The logger of a request log: python-json-logger on a stream to `/dev/null`."""
    handler = logging.StreamHandler(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for each in filters:
        handler.addFilter(each)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return logging.getLogger("shop.request")


class RequestLogASGI:
    """In plain ASGI, as `BaseHTTPMiddleware` would cost far more."""

    def __init__(self, app: ASGIApp, logger: logging.Logger, ids: Callable[[], dict[str, str]] = _no_ids) -> None:
        self.app = app
        self.logger = logger
        self.ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, observed)
        finally:
            fields = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "duration": perf_counter() - started,
                "client": scope["client"][0],
                "user_agent": dict(scope["headers"]).get(b"user-agent", b"").decode(),
                **self.ids(),
            }
            self.logger.info("%s %s %d", scope["method"], scope["path"], status, extra=fields)


def log_requests(app: Flask, logger: logging.Logger, ids: Callable[[], dict[str, str]] = _no_ids) -> None:
    """The same as hooks of a Flask application."""

    @app.before_request
    def begin() -> None:
        g.started = perf_counter()
        g.request_id = request.headers.get("X-Request-ID") or uuid.uuid4().hex

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        fields = {
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "duration": perf_counter() - g.started,
            "client": request.remote_addr,
            "user_agent": request.user_agent.string,
            "request_id": g.request_id,
            **ids(),
        }
        logger.info("%s %s %d", request.method, request.path, response.status_code, extra=fields)
        return response


def jsonlog_asgi() -> Any:
    """The Starlette application with nothing but a request log."""
    return RequestLogASGI(starlette_app(), json_logger())


def jsonlog_wsgi() -> Any:
    """The same for Flask."""
    app = flask_app()
    log_requests(app, json_logger())
    return app
