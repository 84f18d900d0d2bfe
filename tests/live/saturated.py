"""An application that holds requests until it is told to let them go, with an agent port; for `test_haproxy_agent`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from midwatch import ASGIMiddleware, Plugin
from midwatch.metrics.pulse import Pulse
from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store
from midwatch.saturation import SaturationWatch

FOLDER = os.environ.get("SLOTS")
RELEASED = Path(os.environ["FOLDER"]) / "released"
DRAINING = Path(os.environ["FOLDER"]) / "draining"


class UnderWay(Plugin):
    count = 0

    def on_request(self, exchange: Any) -> None:
        self.count += 1

    def on_finish(self, exchange: Any) -> None:
        self.count -= 1


class Beating(Plugin):
    def on_startup(self) -> None:
        pulse.start()


async def served(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/hold":
        while not RELEASED.exists():
            await asyncio.sleep(0.02)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


under_way, pulse, store = UnderWay(), Pulse(0.25), Store(Slot(Path(FOLDER) if FOLDER else None))
watch = SaturationWatch(
    store, active=lambda: under_way.count, capacity=10, agent=os.environ["AGENT"], draining=DRAINING.exists
)
pulse.each(store.turn)
pulse.each(watch.saturation.turn)
app = ASGIMiddleware(served, under_way, watch, Beating())
