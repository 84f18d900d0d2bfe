"""One uvicorn worker that serves one variant on a socket that it is given."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from typing import Any

import uvicorn

from . import apps, watched
from .child import pin
from .floor_asgi import FloorASGI

__all__ = ["main"]


def main(variant: str, descriptor: int, core: int | None) -> int:
    """Serve until told to stop."""
    pin(core)
    http = "httptools" if find_spec("httptools") else "h11"
    config = uvicorn.Config(_app(variant), http=http, access_log=False, log_config=None, lifespan="on")
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])
    return 0


def _app(variant: str) -> Any:
    if variant == "bare":
        return apps.starlette_app()
    if variant == "floor":
        return FloorASGI(apps.starlette_app())
    if variant == "assembled":
        from .assembled_asgi import assembled

        return assembled()
    return watched.watch(apps.starlette_app(), variant)
