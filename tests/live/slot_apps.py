"""An application that counts its requests in a slot, and tells what all workers have counted."""

from __future__ import annotations

import json
import os
from typing import Any

from midwatch.metrics.slots import Slot, default_directory, workers_hint

slot = Slot(default_directory("slots-live"))


def count() -> bytes:
    slot.cells("requests", (), 1)[0] += 1
    reading = slot.read()
    ((_, (total,)),) = reading.total("requests")
    alive = sum(worker.alive for worker in reading.workers)
    told = {"pid": os.getpid(), "total": total, "slots": len(reading.workers), "alive": alive, "why": workers_hint()}
    return json.dumps(told).encode()


def wsgi(environ: dict[str, Any], start: Any) -> list[bytes]:
    start("200 OK", [("Content-Type", "application/json")])
    return [count()]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = count()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
