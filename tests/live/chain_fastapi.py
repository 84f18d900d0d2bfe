"""
The first service of a chain: asks the second one with two clients.

`CHAIN_TO` is a JSON list of destinations, `CHAIN_STOCK` the address of the second service.
"""

from __future__ import annotations

import json
import os
from typing import Any

import httpx
import requests
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

import midwatch

STOCK = os.environ["CHAIN_STOCK"]

app = FastAPI()
HTTPXClientInstrumentor().instrument()
instrumented = httpx.AsyncClient(timeout=10)
session = midwatch.trace_client(requests.Session())


@app.get("/orders/{order}")
async def by_httpx(order: int) -> dict[str, Any]:
    """By a client that OpenTelemetry's own instrumentation has wrapped."""
    answer = await instrumented.get(f"{STOCK}/stock/{order}")
    return {**here(), "stock": answer.json()}


@app.get("/offers/{offer}")
def by_requests(offer: int) -> dict[str, Any]:
    """By one of ours, in a thread of the pool."""
    answer = session.get(f"{STOCK}/stock/{offer}", timeout=10)
    return {**here(), "stock": answer.json()}


def here() -> dict[str, str]:
    context = trace.get_current_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


midwatch.install(app, {"service": {"name": "front"}, "trace": {"to": json.loads(os.environ["CHAIN_TO"])}})
