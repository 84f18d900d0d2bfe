"""How many tasks there are."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

from midwatch.metrics.live.tasks import TaskFigures

if TYPE_CHECKING:
    import pytest

    from midwatch.metrics.store import Store


def test_tasks_that_are_not_done_are_counted(store: Store, shown: Any) -> None:
    """From another thread, as the pulse is one."""
    figures = TaskFigures(store)
    figures.turn()
    assert ("python_asyncio_tasks",) not in shown(store)

    async def main() -> list[float]:
        figures.watch(asyncio.get_running_loop())
        waiting = asyncio.Event()
        seen = []
        tasks = [asyncio.create_task(waiting.wait()) for _ in range(5)]
        await asyncio.to_thread(figures.turn)
        seen.append(shown(store)["python_asyncio_tasks",])
        waiting.set()
        await asyncio.gather(*tasks)
        await asyncio.to_thread(figures.turn)
        seen.append(shown(store)["python_asyncio_tasks",])
        return seen

    assert asyncio.run(main()) == [6, 1]
    figures.turn()
    assert shown(store)["python_asyncio_tasks",] == 0
    gc.collect()
    figures.turn()


def test_many_tasks_are_counted_less_often(store: Store, shown: Any) -> None:
    """Going through them is work."""
    figures = TaskFigures(store)

    async def main() -> None:
        figures.watch(asyncio.get_running_loop())
        waiting = asyncio.Event()
        tasks = [asyncio.create_task(waiting.wait()) for _ in range(2500)]
        figures.turn()
        waiting.set()
        await asyncio.gather(*tasks)
        seen = []
        for _ in range(3):
            figures.turn()
            seen.append(shown(store)["python_asyncio_tasks",])
        assert seen == [2501, 2501, 1]

    asyncio.run(main())


def test_a_loop_that_cannot_be_watched_is_left(store: Store) -> None:
    """And tasks that change too fast are counted the next time."""

    class Slotted:
        __slots__ = ()

    loop: Any = Slotted()
    TaskFigures(store).watch(loop)


def test_tasks_that_change_too_fast_wait(store: Store, shown: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the next turn."""
    figures = TaskFigures(store)

    def broken(loop: object) -> None:
        raise RuntimeError("Set changed size during iteration")

    async def main() -> None:
        figures.watch(asyncio.get_running_loop())
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "all_tasks", broken)
            figures.turn()
        assert ("python_asyncio_tasks",) not in shown(store)
        figures.turn()
        assert shown(store)["python_asyncio_tasks",] == 1

    asyncio.run(main())
