"""`midwatch.carry`: trace and exchange where a context does not go by itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import INVALID_SPAN, get_current_span

import midwatch
from midwatch import Exchange, Tracing
from midwatch.testing import ScriptedApp

if TYPE_CHECKING:
    from midwatch.tracing import Span


def where() -> tuple[Exchange | None, Any]:
    """What the context says, in two ways that have to agree."""
    exchange = midwatch.current()
    span = get_current_span()
    assert exchange is None or exchange.span is span
    return exchange, span


def in_a_request(door: Any, handler: Any) -> None:
    assert door.call(door.watch(ScriptedApp(before=handler), Tracing())).error is None


def run_thread(function: Any) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def run_pool(function: Any) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(10)


def run_loop(function: Any) -> Any:
    async def run() -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, function)

    return run_pool(lambda: asyncio.run(run()))


def run_gevent(function: Any) -> Any:
    import gevent

    return gevent.spawn(function).get(timeout=10)


@pytest.mark.parametrize("elsewhere", [run_thread, run_pool, run_loop, run_gevent])
def test_it_goes_along(door: Any, elsewhere: Any) -> None:
    """Into threads, executors and greenlets; what was current there is so again afterwards."""

    def handler() -> None:
        here = where()
        assert here[0] is not None
        assert elsewhere(where) == (None, INVALID_SPAN)
        assert elsewhere(midwatch.carry(where)) == here

        carried = midwatch.carry(where)
        assert elsewhere(lambda: (carried(), where())) == (here, (None, INVALID_SPAN))

    in_a_request(door, handler)


def test_a_span_of_a_thread(door: Any) -> None:
    """It nests below that of the request."""
    spans: list[Any] = []

    @midwatch.span("work")
    def work() -> None: ...

    app = ScriptedApp(before=lambda: run_thread(midwatch.carry(work)))
    door.call(door.watch(app, Tracing(to=[spans.append])))
    assert spans[0].name == "work"
    assert spans[0].parent_id == spans[1].span_id


@pytest.mark.usefixtures("current")
def test_results_arguments_and_exceptions_are_the_functions() -> None:
    error = ValueError("x")

    def work(*args: Any, **options: Any) -> Any:
        """Work."""
        if options.get("fail"):
            raise error
        return args, options

    carried = midwatch.carry(work)
    assert carried(1, 2, a=3) == ((1, 2), {"a": 3})
    assert (carried.__name__, carried.__doc__) == ("work", "Work.")
    with pytest.raises(ValueError) as raised:
        carried(fail=True)
    assert raised.value is error
    assert get_current() is not None


@pytest.mark.usefixtures("current")
def test_callables_of_any_kind(span: Span) -> None:
    class Shop:
        def own(self) -> Any:
            return self, get_current_span()

        def __call__(self) -> Any:
            return self, get_current_span()

    shop = Shop()
    for function in (shop.own, shop, partial(Shop.own, shop)):
        assert run_thread(midwatch.carry(function)) == (shop, span)
    assert run_thread(midwatch.carry(Shop)).__class__ is Shop
    assert run_thread(partial(midwatch.carry(len), "abc")) == 3


def test_from_several_threads_at_once(span: Span, current: Span) -> None:
    """One carried function, all of its calls within at the same time."""
    barrier = threading.Barrier(4, timeout=10)

    def work(number: int) -> tuple[int, Any]:
        barrier.wait()
        found = get_current_span()
        barrier.wait()
        return number, found

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(midwatch.carry(work), range(4))] == [(number, span) for number in range(4)]


def test_one_call_does_not_change_the_next(span: Span, current: Span) -> None:
    """What a call leaves attached, as careless code does, is its own."""

    def careless() -> Any:
        found = get_current_span()
        attach(Context({"left": "behind"}))
        return found

    carried = midwatch.carry(careless)
    assert [run_thread(carried), run_thread(carried)] == [span, span]
    before = get_current()
    assert carried() is span
    assert get_current() is before


def test_it_is_what_was_current_when_it_was_carried(span: Span) -> None:
    """Not what is current where it is called."""
    with midwatch.span("later"):
        early = midwatch.carry(get_current_span)
    with midwatch.span("now") as now:
        carried = midwatch.carry(get_current_span)
        assert early() is not now
    assert carried() is now


def test_outside_of_a_request_it_is_the_function() -> None:
    """There is nothing to carry, and nothing to take away from where it is called."""
    token = attach(Context())
    assert midwatch.carry(where) is where
    detach(token)


def test_coroutines_and_generators(span: Span, current: Span) -> None:
    async def coroutine() -> Any:
        await asyncio.sleep(0)
        return get_current_span()

    def generator() -> Iterator[Any]:
        yield get_current_span()
        yield get_current_span()

    async def async_generator() -> AsyncIterator[Any]:
        yield get_current_span()
        await asyncio.sleep(0)
        yield get_current_span()

    one, two, three = midwatch.carry(coroutine), midwatch.carry(generator), midwatch.carry(async_generator)

    async def collect() -> Any:
        assert get_current_span() is INVALID_SPAN
        found = [item async for item in three()]
        return [await one(), *found, get_current_span()]

    assert run_thread(lambda: asyncio.run(collect())) == [span, span, span, INVALID_SPAN]
    assert run_thread(lambda: [(item, get_current_span()) for item in two()]) == [(span, INVALID_SPAN)] * 2


def test_callbacks_of_a_loop(door: Any) -> None:
    """What another thread hands to a loop that serves no request."""

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        ready.set()
        await asyncio.to_thread(done.wait, 10)

    loops: list[asyncio.AbstractEventLoop] = []
    ready, done = threading.Event(), threading.Event()
    found: list[Any] = []

    def handler() -> None:
        called = threading.Event()

        def callback() -> None:
            found.append(where())
            called.set()

        loops[0].call_soon_threadsafe(midwatch.carry(callback))
        assert called.wait(10)
        assert found == [where()]

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        in_a_request(door, handler)
    finally:
        done.set()
        thread.join()
    assert found[0][0] is not None
