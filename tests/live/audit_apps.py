"""Applications whose audit trail is a store at $MIDWATCH_STORE, which all processes of a server share."""

from __future__ import annotations

import os
from typing import Any

import flask
from fastapi import FastAPI, Request

import midwatch
from midwatch.audit import actor, record

SETTINGS: dict[str, Any] = {
    "service": {"name": "live"},
    "trace": {"to": []},
    "log": False,
    "metrics": False,
    "audit": {
        "store": os.environ["MIDWATCH_STORE"],
        "spill": os.environ["MIDWATCH_SPILL"],
        "checkpoint_every": 1,
        "anchors": [],
    },
}

fastapi_app = FastAPI()


@fastapi_app.post("/orders/{order_id}")
async def order(order_id: int, request: Request) -> int:
    record("order.buy", resource=f"order:{order_id}")
    actor(request.headers["x-user"])
    return os.getpid()


midwatch.install(fastapi_app, SETTINGS)

flask_app = flask.Flask("live")


@flask_app.post("/orders/<int:order_id>")
def flask_order(order_id: int) -> str:
    record("order.buy", resource=f"order:{order_id}")
    actor(flask.request.headers["x-user"])
    return str(os.getpid())


midwatch.install(flask_app, SETTINGS)
