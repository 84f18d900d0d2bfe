"""All of it together, in a server that starts and stops."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

from midwatch import ASGIMiddleware, WSGIMiddleware
from midwatch.saturation import AgentPort, LoopWatch, Pool, Saturation, SaturationWatch
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi

HANG = 20.0


def asked(agent: AgentPort) -> bytes:
    assert agent.port
    with socket.create_connection(("127.0.0.1", agent.port), HANG) as peer:
        return peer.recv(100)


def parts(store: Any) -> tuple[SaturationWatch, Saturation, LoopWatch, AgentPort]:
    plugin = SaturationWatch(store, active=lambda: 2, capacity=4, agent="127.0.0.1:0")
    assert plugin._lag
    assert plugin.agent
    return plugin, plugin.saturation, plugin._lag, plugin.agent


def test_an_asgi_server_is_watched_from_its_start_to_its_end(store: Any) -> None:
    import anyio.to_thread

    assert anyio.to_thread
    plugin, saturation, lag, agent = parts(store)
    app = ASGIMiddleware(ScriptedApp().asgi, plugin)

    async def main() -> None:
        said: list[str] = []
        stop = asyncio.Event()
        messages = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> Any:
            kind = next(messages)
            if kind == "lifespan.shutdown":
                await stop.wait()
            return {"type": kind}

        async def send(message: Any) -> None:
            said.append(message["type"])

        serving = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
        async with asyncio.timeout(HANG):
            while not (lag.watching and next(iter(lag._loops.values())).thread):
                await asyncio.sleep(0.005)  # a thread answers
        assert dict(plugin.pools.now())["anyio"].size == 40
        saturation.turn()
        assert await asyncio.to_thread(asked, agent) == b"up %d%%\n" % round(100 - saturation.overall())
        stop.set()
        await serving
        assert not lag._loops
        assert agent.port is None

    asyncio.run(main())


def test_a_wsgi_server_has_no_loop_to_watch(store: Any) -> None:
    plugin, saturation, lag, agent = parts(store)
    app = WSGIMiddleware(ScriptedApp().wsgi, plugin)
    assert call_wsgi(app).status == 200
    assert not lag._loops
    saturation.turn()
    assert saturation.parts["concurrency"] == saturation.parts["pool"] == 0.5
    assert dict(plugin.pools.now()) == {"wsgi": Pool(2, 4, 0)}
    assert asked(agent).startswith(b"up ")
    app.lifecycle.stop()
    assert agent.port is None


def test_nothing_is_watched_that_was_not_asked_for(store: Any) -> None:
    plugin = SaturationWatch(store, active=lambda: 0, lag=None)
    app = ASGIMiddleware(ScriptedApp().asgi, plugin)
    before = {thread.name for thread in threading.enumerate()}
    assert call_asgi(app).status == 200
    assert {thread.name for thread in threading.enumerate()} <= before
    plugin.saturation.turn()
    assert plugin.saturation.score == 0.0
    app.lifecycle.stop()
