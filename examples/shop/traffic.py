"""Some 200 real requests: what is sent, and what each of them has to leave behind."""

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httpx

__all__ = ["PLAN", "Step", "send"]

AT_ONCE: Final = 3


class Step(NamedTuple):
    """
    One request to the shop.

    Attributes:
        status: What the client is to see.
        user: Whose token goes with it.
        order: Item and count, as the body.
        calls: Requests that the shop then sends to the stock.
        events: Audit events that the shop writes.
        stock_events: Audit events that the stock writes.
        bug: The service that raises.
        leaves: The client hangs up in the middle of the answer.
    """

    method: str
    path: str
    status: int = 200
    user: str | None = None
    order: tuple[int, int] | None = None
    calls: int = 0
    events: int = 0
    stock_events: int = 0
    bug: str | None = None
    leaves: bool = False


def _steps() -> Iterator[Step]:
    items = [item for item in range(1, 25) if item != 13]
    yield from [Step("GET", "/items")] * 50
    yield from (Step("GET", f"/items/{item}", calls=1) for item in items * 2)
    yield from (Step("GET", f"/items/{item}/price?currency=USD") for item in items)
    for number, user in enumerate(("ada", "bob", "cy") * 12):
        yield Step(
            "POST", "/orders", 201, user, (items[number % 23], 1 + number % 3), calls=2, events=2, stock_events=1
        )
    yield from [Step("POST", "/orders", 409, "cy", (7, 5000), calls=2, events=1, stock_events=1)] * 3
    yield from (Step("GET", f"/items/9/price?currency={code}", 500, bug="shop") for code in ("CHF", "NOK", "SEK") * 4)
    yield from [Step("GET", "/items/13", 502, calls=1, bug="stock")] * 6
    yield from [Step("GET", "/sales", 403, "bob", events=1)] * 5
    yield from [Step("POST", "/orders", 401, "eve", (3, 1), events=1)] * 6
    yield from [Step("GET", "/sales", 200, "mel")] * 4
    yield from [Step("GET", "/export", leaves=True)] * 4
    yield from (Step("GET", f"/wp-admin/{number}.php", 404) for number in range(8))


def _shuffled(steps: list[Step]) -> tuple[Step, ...]:
    random.Random(24).shuffle(steps)
    return tuple(steps)


PLAN: Final = _shuffled(list(_steps()))
"""All of them, in an order that is the same each time."""


async def send(url: str, client: httpx.AsyncClient, progress: Callable[[int, int], None]) -> list[str]:
    """
    Send all of them, a few at once.

    Returns:
        a sentence for each answer that is not the expected one; a status of 0 is no answer.
    """
    surprises: list[str] = []
    left = iter(PLAN)
    done = 0

    async def visitor() -> None:
        nonlocal done
        for step in left:
            status = await (_leave(url, step) if step.leaves else _ask(url, step, client))
            if status != step.status:
                surprises.append(f"{step.method} {step.path} was answered {status}, not {step.status}")
            done += 1
            progress(done, len(PLAN))

    async with asyncio.TaskGroup() as visitors:
        for _ in range(AT_ONCE):
            visitors.create_task(visitor())
    return surprises


async def _ask(url: str, step: Step, client: httpx.AsyncClient) -> int:
    headers = {"authorization": f"Bearer {step.user}"} if step.user else {}
    content = {"item": step.order[0], "count": step.order[1]} if step.order else None
    try:
        return (await client.request(step.method, f"{url}{step.path}", headers=headers, json=content)).status_code
    except httpx.TransportError:
        return 0


async def _leave(url: str, step: Step) -> int:
    """Read the beginning of the answer and hang up."""
    address = urlsplit(url)
    try:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(f"{step.method} {step.path} HTTP/1.1\r\nhost: {address.netloc}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readline()
    except (OSError, EOFError):
        return 0
    writer.transport.abort()
    return int(head.split()[1])
