"""
Starts and stops an application again and again, as a test client does; fails if something is left.

    cycling.py DIRECTORY same|new
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import midwatch
from midwatch.testing import call_asgi


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def installed(port: int, directory: Any) -> Any:
    return midwatch.install(
        lambda scope, receive, send: application(scope, receive, send),
        {
            "log": False,
            "trace": False,
            "errors": False,
            "audit": False,
            "metrics": {
                "directory": str(directory),
                "listen": f"127.0.0.1:{port}",
                "objectives": {"all": {"within": 0.25, "target": 0.99}},
            },
        },
    )


def cycle(app: Any) -> None:
    """From the start of a server to its end."""

    async def run() -> None:
        said: asyncio.Queue[str] = asyncio.Queue()
        wanted = iter(("startup", "shutdown"))
        stop = asyncio.Event()

        async def receive() -> Any:
            what = next(wanted)
            if what == "shutdown":
                await stop.wait()
            return {"type": f"lifespan.{what}"}

        async def send(message: Any) -> None:
            await said.put(message["type"])

        task = asyncio.create_task(app({"type": "lifespan"}, receive, send))
        assert await said.get() == "lifespan.startup.complete"
        for path in ("/", "/metrics"):
            answer = await asyncio.to_thread(call_asgi, app, path=path)
            assert answer.status == 200
        stop.set()
        await task

    asyncio.run(run())


def left() -> tuple[int, int, int]:
    """Threads, open files, callbacks of the garbage collector."""
    gc.collect()
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("midwatch-")]
    return len(threads), len(list(Path("/proc/self/fd").iterdir())), len(gc.callbacks)


def main(directory: Path, *, same: bool) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = installed(port, directory) if same else None
    before, page = (0, 0, 0), ""
    objects: list[int] = []
    for number in range(30):
        app = installed(port, directory) if kept is None else kept
        cycle(app)
        if number == 29:
            page = call_asgi(app, path="/metrics").body.decode()
            app.lifecycle.stop()
        del app
        gc.collect()  # A plugin and its hooks refer to each other.
        objects.append(len(gc.get_objects()))
        if number == 9:
            before = left()
        elif number == 28:
            assert left() == before, (left(), before)
    # A leak grows all the time; what is made once, such as by the first second of a pulse, does not.
    grown = [later > earlier for earlier, later in zip(objects[9:25], objects[13:29], strict=True)]
    assert sum(grown) < len(grown) / 2, objects
    (counted,) = [
        line.split()[-1]
        for line in page.splitlines()
        if line.startswith("http_server_request_duration_seconds_count{") and 'route="unmatched"' in line
    ]
    assert float(counted) == 30, counted
    assert len(list(directory.glob("slot-*"))) <= 3


if __name__ == "__main__":
    main(Path(sys.argv[1]), same=sys.argv[2] == "same")
