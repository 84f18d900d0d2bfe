"""A service that answers some thousand requests a second and ships a line of each; started by `test_shipping`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import midwatch
from midwatch.delivery import channels, figures

HEADERS = [(b"host", b"shop.example"), (b"user-agent", b"soak")]
SAID_EVERY = 1000
AT_ONCE = 100


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def serve(app: Any, count: int) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None: ...

    for number in range(count):
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": f"/r/{number}", "query_string": b"", "headers": HEADERS, "client": ("127.0.0.1", 1),
        }  # fmt: skip
        await app(scope, receive, send)
        if number % SAID_EVERY == 0:
            print(number, flush=True)
        if number % AT_ONCE == 0:
            await asyncio.sleep(0.01)  # nobody serves 30 000 requests a second in one thread


def main(url: str, spill: str, count: int) -> None:
    log = {"to": [url], "spill": spill, "propagate": False, "root": False}
    app = midwatch.install(application, {"log": log, "trace": False, "audit": False, "errors": False})
    asyncio.run(serve(app, count))
    print("flushed", midwatch.flush(120), figures(channels), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
