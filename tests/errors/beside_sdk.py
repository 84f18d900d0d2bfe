"""
Applications that use sentry-sdk, watched by Midwatch; a process of its own, since the SDK changes much of it.

    python beside_sdk.py before|after|mute|absent SDK-DSN OUR-URL

When the SDK is initialised: before the applications are made, after it (and without its tracing), without anywhere to
send to, or not at all.
One JSON object on stdout: by name of a scenario the trace and request id of its request, the fingerprints of the
ledger, and whether the SDK is loaded.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import flask
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware

import midwatch
from midwatch import ASGIMiddleware, RequestLog, Tracing, WSGIMiddleware
from midwatch.errors import ErrorReport
from midwatch.errors.destinations import LogLine
from midwatch.errors.destinations.sdk import SDK
from midwatch.errors.destinations.sentry import sentry_to
from midwatch.errors.outside import report_outside
from midwatch.frameworks.flask import wrap_flask
from midwatch.frameworks.starlette import wrap_starlette
from midwatch.service import Service
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi

when, dsn, ours = sys.argv[1:]
logging.basicConfig(level=logging.INFO, stream=sys.stderr)


def initialise() -> None:
    import sentry_sdk

    sentry_sdk.init(
        dsn=None if when == "mute" else dsn,
        traces_sample_rate=1.0 if when == "before" else None,
        release="sdk@1",
        auto_session_tracking=False,
    )


if when in {"before", "mute"}:
    initialise()

service = Service("beside")
report = ErrorReport(to=[SDK(), LogLine(service), sentry_to(ours, service)])
plugins = (Tracing(), RequestLog(), report)
ids: dict[str, dict[str, Any]] = {}


def note(name: str) -> None:
    exchange = midwatch.current()
    assert exchange is not None
    ids.setdefault(name, {"trace_id": exchange.trace_id, "request_id": exchange.request_id})


api = FastAPI()


@api.get("/handler/{number}")
async def handler(number: int) -> None:
    note("fastapi handler")
    raise ValueError("fastapi handler")


@api.get("/threadpool")
def threadpool() -> None:
    note("fastapi threadpool")
    try:
        raise ValueError("fastapi threadpool")
    except ValueError:
        logging.getLogger("shop").exception("it has failed")
        raise


@api.get("/background")
async def background(tasks: BackgroundTasks) -> dict[str, str]:
    note("fastapi background")

    def task() -> None:
        raise ValueError("fastapi background")

    tasks.add_task(task)
    return {}


@api.get("/group")
async def group() -> None:
    note("fastapi group")

    async def child(number: int) -> None:
        raise ValueError(f"child {number}")

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(child(1))
            tasks.create_task(child(2))
    except ExceptionGroup as error:
        raise ExceptionGroup("fastapi group", error.exceptions) from error


@api.get("/reraised")
async def reraised() -> None:
    note("fastapi reraised")
    try:
        raise ValueError("fastapi reraised")
    except ValueError as error:
        if "sentry_sdk" in sys.modules:
            sys.modules["sentry_sdk"].capture_exception(error)
        raise


@api.get("/stream")
async def stream() -> StreamingResponse:
    note("fastapi stream")

    async def chunks() -> AsyncIterator[bytes]:
        yield b"a"
        raise ValueError("fastapi stream")

    return StreamingResponse(chunks())


async def pass_on(request: Any, call_next: Callable[[Any], Any]) -> Any:
    return await call_next(request)


api.add_middleware(BaseHTTPMiddleware, dispatch=pass_on)
wrap_starlette(api, lambda app, framework: ASGIMiddleware(app, *plugins, framework=framework))

web = flask.Flask("beside")


@web.get("/handler/<int:number>")
def web_handler(number: int) -> str:
    note("flask handler")
    raise ValueError("flask handler")


@web.get("/stream")
def web_stream() -> Any:
    note("flask stream")

    def chunks() -> Iterator[bytes]:
        yield b"a"
        raise ValueError("flask stream")

    return web.response_class(chunks())


wrap_flask(web, lambda app, framework: WSGIMiddleware(app, *plugins, framework=framework))
again = ValueError("raised again")


def failing(name: str, error: BaseException | None = None) -> Any:
    def before() -> None:
        note(name)
        if error is not None:
            raise error
        try:
            raise KeyError("cause")
        except KeyError as cause:
            raise ValueError(name) from cause

    return ScriptedApp(before=before)


def thread(name: str) -> Any:
    """Logs what ends its thread, as many do."""

    def before() -> None:
        note(name)
        error = ValueError(name)
        logged = threading.Thread(target=lambda: logging.getLogger("shop").error("in a thread", exc_info=error))
        logged.start()
        logged.join()
        raise error

    return ScriptedApp(before=before)


def served(app: Any, path: str) -> None:
    """By a server that logs what an application raises, as all do."""
    wsgi = app is web or isinstance(app, WSGIMiddleware)
    answer = (call_wsgi if wsgi else call_asgi)(app, "GET", path, query="token=c4n4ry")
    if answer.error is not None:
        logging.getLogger("uvicorn.error").error("Exception in application", exc_info=answer.error)


def asgi(app: ScriptedApp) -> Any:
    return ASGIMiddleware(app.asgi, *plugins)


def wsgi(app: ScriptedApp) -> Any:
    return WSGIMiddleware(app.wsgi, *plugins)


REQUESTS: list[tuple[Any, str]] = [
    *((api, path) for path in ("/handler/7", "/threadpool", "/background", "/group", "/reraised", "/stream")),
    *((web, path) for path in ("/handler/7", "/stream")),
    (asgi(failing("bare asgi")), "/orders"),
    (wsgi(failing("bare wsgi")), "/orders"),
    (asgi(thread("bare thread")), "/orders"),
    (asgi(failing("raised again", again)), "/first"),
    (asgi(failing("raised again", again)), "/second"),
]
if when == "after":
    initialise()
for app, path in REQUESTS:
    served(app, path)
report_outside(ValueError("outside"), "thread")
loaded = "sentry_sdk" in sys.modules
if loaded:
    sys.modules["sentry_sdk"].flush(10)
assert midwatch.flush(10)
fingerprints = [group.fingerprint for group in report.ledger.groups()]
failures = {name: count for name, count in midwatch.plugin.failures.items() if count}
print(json.dumps({"ids": ids, "fingerprints": fingerprints, "loaded": loaded, "failures": failures}))
