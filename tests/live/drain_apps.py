"""Applications that drain, for real servers; they say which process has answered. One of their checks may hang."""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

from midwatch import ASGIMiddleware, Plugin, WSGIMiddleware
from midwatch.health import Check, HealthCheck
from midwatch.health.drain import Drain

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")


def _hang() -> None:
    print("the check runs", flush=True)
    threading.Event().wait()


def _plugins() -> tuple[Plugin, Plugin]:
    shared, file = os.environ.get("DRAIN_SHARED"), os.environ.get("DRAIN_FILE")
    drain = Drain(
        delay=float(os.environ.get("DRAIN_DELAY", "2")),
        shared=None if shared is None else Path(shared),
        file=None if file is None else Path(file),
    )
    checks: Any = {"works": lambda: True}
    if "DRAIN_HANG" in os.environ:
        checks = {"hang": Check(_hang, timeout=0.2, interval=0.5)}
    profile = os.environ.get("DRAIN_PROFILE", "health+json")
    return drain, HealthCheck(drain=drain, profile=profile, checks=checks)


BODY = json.dumps({"process": os.getpid()}).encode()


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def _wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", str(len(BODY)))])
    return [BODY]


app: Any = (
    ASGIMiddleware(_asgi, *_plugins()) if os.environ["DRAIN_KIND"] == "asgi" else WSGIMiddleware(_wsgi, *_plugins())
)
