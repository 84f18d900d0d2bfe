from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio.to_thread
import pytest

from midwatch.saturation import Pool, Pools, pool
from midwatch.saturation.pool import busy

HANG = 20.0


async def until(done: Callable[[], Any]) -> None:
    async with asyncio.timeout(HANG):
        while not done():
            await asyncio.sleep(0.005)  # threads tell nobody that they have begun


def pools_of(pools: Pools) -> dict[str, Pool]:
    return dict(pools.now())


def test_anyio_threads_are_counted_and_what_waits_for_one(store: Any, value: Callable[..., float]) -> None:
    async def main() -> None:
        pools = Pools(store)
        pools.watch(asyncio.get_running_loop())
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = 2
        assert pools_of(pools)["anyio"] == Pool(0, 2, 0)
        go = threading.Event()
        waiting = [asyncio.create_task(anyio.to_thread.run_sync(go.wait, HANG)) for _ in range(3)]
        await until(lambda: pools_of(pools)["anyio"] == Pool(2, 2, 1))
        assert pools.turn() == 1.5
        assert (busy() or Pool(0, 0, 0)).load >= 1.5
        assert value("thread_pool_busy", pool="anyio") == 2
        assert value("thread_pool_size", pool="anyio") == 2
        assert value("thread_pool_queued", pool="anyio") == 1
        go.set()
        await asyncio.gather(*waiting)
        assert pools_of(pools)["anyio"] == Pool(0, 2, 0)

    asyncio.run(main())


def test_anyio_without_a_limit_is_never_full(store: Any) -> None:
    async def main() -> None:
        pools = Pools(store)
        pools.watch(asyncio.get_running_loop())
        anyio.to_thread.current_default_thread_limiter().total_tokens = float("inf")
        assert pools.turn() == 0.0

    asyncio.run(main())


def test_the_default_executor_is_counted(store: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        pools = Pools(store)
        pools.watch(loop)
        assert "asyncio" not in pools_of(pools)
        loop.set_default_executor(ThreadPoolExecutor(2))
        go = threading.Event()
        waiting = [asyncio.create_task(asyncio.to_thread(go.wait, HANG)) for _ in range(3)]
        await until(lambda: pools_of(pools)["asyncio"] == Pool(2, 2, 1))
        go.set()
        await asyncio.gather(*waiting)
        await until(lambda: pools_of(pools)["asyncio"] == Pool(0, 2, 0))

    asyncio.run(main())


def test_a_loop_that_is_closed_has_no_pools(store: Any) -> None:
    pools = Pools(store)

    async def main() -> None:
        pools.watch(asyncio.get_running_loop())

    for _ in range(3):
        asyncio.run(main())
    assert pools_of(pools) == {}
    assert len(pools._loops) == 1


def test_requests_are_the_threads_of_a_wsgi_server(store: Any) -> None:
    under_way = 3.0
    pools = Pools(store, requests=lambda: under_way, capacity=lambda: 4)
    assert pools_of(pools) == {"wsgi": Pool(3, 4, 0)}
    under_way = 6.0
    assert pools_of(pools) == {"wsgi": Pool(4, 4, 2)}
    assert pools.turn() == 1.5


def test_what_is_no_more_is_shown_no_more(store: Any, value: Callable[..., float]) -> None:
    """What was taken for threads of a WSGI server before there was a loop; then the pools of a loop that is closed."""

    def kinds() -> set[str]:
        return {
            sample.labels["pool"]
            for metric in store.collect()
            for sample in metric.samples
            if sample.name.startswith("thread_pool")
        }

    pools = Pools(store, requests=lambda: 0.0, capacity=lambda: 4)
    pools.turn()
    assert kinds() == {"wsgi"}

    async def main() -> None:
        pools.watch(asyncio.get_running_loop())
        pools.turn()
        assert kinds() == {"anyio"}

    asyncio.run(main())
    pools.turn()
    assert kinds() == set()
    pools.forget()
    pools.turn()
    assert value("thread_pool_size", pool="wsgi") == 4.0


def test_a_wsgi_server_of_unknown_size_has_no_pool(store: Any) -> None:
    assert pools_of(Pools(store, requests=lambda: 3, capacity=lambda: None)) == {}


def test_nothing_is_busy_where_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_known", weakref.WeakSet[Pools]())
    assert busy() is None


@pytest.mark.parametrize("empty", [Pool(0, 0, 0), Pool(1, 0, 5)])
def test_a_pool_of_no_size_has_no_load(empty: Pool) -> None:
    assert empty.load == 0.0
