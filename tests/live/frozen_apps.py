"""Applications whose check says when it has looked, for servers that are stopped meanwhile."""

from __future__ import annotations

import os
import time
from typing import Any

from midwatch import ASGIMiddleware, WSGIMiddleware
from midwatch.health import Check, HealthCheck, Result

TAKES = 0.1


def look() -> Result:
    """It passes, and what it has observed is the moment at which it looked."""
    looked = time.time()
    print("it looks", flush=True)
    time.sleep(TAKES)  # so that a process can be stopped in the midst of it
    print("it has looked", flush=True)
    return Result("pass", observed=looked)


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    while scope["type"] == "lifespan":
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


def _wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "0")])
    return []


_health = HealthCheck(checks={"it": Check(look, timeout=0.4, interval=0.2, max_age=0.7)})

app: Any = ASGIMiddleware(_asgi, _health) if os.environ["FROZEN_KIND"] == "asgi" else WSGIMiddleware(_wsgi, _health)
