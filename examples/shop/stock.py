"""
What the shop has on its shelves: Flask, watched by Midwatch.

    cd examples/shop
    SHOP_DIR=/tmp gunicorn --config gunicorn_conf.py --bind localhost:8001 stock:app
"""

import hmac
import os
import threading
from pathlib import Path
from typing import Any

from flask import Flask, abort, request
from werkzeug.exceptions import HTTPException

import midwatch

FILES = Path(os.environ.get("SHOP_DIR", ".")).resolve().as_uri()
KEYS = {"shop": "shop-key"}

shelves = {item: 1000 for item in range(1, 25) if item != 13}
lock = threading.Lock()


def filled() -> bool:
    """A check of the health endpoint."""
    return any(shelves.values())


app = Flask(__name__)
app.config["MIDWATCH"] = {
    "service": {"name": "stock", "version": "1.0.4", "environment": "demo"},
    "trace": {"to": [f"{FILES}/stock.spans.jsonl"]},
    "log": {"to": [f"{FILES}/stock.log.jsonl"]},
    "audit": {"to": f"{FILES}/stock.audit.jsonl"},
    "health": {"checks": {"shelves": {"call": filled, "groups": ["ready"]}}},
}
if off := os.environ.get("SHOP_WITHOUT"):
    app.config["MIDWATCH"][off] = False  # lets the demo show that it notices


class ShelfMissingError(LookupError):
    """The bug: nobody catches this."""


def shelf_of(item: int) -> int:
    if item not in shelves:
        raise ShelfMissingError(f"item {item} is on no shelf")
    return item


def left_of(item: int) -> int:
    return shelves[shelf_of(item)]


@app.before_request
def signed_in() -> None:
    key = request.headers.get("x-service-key", "")
    for service, expected in KEYS.items():
        if hmac.compare_digest(key.encode(), expected.encode()):
            midwatch.audit.actor(service, type="service")
            return
    abort(401, "unknown service")


@app.errorhandler(HTTPException)
def refused(error: HTTPException) -> tuple[dict[str, Any], int]:
    return {"detail": error.description}, error.code or 500


@app.get("/shelves/<int:item>")
def shelf(item: int) -> dict[str, int]:
    return {"item": item, "left": left_of(item)}


@app.post("/shelves/<int:item>/reservations")
def reserve(item: int) -> tuple[dict[str, int], int]:
    count = int(request.get_json()["count"])
    with lock:
        left = left_of(item) - count
        if left < 0:
            abort(409, "not enough left")
        shelves[item] = left
    app.logger.info("item %d: %d reserved, %d left", item, count, left)
    return {"left": left}, 201


midwatch.install(app)
