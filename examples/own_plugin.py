"""
A plugin of your own: a warning for each request that took too long, whatever serves it.

    uvicorn own_plugin:app --app-dir examples
    curl localhost:8000/report
"""

import asyncio
import logging

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import midwatch


class SlowRequests(midwatch.Plugin):
    """Warns of requests that take *threshold* seconds or more."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.log = logging.getLogger("slow")

    def on_finish(self, exchange: midwatch.Exchange) -> None:
        """Called once for each request, after its last byte."""
        if exchange.duration >= self.threshold:
            self.log.warning("%s %s took %.3f s", exchange.method, exchange.route, exchange.duration)


async def report(request: Request) -> PlainTextResponse:
    await asyncio.sleep(float(request.query_params.get("seconds", "0.2")))
    return PlainTextResponse("done\n")


app = Starlette(routes=[Route("/report", report)])
midwatch.install(app, {"service": {"name": "reports"}, "plugins": [SlowRequests(0.1)]})
