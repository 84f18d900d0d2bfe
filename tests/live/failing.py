"""
Services that fail in three ways, and tell a tracker.

TRACKER is where to, BESIDE the DSN of sentry-sdk, where it is used too, CANARY a secret.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import flask
from fastapi import FastAPI, Request

from midwatch import ASGIMiddleware, Tracing, WSGIMiddleware
from midwatch.errors import ErrorReport
from midwatch.errors.destinations import destinations_of
from midwatch.frameworks.flask import wrap_flask
from midwatch.frameworks.starlette import wrap_starlette
from midwatch.service import Service

CANARY = os.environ["CANARY"]

if "BESIDE" in os.environ:
    import sentry_sdk

    sentry_sdk.init(dsn=os.environ["BESIDE"], traces_sample_rate=1.0)


class OutOfStock(Exception):
    """An exception of the application."""


def reserve(number: int) -> None:
    secret = CANARY  # noqa: F841 - trackers show variables, if they are told
    raise OutOfStock(f"order {number}: cannot ask postgresql://shop:{CANARY}@db/{number}")


def look_up(number: int) -> None:
    orders: dict[int, str] = {}
    try:
        orders[number]
    except KeyError as error:
        error.add_note(f"Authorization: Bearer {CANARY}")
        raise LookupError(f"no order {number}") from error


async def fan_out(number: int) -> None:
    async def child(name: str) -> None:
        raise OutOfStock(f"{name} of order {number}")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(child("lamp"))
        tasks.create_task(child("desk"))


service = Service("shop", "1.4.2", "live")
plugins = (Tracing(), ErrorReport(to=destinations_of(["log", os.environ["TRACKER"]], service)))

app = FastAPI()


@app.get("/reserve/{number}")
def reserve_route(number: int) -> None:
    reserve(number)


@app.get("/look-up/{number}")
async def look_up_route(number: int, request: Request) -> None:
    look_up(number)


@app.get("/fan-out/{number}")
async def fan_out_route(number: int) -> None:
    await fan_out(number)


wrap_starlette(app, lambda inner, framework: ASGIMiddleware(inner, *plugins, framework=framework))

wsgi_app = flask.Flask("shop")


@wsgi_app.get("/reserve/<int:number>")
def wsgi_reserve(number: int) -> str:
    reserve(number)
    return ""


@wsgi_app.get("/look-up/<int:number>")
def wsgi_look_up(number: int) -> str:
    look_up(number)
    return ""


@wsgi_app.get("/fan-out/<int:number>")
def wsgi_fan_out(number: int) -> Any:
    asyncio.run(fan_out(number))


wrap_flask(wsgi_app, lambda inner, framework: WSGIMiddleware(inner, *plugins, framework=framework))
