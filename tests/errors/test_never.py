"""What is no error: answers below 500, answers that the application chose, clients that left, cancellations."""

from __future__ import annotations

import asyncio
from typing import Any

import flask
import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect
from werkzeug.exceptions import HTTPException as WerkzeugHTTPException
from werkzeug.exceptions import NotFound

import midwatch
from midwatch import ASGIMiddleware, ErrorReport
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi

SETTINGS: dict[str, Any] = {"log": False}


class Coded(Exception):
    """Says 404, and nobody turns it into one."""

    status_code = code = 404


@pytest.mark.parametrize("status", [200, 302, 404, 422, 499, 500, 503])
def test_a_response_is_no_exception(door: Any, lines: Any, status: int) -> None:
    """Whatever its status: the request line says that."""
    assert door.call(door.watch(ScriptedApp(status=status), ErrorReport())).status == status
    assert lines.all == []


@pytest.mark.parametrize("error", [Coded(), StarletteHTTPException(404), NotFound(), HTTPException(503)])
def test_what_nobody_turned_into_an_answer_is_an_error(door: Any, lines: Any, error: Exception) -> None:
    """The client got a 500, whatever the exception says of itself."""
    assert door.call(door.watch(ScriptedApp(error=error), ErrorReport())).status == 500
    assert lines.one["exception.type"].endswith(type(error).__qualname__)


class Order(BaseModel):
    size: int


def fastapi_app() -> FastAPI:
    app = FastAPI()

    @app.get("/status/{status}")
    def chosen(status: int) -> None:
        raise HTTPException(status)

    @app.post("/orders")
    def order(order: Order) -> None: ...

    @app.get("/wrong", response_model=Order)
    def wrong() -> Any:
        return {"size": "seven"}

    return app


@pytest.mark.parametrize("path", ["/status/404", "/status/401", "/status/500", "/status/503", "/nowhere"])
def test_fastapi_s_answers_are_no_errors(path: str, lines: Any) -> None:
    """HTTPException of any status was meant to be an answer."""
    answer = call_asgi(midwatch.install(fastapi_app(), SETTINGS), path=path)
    assert str(answer.status) == path[-3:] or answer.status == 404
    assert lines.all == []


def test_fastapi_s_refusals_are_no_errors(lines: Any) -> None:
    """RequestValidationError has no status_code of its own; a response that does not validate is an error."""
    app = midwatch.install(fastapi_app(), SETTINGS)
    json = [("host", "x"), ("content-type", "application/json")]
    assert call_asgi(app, "POST", "/orders", headers=json, body=b'{"size": "big"}').status == 422
    assert call_asgi(app, "POST", "/orders", headers=json, body=b"{torn").status == 422
    assert lines.all == []
    assert call_asgi(app, path="/wrong").status == 500
    assert lines.one["exception.type"].endswith("ResponseValidationError")


@pytest.mark.parametrize("status", [400, 404, 418, 500, 503])
def test_flask_s_answers_are_no_errors(status: int, lines: Any) -> None:
    """abort(), raised or handled, was meant to be an answer."""
    app = flask.Flask("shop")
    app.add_url_rule("/", view_func=lambda: flask.abort(status))
    midwatch.install(app, SETTINGS)
    assert call_wsgi(app).status == status
    app = flask.Flask("shop")
    app.add_url_rule("/", view_func=lambda: flask.abort(status))
    app.register_error_handler(WerkzeugHTTPException, lambda error: ("sorry", error.code))
    assert call_wsgi(midwatch.install(app, SETTINGS)).status == status
    assert lines.all == []


@pytest.mark.parametrize(("path", "status"), [("/missing", 404), ("/denied", 403), ("/nowhere", 404)])
@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_django_s_answers_are_no_errors(kind: str, path: str, status: int, django: Any, lines: Any) -> None:
    """Http404, PermissionDenied."""
    call: Any = call_asgi if kind == "asgi" else call_wsgi
    assert call(midwatch.install(django[kind](), SETTINGS), path=path).status == status
    assert lines.all == []


async def reads(request: Any) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def streams(request: Any) -> PlainTextResponse:
    try:
        return await reads(request)
    except ClientDisconnect as error:
        raise RuntimeError("no body") from error


async def as_uvicorn(app: Any) -> None:
    """To a client that has left, uvicorn sends nothing and says nothing."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None: ...

    await app({"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}, receive, send)


@pytest.mark.parametrize("endpoint", [reads, streams])
@pytest.mark.parametrize("inside", [False, True])
def test_a_client_that_leaves_while_it_sends_is_no_error(endpoint: Any, inside: bool, lines: Any) -> None:
    """ClientDisconnect, or what was raised from it; also through a middleware that has tasks of its own."""

    async def dispatch(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    middleware = [Middleware(BaseHTTPMiddleware, dispatch=dispatch)] if inside else []
    app = Starlette(routes=[Route("/", endpoint, methods=["POST"])], middleware=middleware)
    midwatch.install(app, SETTINGS)
    assert isinstance(call_asgi(app, "POST", body=b"x", leave_after=0).error, OSError)
    with pytest.raises(ClientDisconnect if endpoint is reads else RuntimeError):
        asyncio.run(as_uvicorn(app))
    assert lines.all == []


def test_a_websocket_that_is_closed_is_no_error(websocket: Any, lines: Any) -> None:
    """WebSocketDisconnect that an endpoint lets through."""

    async def chat(socket: Any) -> None:
        await socket.accept()
        while True:
            await socket.receive_text()

    app = midwatch.install(Starlette(routes=[WebSocketRoute("/chat", chat)]), SETTINGS)
    for code in (1000, 1001, 1006):
        closed = websocket(
            app, {"type": "websocket.receive", "text": "a"}, {"type": "websocket.disconnect", "code": code}
        )
        assert isinstance(closed.error, WebSocketDisconnect | None)
    assert lines.all == []


def test_an_error_of_a_websocket_is_one(websocket: Any, lines: Any) -> None:
    """Whether or not it was accepted, and before the client left."""

    async def chat(socket: Any) -> None:
        await socket.accept()
        raise ValueError("bug")

    websocket(midwatch.install(Starlette(routes=[WebSocketRoute("/chat", chat)]), SETTINGS))
    assert lines.one["exception.message"] == "bug"


def test_the_server_s_broken_pipe_is_no_error(door: Any, lines: Any) -> None:
    """What send() raises when the client left, also from within a generator; another OSError is one."""
    door.call(door.watch(ScriptedApp(chunks=(b"a", b"b", b"c")), ErrorReport()), leave_after=1)
    assert lines.all == []
    door.call(door.watch(ScriptedApp(error=BrokenPipeError("to the database")), ErrorReport()))
    assert lines.one["exception.type"] == "BrokenPipeError"


def test_cancellation_is_no_error(lines: Any) -> None:
    """A server that stops, or a timeout, cancels the application."""

    async def serve() -> None:
        started = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            started.set()
            await asyncio.Event().wait()

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
        task = asyncio.create_task(ASGIMiddleware(app, ErrorReport())(scope, None, None))  # type: ignore[arg-type]
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(serve())
    assert lines.all == []


@pytest.mark.parametrize("leaving", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_leaving_is_no_error(lines: Any, leaving: type[BaseException]) -> None:
    """What is no Exception ends the process, or a generator, on purpose."""

    def app(environ: Any, start_response: Any) -> Any:
        raise leaving

    with pytest.raises(leaving):
        midwatch.WSGIMiddleware(app, ErrorReport())({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: print)
    assert lines.all == []


def bug() -> None:
    raise ValueError("mail server down")


def test_background_tasks_are_errors(lines: Any) -> None:
    """Once, after the response, which is whole; of Starlette and of FastAPI."""
    fastapi = FastAPI()

    @fastapi.get("/")
    def order(tasks: BackgroundTasks) -> str:
        tasks.add_task(bug)
        return "ordered"

    async def endpoint(request: Any) -> PlainTextResponse:
        return PlainTextResponse("ordered", background=BackgroundTask(bug))

    settings = {**SETTINGS, "errors": {"respond": "problem+json"}}
    for app in (fastapi, Starlette(routes=[Route("/", endpoint)])):
        answer = call_asgi(midwatch.install(app, settings))
        assert (answer.status, b"ordered" in answer.body) == (200, True)
    assert [line["exception.message"] for line in lines.all] == ["mail server down"] * 2
    assert {line["http.route"] for line in lines.all} == {"/"}
