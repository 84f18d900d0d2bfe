"""Applications for real servers; everything they say goes to files in $MIDWATCH_DIR."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import flask
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

import midwatch

FOLDER = os.environ["MIDWATCH_DIR"]

SETTINGS: dict[str, Any] = {
    "service": {"name": "live"},
    "trace": {"to": [f"file://{FOLDER}/spans.jsonl"]},
    "log": {"to": [f"file://{FOLDER}/log.jsonl"]},
    "audit": {"to": f"file://{FOLDER}/audit.jsonl"},
}

fastapi_app = FastAPI()


@fastapi_app.post("/orders")
async def order() -> dict[str, str]:
    return {"order": "ok"}


@fastapi_app.get("/bug")
async def bug() -> None:
    raise ValueError("bug")


@fastapi_app.get("/endless")
async def endless() -> StreamingResponse:
    async def chunks() -> Any:
        import asyncio

        while True:
            yield b"x" * 65536
            await asyncio.sleep(0)

    return StreamingResponse(chunks())


midwatch.install(fastapi_app, SETTINGS)

flask_app = flask.Flask("live")


@flask_app.post("/orders")
def flask_order() -> dict[str, str]:
    return {"order": "ok"}


@flask_app.get("/bug")
def flask_bug() -> str:
    raise ValueError("bug")


@flask_app.get("/endless")
def flask_endless() -> Any:
    def chunks() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    return flask_app.response_class(chunks())


@flask_app.get("/file")
def flask_file() -> Any:
    return flask.send_file(__file__)


midwatch.install(flask_app, SETTINGS)


async def _bare(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http", "knows no lifespan"
    if scope["path"] == "/bug":
        raise ValueError("bug")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


bare_app = midwatch.install(_bare, SETTINGS)


def _bare_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    if environ["PATH_INFO"] == "/bug":
        raise ValueError("bug")
    start_response("200 OK", [("content-length", "2")])
    return [b"ok"]


bare_wsgi_app = midwatch.install(_bare_wsgi, SETTINGS)
