"""An application with all defaults of the metrics; the environment says where figures are, and of which kind it is."""

from __future__ import annotations

import asyncio
import os
import re
import time
from typing import Any

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import midwatch

SETTINGS: dict[str, Any] = {
    "service": {"name": "stormed"},
    "log": False,
    "trace": {"to": [f"file://{os.environ['TRACES']}"]} if "TRACES" in os.environ else False,
    "errors": False,
    "audit": False,
    "health": False,
    "metrics": {"max_series": 100, "lag": 0.25, "directory": os.environ.get("FIGURES", "auto")},
}

placed = midwatch.metrics.counter("orders_placed", "Orders.", ("who",))


async def order(request: Any) -> PlainTextResponse:
    placed.add(1, request.headers.get("x-who"))
    return PlainTextResponse(str(os.getpid()))


async def block(request: Any) -> PlainTextResponse:
    time.sleep(float(request.path_params["seconds"]))  # what the watchdog is there for
    return PlainTextResponse("at last")


def _wsgi(environ: dict[str, Any], start: Any) -> list[bytes]:
    placed.add(1, environ.get("HTTP_X_WHO"))
    start("200 OK", [("content-type", "text/plain")])
    return [str(os.getpid()).encode()]


async def many(request: Any) -> PlainTextResponse:
    async def short() -> None:
        time.sleep(0.02)  # what the watchdog must not blame one of them for

    await asyncio.gather(*(short() for _ in range(40)))
    return PlainTextResponse("at last")


async def holds(request: Any) -> PlainTextResponse:
    pattern, until = re.compile("(a|a)*b"), time.monotonic() + 0.5
    size = 18
    while time.monotonic() < until:
        size = min(size + 1, 23)
        pattern.match("a" * size)  # keeps the interpreter lock
    return PlainTextResponse("at last")


async def busy(request: Any) -> PlainTextResponse:
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        await asyncio.sleep(0)
    return PlainTextResponse("at last")


ROUTES = [
    Route("/orders/{number}", order, methods=["GET", "POST"]),
    Route("/block/{seconds}", block),
    *(Route(f"/{call.__name__}", call) for call in (many, holds, busy)),
]

app: Any = midwatch.install(_wsgi if os.environ["KIND"] == "wsgi" else Starlette(routes=ROUTES), SETTINGS)
