"""
A shop that asks a stock service: FastAPI, watched by Midwatch.

    SHOP_DIR=/tmp STOCK_URL=http://localhost:8001 uvicorn shop:app --app-dir examples/shop

Users are tokens of a dict: `Bearer ada` is a customer, `Bearer mel` the manager.
"""

import asyncio
import itertools
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import httpx
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

import midwatch

STOCK = os.environ.get("STOCK_URL", "http://localhost:8001")
FILES = Path(os.environ.get("SHOP_DIR", ".")).resolve().as_uri()


probe = httpx.Client(base_url=STOCK, timeout=1)


def stock_answers() -> None:
    """Ready only while the stock answers; a plain function is run in a thread."""
    probe.get("/health/live").raise_for_status()


SETTINGS: dict[str, Any] = {
    "service": {"name": "shop", "version": "2.3.0", "environment": "demo"},
    "trace": {"to": [f"{FILES}/shop.spans.jsonl"]},
    "log": {"to": [f"{FILES}/shop.log.jsonl"]},
    "audit": {"to": f"{FILES}/shop.audit.jsonl"},
    "health": {"checks": {"stock": {"call": stock_answers, "groups": ["ready"], "timeout": 1.5}}},
}
if off := os.environ.get("SHOP_WITHOUT"):
    SETTINGS[off] = False  # lets the demo show that it notices

log = logging.getLogger("shop")
logging.getLogger("httpx").setLevel("WARNING")  # its lines say what our client spans say
stock = midwatch.trace_client(httpx.AsyncClient(base_url=STOCK, headers={"x-service-key": "shop-key"}))


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    with probe:
        async with stock:
            yield


app = FastAPI(lifespan=lifespan)
midwatch.install(app, SETTINGS)


class User(NamedTuple):
    """Who a token belongs to."""

    id: str
    role: str


USERS = {name: User(name, "customer") for name in ("ada", "bob", "cy")} | {"mel": User("mel", "manager")}


async def signed_in(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> User:
    user = USERS.get(bearer.credentials) if bearer else None
    if user is None:
        raise HTTPException(401, "unknown user", {"www-authenticate": "Bearer"})
    midwatch.audit.actor(user.id)
    return user


SignedIn = Annotated[User, Depends(signed_in)]


async def manager(user: SignedIn) -> User:
    if user.role != "manager":
        raise HTTPException(403, "managers only")
    return user


RATES = {"EUR": 100, "USD": 116, "GBP": 86}
PRICES = {item: 900 + 250 * item for item in range(1, 25)}


class UnknownCurrencyError(LookupError):
    """The bug: nobody catches this."""


def rate_of(currency: str) -> int:
    if currency not in RATES:
        raise UnknownCurrencyError(f"no rate for {currency}")
    return RATES[currency]


def price_in(currency: str, item: int) -> int:
    return PRICES[item] * rate_of(currency) // 100


async def ask_stock(method: str, path: str, **content: Any) -> dict[str, Any]:
    answer = await stock.request(method, path, **content)
    if answer.status_code >= 500:
        raise HTTPException(502, "the stock failed")
    if answer.is_error:
        raise HTTPException(answer.status_code, answer.json()["detail"])
    found: dict[str, Any] = answer.json()
    return found


@app.get("/items")
async def browse() -> list[dict[str, int]]:
    return [{"item": item, "cents": cents} for item, cents in PRICES.items()]


@app.get("/items/{item}")
async def one_item(item: int) -> dict[str, Any]:
    return {"cents": PRICES[item], **await ask_stock("GET", f"/shelves/{item}")}


@app.get("/items/{item}/price")
async def price(item: int, currency: str = "EUR") -> dict[str, int]:
    return {"cents": price_in(currency, item)}


class Wanted(BaseModel):
    """An order, as a customer sends it."""

    item: int
    count: int = 1


numbers = itertools.count(1)


@app.post("/orders", status_code=201)
async def order(wanted: Wanted, user: SignedIn) -> dict[str, int]:
    await ask_stock("GET", f"/shelves/{wanted.item}")
    await ask_stock("POST", f"/shelves/{wanted.item}/reservations", json={"count": wanted.count})
    number = next(numbers)
    midwatch.audit.record("order.create", resource=f"order:{number}")
    log.info("order %d taken: %d of item %d for %s", number, wanted.count, wanted.item, user.id)
    return {"order": number}


@app.get("/sales", dependencies=[Depends(manager)])
async def sales() -> dict[str, int]:
    await asyncio.sleep(0.25)  # the slow call: somebody forgot an index
    return {"orders": 17}


@app.get("/export")
async def export() -> StreamingResponse:
    async def rows() -> AsyncIterator[str]:
        for item, cents in itertools.cycle(PRICES.items()):
            yield f"{item};{cents}\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(rows(), media_type="text/csv")
