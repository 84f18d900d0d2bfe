"""`midwatch.span`: as a `with` block and around functions of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import opentelemetry.trace
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import attach, detach, get_current
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, get_current_span, set_span_in_context

import midwatch
from midwatch import Tracing
from midwatch.plugin import failures
from midwatch.testing import ScriptedApp
from midwatch.tracing import Span

T = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(autouse=True)
def parent(span: Span) -> Iterator[Span]:
    """A span that is current, as within a request."""
    token = attach(set_span_in_context(span))
    yield span
    detach(token)


def current() -> str:
    """The name of the current span."""
    return get_current_span().name  # type: ignore[attr-defined, no-any-return]


# A block


def test_a_block(parent: Span, exported: list[Span]) -> None:
    with midwatch.span("price", kind=SpanKind.PRODUCER, attributes={"items": 3}, links=[link()]) as span:
        assert get_current_span() is span
        assert not exported
        span.set_attribute("more", 1)
    assert get_current_span() is parent
    assert exported == [span]
    (made,) = exported
    assert (made.name, made.kind, made.attributes) == ("price", SpanKind.PRODUCER, {"items": 3, "more": 1})
    assert [one.context.span_id for one in made.links] == [7]
    assert (made.trace_id, made.parent_id) == (parent.trace_id, parent.span_id)
    assert made.status_code is StatusCode.UNSET


def link() -> Link:
    return Link(SpanContext(5, 7, True))


def test_an_exception_is_noted_and_passes(exported: list[Span]) -> None:
    error = ValueError("bad price")
    with pytest.raises(ValueError) as raised, midwatch.span("price"):
        raise error
    assert raised.value is error
    (span,) = exported
    assert span.attributes["error.type"] == "ValueError"
    assert (span.status_code, span.status_description) == (StatusCode.ERROR, None)
    assert [event.attributes["exception.message"] for event in span.events] == ["bad price"]


@pytest.mark.parametrize(
    "kind", [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit, StopIteration, StopAsyncIteration]
)
def test_what_is_no_error(exported: list[Span], kind: type[BaseException]) -> None:
    """Being cancelled or closed, and the end of an iteration."""
    with pytest.raises(kind), midwatch.span("price"):
        raise kind
    (span,) = exported
    assert (span.status_code, span.events, "error.type" in span.attributes) == (StatusCode.UNSET, [], False)


def test_nested(exported: list[Span]) -> None:
    with midwatch.span("outer") as outer, midwatch.span("inner"):
        assert current() == "inner"
    assert [span.name for span in exported] == ["inner", "outer"]
    assert exported[0].parent_id == f"{outer.get_span_context().span_id:016x}"


def test_a_block_is_used_again(exported: list[Span]) -> None:
    block = midwatch.span("price")
    for _ in range(2):
        with block:
            pass
    assert len({span.span_id for span in exported}) == 2


def test_in_a_request(door: Any) -> None:
    """The server span is the parent."""
    spans: list[Span] = []

    def handler() -> None:
        with midwatch.span("price"):
            exchange = midwatch.current()
            assert exchange is not None
            assert current() == "price"

    tracing = Tracing(to=[spans.append])
    token = attach(opentelemetry.context.Context())
    assert door.call(door.watch(ScriptedApp(before=handler), tracing)).error is None
    detach(token)
    price, server = spans
    assert (price.name, price.parent_id) == ("price", server.span_id)


def test_outside_of_a_trace() -> None:
    """A job: the span begins one, and goes where those of the service go."""
    spans: list[Span] = []
    Tracing(to=[spans.append])
    token = attach(opentelemetry.context.Context())
    with midwatch.span("job"):
        pass
    detach(token)
    Tracing()
    assert [(span.name, span.parent_id) for span in spans] == [("job", None)]


def test_the_tracer_is_asked_for_when_a_span_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module is imported, and its functions decorated, before the application configures an SDK."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    @midwatch.span("price")
    def price() -> None: ...

    memory, configured = InMemorySpanExporter(), TracerProvider()
    configured.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(opentelemetry.trace, "_TRACER_PROVIDER", configured)
    price()
    assert [span.name for span in memory.get_finished_spans()] == ["price"]


def test_a_provider_that_fails(monkeypatch: pytest.MonkeyPatch, parent: Span) -> None:
    """The block runs, below the span that was current."""

    class Broken(opentelemetry.trace.TracerProvider):
        def get_tracer(self, *args: Any, **options: Any) -> Any:
            raise RuntimeError("broken")

    monkeypatch.setattr(opentelemetry.trace, "_TRACER_PROVIDER", Broken())
    with midwatch.span("price") as span:
        assert get_current_span() is parent
        span.set_attribute("a", 1)
    assert failures.pop("_Active.start_span") == 1


def test_a_span_that_cannot_end(span: Span) -> None:
    """What is exported to fails: the block has its result."""

    def broken(_: Span) -> None:
        raise RuntimeError("broken")

    span.export = broken
    with midwatch.span("price"):
        pass
    assert failures.pop("Block.close") == 1


# Functions


def test_a_function(exported: list[Span]) -> None:
    @midwatch.span("price", attributes={"a": 1})
    def price(number: int, *, times: int = 2) -> int:
        """The price."""
        assert current() == "price"
        return number * times

    assert (price(3, times=3), price(3)) == (9, 6)
    assert [(span.name, span.attributes) for span in exported] == [("price", {"a": 1})] * 2
    assert (price.__name__, price.__doc__) == ("price", "The price.")
    assert list(inspect.signature(price).parameters) == ["number", "times"]


def test_bare(exported: list[Span]) -> None:
    """The name is the function's."""

    @midwatch.span
    def price() -> str:
        return current()

    assert price() == price.__qualname__
    midwatch.span(functools.partial(int, "3"))()
    assert [span.name for span in exported] == [price.__qualname__, "partial"]


def test_calls_within_calls(exported: list[Span]) -> None:
    @midwatch.span("down")
    def down(number: int) -> int:
        return number and down(number - 1)

    down(3)
    ids = [span.span_id for span in exported]
    assert [span.parent_id for span in exported[:-1]] == ids[1:]


@pytest.mark.parametrize("outside", [True, False])
def test_methods(exported: list[Span], *, outside: bool) -> None:
    """Of instances, classes and neither, whichever decorator comes first."""

    def both(one: Any, two: Any) -> Callable[[Any], Any]:
        return (lambda function: one(two(function))) if outside else (lambda function: two(one(function)))

    class Shop:
        @midwatch.span
        def own(self) -> Any:
            return self

        @both(midwatch.span, classmethod)
        def of_class(cls) -> Any:
            return cls

        @both(midwatch.span, staticmethod)
        def of_none(number: int) -> Any:
            return number

    shop = Shop()
    assert (shop.own(), Shop.of_class(), shop.of_class(), Shop.of_none(1), shop.of_none(2)) == (shop, Shop, Shop, 1, 2)
    assert [span.name.rpartition(".")[2] for span in exported] == ["own", "of_class", "of_class", "of_none", "of_none"]


def test_an_exception_of_a_function(exported: list[Span]) -> None:
    error = KeyError("sku")

    @midwatch.span("price")
    def price() -> None:
        raise error

    with pytest.raises(KeyError) as raised:
        price()
    assert raised.value is error
    assert exported[0].attributes["error.type"] == "KeyError"


def test_a_coroutine_function(parent: Span, exported: list[Span]) -> None:
    """Each task has its own; cancelling is no error."""

    @midwatch.span("price")
    async def price(number: int) -> int:
        await asyncio.sleep(0)
        assert current() == "price"
        return number

    async def run() -> None:
        assert await asyncio.gather(*map(price, range(5))) == [*range(5)]
        assert get_current_span() is parent

        @midwatch.span("stuck")
        async def stuck() -> None:
            started.set()
            await asyncio.Event().wait()

        started = asyncio.Event()
        task = asyncio.ensure_future(stuck())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert inspect.iscoroutinefunction(price)
    asyncio.run(run())
    assert [span.name for span in exported] == ["price"] * 5 + ["stuck"]
    assert {span.parent_id for span in exported} == {parent.span_id}
    assert {span.status_code for span in exported} == {StatusCode.UNSET}


def test_an_object_with_an_async_call(exported: list[Span]) -> None:
    class Price:
        async def __call__(self) -> str:
            await asyncio.sleep(0)
            return current()

    assert asyncio.run(midwatch.span("price")(Price())()) == "price"
    assert len(exported) == 1


# Generators


def test_a_generator(parent: Span, exported: list[Span]) -> None:
    """One span over all items, current only while the generator runs."""

    @midwatch.span("items")
    def items() -> Generator[str, str, str]:
        got = yield current()
        got = yield f"{got} {current()}"
        return got

    assert inspect.isgeneratorfunction(items)
    iteration = items()
    assert not exported
    assert next(iteration) == "items"
    assert get_current_span() is parent
    assert iteration.send("a") == "a items"
    assert get_current_span() is parent
    assert not exported
    with pytest.raises(StopIteration) as stopped:
        iteration.send("end")
    assert stopped.value.value == "end"
    assert [span.status_code for span in exported] == [StatusCode.UNSET]
    assert get_current_span() is parent


def test_a_generator_that_never_starts(exported: list[Span]) -> None:
    """No item, no span."""
    iteration = midwatch.span("items")(lambda: (yield))()
    iteration.close()
    assert not exported


def test_a_generator_is_closed(exported: list[Span]) -> None:
    """By hand or by nobody needing it any more; its clean-up is still within."""
    seen: list[str] = []

    @midwatch.span("items")
    def items() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            seen.append(current())

    iteration: Any = items()
    next(iteration)
    iteration.close()
    assert len(exported) == 1
    left = items()
    next(left)
    del left
    gc.collect()
    assert seen == ["items", "items"]
    assert [span.status_code for span in exported] == [StatusCode.UNSET] * 2


def test_an_exception_is_thrown_in(exported: list[Span]) -> None:
    """Caught inside or not."""

    @midwatch.span("items")
    def items() -> Iterator[str]:
        caught = ""
        try:
            yield "first"
        except KeyError as error:
            caught = f"caught {error}"
        yield caught
        yield "last"

    iteration: Any = items()
    next(iteration)
    assert iteration.throw(KeyError(1)) == "caught 1"
    error = ValueError("out")
    with pytest.raises(ValueError) as raised:
        iteration.throw(error)
    assert raised.value is error
    assert error.__context__ is None
    assert [span.attributes["error.type"] for span in exported] == ["ValueError"]
    assert [*iteration] == []


def test_a_generator_that_will_not_close(exported: list[Span]) -> None:
    """As Python has it without us."""

    @midwatch.span("stubborn")
    def stubborn() -> Iterator[int]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    iteration: Any = stubborn()
    next(iteration)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        iteration.close()
    iteration.close()
    assert [span.name for span in exported] == ["stubborn"]


def test_a_context_manager(exported: list[Span]) -> None:
    """`contextlib` tells its own exceptions from those of others, also that one closes a generator within."""

    @contextlib.contextmanager
    @midwatch.span("lease")
    def lease() -> Iterator[str]:
        yield current()

    for kind in (ValueError, StopIteration, GeneratorExit, RuntimeError):
        error = kind("x")
        with pytest.raises(kind) as raised, lease() as name:
            assert name == "lease"
            raise error
        assert raised.value is error
    # No generator may raise StopIteration: Python makes the second one a RuntimeError (PEP 479).
    assert [span.attributes.get("error.type") for span in exported] == [
        "ValueError",
        "RuntimeError",
        None,
        "RuntimeError",
    ]


def test_spans_within_a_generator(parent: Span, exported: list[Span]) -> None:
    """A block that is open over an item is current for the generator, and for nobody else."""

    @midwatch.span("items")
    def items() -> Iterator[str]:
        with midwatch.span("inner"):
            yield current()
            yield current()
        yield current()

    seen = []
    for name in items():
        seen.append(name)
        assert get_current_span() is parent
    assert seen == ["inner", "inner", "items"]
    assert [span.name for span in exported] == ["inner", "items"]


def test_a_generator_that_is_driven_by_many(parent: Span, exported: list[Span]) -> None:
    """Each item by another thread, as servers and frameworks do it."""

    @midwatch.span("items")
    def items() -> Iterator[str]:
        for _ in range(3):
            yield current()

    iteration, seen = items(), []

    def take() -> None:
        seen.append((next(iteration, None), get_current_span() is opentelemetry.trace.INVALID_SPAN))

    seen.append((next(iteration), False))
    for _ in range(3):
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
    assert seen == [("items", False), ("items", True), ("items", True), (None, True)]
    assert [span.parent_id for span in exported] == [parent.span_id]


def test_two_at_a_time(parent: Span, exported: list[Span]) -> None:
    """Interleaved, neither is the parent of the other."""

    @midwatch.span("items")
    def items() -> Iterator[str]:
        yield get_current_span().span_id  # type: ignore[attr-defined]
        yield get_current_span().span_id  # type: ignore[attr-defined]

    pairs = [*zip(items(), items(), strict=True)]
    assert pairs[0] == pairs[1]
    assert pairs[0][0] != pairs[0][1]
    assert {span.parent_id for span in exported} == {parent.span_id}


@given(st.lists(st.sampled_from(["next", "send", "throw", "close"]), max_size=8))
def test_driven_in_any_way(steps: list[str]) -> None:
    """Whatever is done to it, it does what it does without a span."""
    spans: list[Span] = []
    root = Span("work", SpanKind.INTERNAL, T, "b7ad6b7169203331", None, 3, "", 1, spans.append)

    def items() -> Generator[Any, Any, Any]:
        got: Any = None
        for number in range(4):
            try:
                got = yield (number, got)
            except KeyError as error:
                got = repr(error)
            except ValueError:
                return "left"
        raise OSError(got)

    def drive(iteration: Any) -> list[Any]:
        seen: list[Any] = []
        for number, step in enumerate(steps):
            try:
                if step == "next":
                    seen.append(next(iteration))
                elif step == "send":
                    seen.append(iteration.send(number))
                elif step == "throw":
                    seen.append(iteration.throw(KeyError(number) if number % 3 else ValueError(number)))
                else:
                    seen.append(iteration.close())
            except Exception as error:
                seen.append(repr(error))
        iteration.close()
        return seen

    token = attach(set_span_in_context(root))
    assert drive(midwatch.span("items")(items)()) == drive(items())
    detach(token)
    assert len(spans) <= 1


def test_an_async_generator(parent: Span, exported: list[Span]) -> None:
    @midwatch.span("items")
    async def items() -> Any:
        got = yield current()
        await asyncio.sleep(0)
        try:
            yield f"{got} {current()}"
        except KeyError:
            yield "caught"

    async def run() -> None:
        iteration = items()
        assert await anext(iteration) == "items"
        assert get_current_span() is parent
        assert await iteration.asend("a") == "a items"
        assert await iteration.athrow(KeyError()) == "caught"
        assert get_current_span() is parent
        with pytest.raises(StopAsyncIteration):
            await anext(iteration)
        assert [item async for item in items()] == ["items", "None items"]

    assert inspect.isasyncgenfunction(items)
    asyncio.run(run())
    assert [(span.parent_id, span.status_code) for span in exported] == [(parent.span_id, StatusCode.UNSET)] * 2


def test_an_async_generator_is_closed(exported: list[Span]) -> None:
    """By hand, by the loop when nobody needs it any more, and by an exception."""
    seen: list[str] = []

    @midwatch.span("items")
    async def items() -> AsyncIterator[int]:
        try:
            yield 1
            raise OSError("broken")
        finally:
            await asyncio.sleep(0)
            seen.append(current())
            cleaned.set()

    cleaned = asyncio.Event()

    async def run() -> None:
        iteration: Any = items()
        await anext(iteration)
        await iteration.aclose()
        left = items()
        await anext(left)
        cleaned.clear()
        del left
        gc.collect()
        await asyncio.wait_for(cleaned.wait(), 10)
        broken = items()
        await anext(broken)
        with pytest.raises(OSError, match="broken"):
            await anext(broken)

    asyncio.run(run())
    assert seen == ["items"] * 3
    assert [span.attributes.get("error.type") for span in exported] == [None, None, "OSError"]


def test_an_async_generator_of_many_tasks(exported: list[Span]) -> None:
    """Each item in a task of its own, as frameworks enter and leave dependencies."""

    @contextlib.asynccontextmanager
    @midwatch.span("lease")
    async def lease() -> AsyncIterator[str]:
        yield current()

    async def run() -> None:
        manager = lease()
        assert await asyncio.ensure_future(manager.__aenter__()) == "lease"
        assert current() == "work"
        await asyncio.ensure_future(manager.__aexit__(None, None, None))
        assert current() == "work"

    asyncio.run(run())
    assert len(exported) == 1


def test_a_block_that_is_left_elsewhere(parent: Span, exported: list[Span]) -> None:
    """In another thread, where nothing is to be restored: the span ends all the same."""
    block = midwatch.span("price")
    token = attach(get_current())
    block.__enter__()
    thread = threading.Thread(target=block.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    detach(token)
    assert [span.name for span in exported] == ["price"]
