"""Two applications that know who asks in as many ways as there are, and a crowd that asks them all at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import flask
from fastapi import BackgroundTasks, Depends, FastAPI, Request

import midwatch
from midwatch.audit import actor, record
from midwatch.audit.audited import audited
from midwatch.testing import call_wsgi

USERS = 200

THREADS = 32


async def known(request: Request) -> str:
    """A dependency that takes its time."""
    await asyncio.sleep(0)
    return request.headers["x-user"]


def known_in_a_thread(request: Request) -> str:
    """A dependency that FastAPI runs in a thread, in a copy of the context."""
    user = request.headers["x-user"]
    actor(user)
    return user


async def session(request: Request) -> AsyncIterator[str]:
    """A dependency that is left after the handler."""
    user = request.headers["x-user"]
    actor(user)
    yield user
    record("session.end", resource=f"user:{user}")


@audited("desk.work", resource="user:{user}")
async def work(user: str) -> None:
    for _ in range(random.randrange(3)):
        await asyncio.sleep(0)


def fastapi_app() -> FastAPI:
    app = FastAPI()

    @app.post("/late")
    async def late(user: Annotated[str, Depends(known)]) -> str:
        """Records first; who it is becomes known later."""
        await work(user)
        actor(user)
        return user

    @app.post("/thread")
    def thread(user: Annotated[str, Depends(known_in_a_thread)]) -> str:
        record("desk.work", resource=f"user:{user}")
        return user

    @app.post("/session")
    async def in_session(user: Annotated[str, Depends(session)]) -> str:
        await asyncio.gather(work(user), asyncio.create_task(work(user)))
        return user

    @app.post("/background")
    async def background(tasks: BackgroundTasks, user: Annotated[str, Depends(known)]) -> str:
        """Works when the response has gone."""
        actor(user)
        tasks.add_task(work, user)
        return user

    return app


def flask_app() -> flask.Flask:
    app = flask.Flask("crowd")

    @audited("desk.work", resource="user:{user}")
    def work(user: str) -> None: ...

    @app.before_request
    def identify() -> None:
        if flask.request.path != "/late":
            actor(flask.request.headers["x-user"])

    @app.post("/late")
    def late() -> str:
        user = flask.request.headers["x-user"]
        work(user)
        actor(user)
        return user

    @app.post("/thread")
    def thread() -> str:
        user = flask.request.headers["x-user"]
        record("desk.work", resource=f"user:{user}")
        return user

    @app.post("/session")
    def streamed() -> Any:
        user = flask.request.headers["x-user"]

        @audited("desk.read", resource="user:{user}")
        def lines(user: str) -> Iterator[str]:
            yield user[:2]
            work(user)
            yield user[2:]

        return app.response_class(flask.stream_with_context(lines(user)))

    @app.post("/background")
    def after() -> Any:
        user = flask.request.headers["x-user"]
        response = flask.make_response(user)
        response.call_on_close(lambda: work(user))
        return response

    return app


PATHS = ("/late", "/thread", "/session", "/background")


def ask_all_by_tasks(app: Any, requests: int) -> dict[str, str]:
    """*requests* of each of `USERS`, all users at once in one event loop; the user of each request id."""
    users: dict[str, str] = {}

    async def request(user: str, number: int) -> None:
        request_id = f"{user}-{number}"
        body: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            await asyncio.sleep(0)
            body.append(message.get("body", b""))

        headers = [(b"x-user", user.encode()), (b"x-request-id", request_id.encode())]
        path = random.choice(PATHS)
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
        await app(scope, receive, send)
        assert b"".join(body).decode() == f'"{user}"'
        users[request_id] = user

    async def visit(user: str) -> None:
        for number in range(requests):
            await request(user, number)

    async def everyone() -> None:
        await asyncio.gather(*(visit(f"user{number}") for number in range(USERS)))

    asyncio.run(everyone())
    return users


def ask_all_by_threads(app: Any, requests: int) -> dict[str, str]:
    """The same, in threads that keep their context from request to request as a server's do."""
    users: dict[str, str] = {}

    def request(user: str, number: int) -> None:
        request_id = f"{user}-{number}"
        headers = [("x-user", user), ("x-request-id", request_id), ("host", "a")]
        answer = call_wsgi(app, "POST", random.choice(PATHS), headers=headers, validate=False)
        assert answer.body.decode() == user
        assert midwatch.current() is None
        users[request_id] = user

    with ThreadPoolExecutor(THREADS) as pool:
        for number in range(requests):
            list(pool.map(request, (f"user{user}" for user in range(USERS)), [number] * USERS))
    return users


def check(events: Any, users: dict[str, str]) -> int:
    """Nobody's name is on anybody else's event; how many events of the application there were."""
    asked, recorded, wrong = set(), 0, []
    for event in events:
        if event["kind"] == "system":
            continue
        user = users[event["request_id"]]
        resource = event.get("resource")
        if event["actor"].get("id") != user or (resource and resource != [{"type": "user", "id": user}]):
            wrong.append(event)
        if event["kind"] == "request":
            assert event["request_id"] not in asked, "one event for each request"
            asked.add(event["request_id"])
        else:
            recorded += 1
    assert wrong == []
    assert asked == users.keys()
    return recorded
