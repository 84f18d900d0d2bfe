"""An application of several workers whose figures are on a port of their own; where, says the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from midwatch import ASGIMiddleware, WSGIMiddleware
from midwatch.metrics import LatencyMetrics


def _metrics() -> LatencyMetrics:
    return LatencyMetrics(
        path=None, directory=Path(os.environ["FIGURES"]), listen=f"127.0.0.1:{os.environ['METRICS_PORT']}"
    )


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def _wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("content-length", "2")])
    return [b"ok"]


asgi = ASGIMiddleware(_asgi, _metrics())
wsgi = WSGIMiddleware(_wsgi, _metrics())
