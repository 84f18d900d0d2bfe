"""An application whose figures a real Prometheus fetches; it is ready while the file $MIDWATCH_DIR/ready is there."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI

import midwatch

FOLDER = Path(os.environ["MIDWATCH_DIR"])


def ready() -> bool:
    return (FOLDER / "ready").exists()


SETTINGS: dict[str, Any] = {
    "service": {"name": "orders"},
    "log": {"to": [f"file://{FOLDER}/log.jsonl"]},
    "trace": {"to": [f"file://{FOLDER}/spans.jsonl"]},
    "audit": False,
    "metrics": {
        "names": os.environ.get("NAMES", "otel"),
        "objectives": {"orders": {"match": ["GET /orders/{id}"], "within": 0.5, "target": 0.99}},
    },
    "health": {
        "drain": float(os.environ.get("DRAIN", "0")) or None,
        "checks": {"stock": {"call": ready, "interval": 0.2}},
    },
}

app = FastAPI()


@app.get("/orders/{number}")
async def order(number: int) -> dict[str, int]:
    if number == 13:
        raise ValueError("no such luck")
    return {"order": number}


@app.get("/slow")
async def slow() -> None:
    await asyncio.sleep(0.5)  # what is measured


@app.get("/pid")
async def pid() -> int:
    return os.getpid()


midwatch.install(app, SETTINGS)
