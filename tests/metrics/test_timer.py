"""How long something takes: blocks, functions of every kind, and many of them at once."""

from __future__ import annotations

import asyncio
import inspect
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from midwatch.metrics.families import Histogram

PAUSE = 0.02


@pytest.fixture
def seconds() -> Histogram:
    return Store(Slot(None)).histogram("seconds", "Time.", (0.5 * PAUSE,))


def observed(seconds: Histogram) -> Sequence[float]:
    """Of those that took no time, and those that did."""
    return (seconds.of().cells or memoryview(b"")).tolist()[:-1]


def pause() -> None:
    threading.Event().wait(PAUSE)


def test_a_generator_is_timed_to_its_end(seconds: Histogram) -> None:
    """It is one still, for those who ask; and is told what it is sent, thrown, and that it is closed."""
    heard: list[Any] = []

    @seconds.time()
    def numbers() -> Iterator[int]:
        try:
            heard.append((yield 1))
            pause()
            yield 2
        except ValueError as error:
            heard.append(error)
            yield 3
        finally:
            heard.append("closed")

    assert inspect.isgeneratorfunction(numbers)
    assert [*numbers()] == [1, 2]
    assert observed(seconds) == [0, 1]
    running: Any = numbers()
    assert next(running) == 1
    assert running.send("sent") == 2
    wrong = ValueError()
    assert running.throw(wrong) == 3
    running.close()
    assert heard == [None, "closed", "sent", wrong, "closed"]
    assert observed(seconds) == [0, 2]


def test_an_asynchronous_generator_is_timed_to_its_end(seconds: Histogram) -> None:
    """As a dependency of FastAPI is one, which must hear of the exception that it shall roll back for."""
    heard: list[Any] = []

    @seconds.time()
    async def numbers() -> AsyncIterator[int]:
        try:
            heard.append((yield 1))
            await asyncio.sleep(PAUSE)  # What is timed.
            yield 2
        except ValueError as error:
            heard.append(error)
            yield 3
        finally:
            heard.append("closed")

    async def main() -> None:
        assert inspect.isasyncgenfunction(numbers)
        assert [number async for number in numbers()] == [1, 2]
        assert observed(seconds) == [0, 1]
        running: Any = numbers()
        assert await anext(running) == 1
        assert await running.asend("sent") == 2
        wrong = ValueError()
        assert await running.athrow(wrong) == 3
        await running.aclose()
        assert heard == [None, "closed", "sent", wrong, "closed"]
        assert observed(seconds) == [0, 2]

    asyncio.run(main())


def test_context_managers_of_timed_generators_roll_back(seconds: Histogram) -> None:
    @contextmanager
    @seconds.time()
    def plain() -> Iterator[None]:
        try:
            yield
        except ValueError:
            pause()

    @asynccontextmanager
    @seconds.time()
    async def awaited() -> AsyncIterator[None]:
        try:
            yield
        except ValueError:
            pause()

    def fails() -> None:
        raise ValueError

    async def main() -> None:
        async with awaited():
            fails()

    with plain():
        fails()
    asyncio.run(main())
    assert observed(seconds) == [0, 2]


def test_one_timer_times_blocks_within_each_other_and_in_threads(seconds: Histogram) -> None:
    """Also one that another thread leaves than has entered it, as of dependencies that are generators."""
    timer = seconds.time()
    with timer:
        pause()
        with timer:
            pass
    assert observed(seconds) == [1, 1]
    timer.__enter__()
    thread = threading.Thread(target=timer.__exit__, args=(None, None, None))
    thread.start()
    thread.join(10)
    assert sum(observed(seconds)) == 3
