"""`@audited`: one event for each call, with its outcome; and the function stays what it was."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import flask
import pytest
import werkzeug.exceptions
from fastapi import Depends, FastAPI, HTTPException
from hypothesis import given
from hypothesis import strategies as st

from midwatch import ASGIMiddleware, WSGIMiddleware
from midwatch.audit.audited import audited
from midwatch.audit.outcomes import outcome_of_error
from midwatch.audit.template import Template
from midwatch.plugin import failures
from midwatch.testing import call_asgi, call_wsgi


class Order:
    def __init__(self, identity: Any) -> None:
        self.id = identity

    @audited("order.cancel", resource="order:{self.id}")
    def cancel(self) -> str:
        return "gone"

    @audited("order.count", resource="{cls.__name__}")
    @classmethod
    def count(cls) -> int:
        return 3

    @classmethod
    @audited("order.count")
    def count_below(cls) -> int:
        return 4

    @audited("order.price", resource="price:{net}")
    @staticmethod
    def price(net: int) -> int:
        return net * 2


def told(trail: Any) -> list[tuple[Any, ...]]:
    return [(body["action"], body.get("resource"), body["outcome"]) for body in trail.bodies]


# What is called


def test_a_function(trail: Any) -> None:
    @audited("order.refund", resource="order:{order_id}")
    def refund(order_id: int, *, amount: int = 5) -> int:
        """Give it back."""
        return amount

    assert refund(17) == 5
    assert told(trail) == [("order.refund", [{"type": "order", "id": "17"}], "success")]
    assert (refund.__name__, refund.__doc__) == ("refund", "Give it back.")
    assert str(inspect.signature(refund)) == "(order_id: 'int', *, amount: 'int' = 5) -> 'int'"


def test_methods(trail: Any) -> None:
    assert (Order(4).cancel(), Order.count(), Order(1).count_below(), Order.price(2)) == ("gone", 3, 4, 4)
    assert told(trail) == [
        ("order.cancel", [{"type": "order", "id": "4"}], "success"),
        ("order.count", [{"type": "Order"}], "success"),
        ("order.count", None, "success"),
        ("order.price", [{"type": "price", "id": "2"}], "success"),
    ]


def test_a_coroutine(trail: Any) -> None:
    """Over when it was awaited, not when it was called."""

    @audited("order.refund", resource="order:{order_id}")
    async def refund(order_id: int) -> int:
        await asyncio.sleep(0)
        assert trail.bodies == []
        return order_id

    assert inspect.iscoroutinefunction(refund)
    assert asyncio.run(refund(3)) == 3
    assert told(trail) == [("order.refund", [{"type": "order", "id": "3"}], "success")]


def test_a_coroutine_that_a_decorator_hides(trail: Any) -> None:
    async def refund(order_id: int) -> int:
        await asyncio.sleep(0)
        raise PermissionError(order_id)

    def hide(function: Any) -> Any:
        return lambda *args: function(*args)

    watched = audited("order.refund")(hide(refund))
    coroutine = watched(3)
    assert trail.bodies == []
    with pytest.raises(PermissionError):
        asyncio.run(coroutine)
    assert told(trail) == [("order.refund", None, "denied")]


@pytest.mark.parametrize("how", ["partial", "callable object"])
def test_other_coroutine_functions(trail: Any, how: str) -> None:
    class Refund:
        async def __call__(self, order_id: int) -> int:
            return order_id

    watched: Any = audited("order.refund", resource="order:{order_id}")(
        Refund() if how == "callable object" else functools.partial(Refund().__call__, order_id=3)
    )
    assert inspect.iscoroutinefunction(watched)
    assert asyncio.run(watched(order_id=3)) == 3
    assert told(trail) == [("order.refund", [{"type": "order", "id": "3"}], "success")]


def test_a_generator(trail: Any) -> None:
    """Over when it is exhausted; what is sent, thrown and returned passes."""

    @audited("report.read", resource="report:{name}")
    def lines(name: str) -> Any:
        got = yield name
        try:
            yield got
        except KeyError:
            yield "caught"
        return "end"

    assert inspect.isgeneratorfunction(lines)
    running = lines("year")
    assert (next(running), running.send(7), running.throw(KeyError())) == ("year", 7, "caught")
    assert trail.bodies == []
    with pytest.raises(StopIteration) as stopped:
        next(running)
    assert stopped.value.value == "end"
    assert told(trail) == [("report.read", [{"type": "report", "id": "year"}], "success")]


def test_a_generator_that_is_not_read_to_its_end(trail: Any) -> None:
    cleaned: list[str] = []

    @audited("report.read")
    def lines() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            cleaned.append("up")

    running: Any = lines()
    next(running)
    running.close()
    assert cleaned == ["up"]
    assert told(trail) == [("report.read", None, "aborted")]


def test_an_async_generator(trail: Any) -> None:
    """What is sent and thrown in belongs to the function itself, as FastAPI's dependencies need."""
    cleaned: list[str] = []

    @audited("report.read", resource="report:{name}")
    async def lines(name: str) -> Any:
        try:
            got = yield name
            try:
                yield got
            except KeyError:
                yield "caught"
        finally:
            cleaned.append(name)

    assert inspect.isasyncgenfunction(lines)

    async def read() -> None:
        running = lines("year")
        assert (await anext(running), await running.asend(7), await running.athrow(KeyError())) == ("year", 7, "caught")
        with pytest.raises(StopAsyncIteration):
            await anext(running)
        running = lines("month")
        await anext(running)
        await running.aclose()
        running = lines("day")
        await anext(running)
        with pytest.raises(ValueError, match="no"):
            await running.athrow(ValueError("no"))

    asyncio.run(read())
    assert cleaned == ["year", "month", "day"]
    assert [body["outcome"] for body in trail.bodies] == ["success", "aborted", "error"]


# Outcomes


class Forbidden(PermissionError):
    status_code = 500


def django(name: str, module: str) -> Exception:
    kind = type(name, (Exception,), {"__module__": module})
    error: Exception = kind()
    return error


def upstream() -> Exception:
    """Of a call that the application made: for its own caller that is an error."""
    import httpx

    request = httpx.Request("GET", "http://a")
    return httpx.HTTPStatusError("no", request=request, response=httpx.Response(403, request=request))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (PermissionError("no"), "denied"),
        (Forbidden(), "denied"),
        (HTTPException(401), "denied"),
        (HTTPException(403), "denied"),
        (HTTPException(451), "denied"),
        (HTTPException(404), "failure"),
        (HTTPException(422), "failure"),
        (HTTPException(503), "error"),
        (HTTPException(304), "success"),
        (werkzeug.exceptions.Forbidden(), "denied"),
        (werkzeug.exceptions.Unauthorized(), "denied"),
        (werkzeug.exceptions.NotFound(), "failure"),
        (werkzeug.exceptions.InternalServerError(), "error"),
        (werkzeug.exceptions.HTTPException(response=flask.Response(status=403)), "denied"),
        (werkzeug.exceptions.HTTPException(), "error"),
        (django("PermissionDenied", "django.core.exceptions"), "denied"),
        (django("Http404", "django.http.response"), "failure"),
        (django("PermissionDenied", "elsewhere"), "error"),
        (ValueError("bug"), "error"),
        (upstream(), "error"),
        (asyncio.CancelledError(), "aborted"),
        (KeyboardInterrupt(), "aborted"),
        (SystemExit(404), "aborted"),
        (GeneratorExit(), "aborted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value,
)
def test_the_outcome_of_an_exception(trail: Any, error: BaseException, outcome: str) -> None:
    @audited("order.refund")
    def refund() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        refund()
    assert raised.value is error
    assert trail.body["outcome"] == outcome == outcome_of_error(error)
    assert "no" not in str(trail.body.get("reason")), "what an exception says stays with it"


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (None, "success"),
        ("gone", "success"),
        (flask.Response(status=404), "failure"),
        (flask.Response(status=403), "denied"),
        (flask.Response(status=302), "success"),
        (("no", 404), "failure"),
        (("no", 500, {}), "error"),
        (("yes", 201), "success"),
        ((1, 2, 3), "success"),
        (("a", "403"), "success"),
    ],
)
def test_the_outcome_of_what_is_returned(trail: Any, value: Any, outcome: str) -> None:
    assert audited("order.refund")(lambda: value)() is value
    assert trail.body["outcome"] == outcome


def test_cancelled(trail: Any) -> None:
    @audited("order.refund")
    async def refund() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.ensure_future(refund())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert trail.body["outcome"] == "aborted"


# Resources


def keyword(order: Any, **rest: Any) -> None: ...


@pytest.mark.parametrize(
    ("template", "args", "kwargs", "resource"),
    [
        ("order", (1,), {}, {"type": "order"}),
        ("order:{order}", (1,), {}, {"type": "order", "id": "1"}),
        ("order:{order}", (), {"order": "a:b"}, {"type": "order", "id": "a:b"}),
        ("{order}:x", ("a:b",), {}, {"type": "a:b", "id": "x"}),
        ("order:{order.id}", (Order(5),), {}, {"type": "order", "id": "5"}),
        ("order:{order[id]}", ({"id": 6},), {}, {"type": "order", "id": "6"}),
        ("order:{order[0]}/{order[1]}", ((1, 2),), {}, {"type": "order", "id": "1/2"}),
        ("order:{order.id}", (None,), {}, {"type": "order", "id": "?"}),
        ("order:{order}", (None,), {}, {"type": "order", "id": "?"}),
        ("order:{tenant}", (1,), {"tenant": "t"}, {"type": "order", "id": "t"}),
        ("order:{tenant}", (1,), {}, {"type": "order", "id": "?"}),
        ("{{order}}:{order}", (1,), {}, {"type": "{order}", "id": "1"}),
        ("{order}", ("user:7",), {}, {"type": "user", "id": "7"}),
    ],
)
def test_a_template(trail: Any, template: str, args: Any, kwargs: Any, resource: Any) -> None:
    audited("order.refund", resource=template)(keyword)(*args, **kwargs)
    assert trail.body["resource"] == [resource]


def test_what_was_made_is_known_when_it_is_returned(trail: Any) -> None:
    @audited("order.create", resource="order:{return.id}")
    def create(fails: bool) -> Order:
        if fails:
            raise KeyError
        return Order(9)

    create(fails=False)
    with pytest.raises(KeyError):
        create(fails=True)
    assert [body["resource"][0]["id"] for body in trail.bodies] == ["9", "?"]


def test_a_resource_is_named_before_the_call_changes_it(trail: Any) -> None:
    @audited("order.rename", resource="order:{order.id}")
    def rename(order: Order) -> None:
        order.id = "new"

    rename(Order("old"))
    assert trail.body["resource"] == [{"type": "order", "id": "old"}]


def test_a_callable(trail: Any) -> None:
    @audited("order.merge", resource=lambda one, other: [f"order:{one}", {"type": "order", "id": other}])
    def merge(one: int, other: int) -> None: ...

    merge(1, other=2)
    assert trail.body["resource"] == [{"type": "order", "id": "1"}, {"type": "order", "id": "2"}]


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_it_never_raises(trail: Any) -> None:
    """Neither a resource that fails nor arguments that do stop the call; its own errors leave as they are."""

    def broken(order: Any) -> str:
        raise RuntimeError

    before = sum(failures.values())
    assert audited("a", resource=broken)(lambda order: order)(1) == 1
    assert sum(failures.values()) == before + 1
    assert audited("b", resource="order:{order}/{order.id}")(lambda order: 2)(Hostile()) == 2
    with pytest.raises(TypeError, match="argument"):
        audited("c", resource="order:{order}")(lambda order: 3)(1, 2, 3)  # type: ignore[call-arg]
    assert [(body["action"], body["outcome"]) for body in trail.bodies] == [
        ("a", "success"),
        ("b", "success"),
        ("c", "error"),
    ]


def test_without_a_trail_the_function_works_all_the_same() -> None:
    assert audited("order.refund")(lambda: 5)() == 5


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("order:{ordr}", "no argument 'ordr', only order"),
        ("order:{order!r}", "the name of an argument"),
        ("order:{order:>5}", "the name of an argument"),
        ("order:{}", "the name of an argument"),
        ("order:{0}", "the name of an argument"),
        ("order:{order", "expected '}'"),
        ("order:}", "Single '}'"),
    ],
)
def test_a_wrong_template_is_found_when_the_module_is_read(template: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        audited("order.refund", resource=template)(lambda order: None)


async def named(order: int) -> str:
    return str(order)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: audited(keyword),  # type: ignore[arg-type]
        lambda: audited("a", resource=5),
        lambda: audited("a", resource=named),
        lambda: audited("a")(Order),
        lambda: audited("a")(5),  # type: ignore[type-var]
    ],
)
def test_wrong_use_is_found_when_the_module_is_read(wrong: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="audited"):
        wrong()


@given(st.text(max_size=60) | st.text("{}:.[]!ordex ", max_size=30), st.text(max_size=40) | st.integers() | st.none())
def test_any_template_is_refused_or_renders(text: str, value: Any) -> None:
    """With whatever argument; and what an argument says never becomes the type."""
    try:
        template = Template(text, lambda order: order)
    except ValueError:
        return
    resource = template.render(template.arguments((value,), {}))
    assert isinstance(resource, str) or resource.keys() == {"type", "id"}
    assert Template("order:{order}", lambda order: order).render({"order": value}) == {
        "type": "order",
        "id": "?" if value is None else str(value),
    }


# Frameworks


def require_login(function: Any) -> Any:
    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        raise PermissionError

    return checked


def test_fastapi_sees_the_signature(trail: Any) -> None:
    """Parameters, dependencies and a response model, with annotations as text and names of this module."""
    app = FastAPI()

    @app.post("/orders/{order_id}/refund")
    @audited("order.refund", resource="order:{order_id}")
    async def refund(
        order_id: int, amount: int, note: str = "none", user: Annotated[str, Depends(user)] = ""
    ) -> dict[str, Any]:
        if amount > 100:
            raise HTTPException(403)
        return {"order": order_id, "amount": amount, "note": note, "user": user}

    @app.get("/orders/{order_id}")
    @audited("order.read", resource="order:{order_id}")
    def read(order_id: int, found: Annotated[Order, Depends(watched_load)]) -> str:
        return f"{order_id} {found.id}"

    watched = ASGIMiddleware(app, trail.plugin)

    def call(method: str, path: str, query: bytes = b"") -> tuple[int | None, Any]:
        answer = call_asgi(watched, method, path, scope={"query_string": query})
        return answer.status, json.loads(answer.body)

    assert call("POST", "/orders/17/refund", b"amount=5") == (
        200,
        {"order": 17, "amount": 5, "note": "none", "user": "u1"},
    )
    assert call("POST", "/orders/17/refund", b"amount=500")[0] == 403
    assert call("POST", "/orders/x/refund", b"amount=5")[0] == 422
    assert call("GET", "/orders/3") == (200, "3 8")
    actions = [told for told in told(trail) if "." in told[0]]
    assert actions == [
        ("order.refund", [{"type": "order", "id": "17"}], "success"),
        ("order.refund", [{"type": "order", "id": "17"}], "denied"),
        ("order.read", [{"type": "order", "id": "3"}], "success"),
        ("order.load", None, "success"),
    ]
    parameters = app.openapi()["paths"]["/orders/{order_id}/refund"]["post"]["parameters"]
    assert [(one["name"], one["schema"]["type"]) for one in parameters] == [
        ("order_id", "integer"),
        ("amount", "integer"),
        ("note", "string"),
    ]


async def user() -> str:
    return "u1"


async def load() -> AsyncIterator[Order]:
    yield Order(8)


watched_load = audited("order.load")(load)


@audited("session")
async def session() -> AsyncIterator[str]:
    try:
        yield "session"
    except ValueError:
        rolled_back.append("session")
        raise


rolled_back: list[str] = []


def test_a_dependency_still_sees_the_exception(trail: Any) -> None:
    """What a handler raises is thrown into its dependencies: a session rolls back."""
    app = FastAPI()

    @app.post("/bug")
    async def bug(name: Annotated[str, Depends(session)]) -> None:
        raise ValueError(name)

    rolled_back.clear()
    call_asgi(ASGIMiddleware(app, trail.plugin), "POST", "/bug")
    assert rolled_back == ["session"]
    assert ("session", None, "error") in told(trail)


def test_above_and_below_other_decorators(trail: Any) -> None:
    """Above one that refuses the call, the refusal is an event; below it, there was no call."""
    app = flask.Flask("orders")

    @app.post("/above/<int:order_id>")
    @audited("order.refund", resource="order:{order_id}")
    @require_login
    def above(order_id: int) -> str:
        raise NotImplementedError

    @app.post("/below")
    @require_login
    @audited("order.refund")
    def below() -> str:
        raise NotImplementedError

    @app.post("/status")
    @audited("order.read")
    def status() -> Any:
        flask.abort(404)

    app.wsgi_app = WSGIMiddleware(app.wsgi_app, trail.plugin)  # type: ignore[method-assign]
    for path in ("/above/3", "/below", "/status"):
        call_wsgi(app, "POST", path)
    assert [told for told in told(trail) if "." in told[0]] == [
        ("order.refund", [{"type": "order", "id": "3"}], "denied"),
        ("order.read", None, "failure"),
    ]
    assert (above.__name__, below.__name__) == ("above", "below")
