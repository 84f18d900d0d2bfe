"""Rendering makes nobody wait, and fails for nobody but who asked."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from midwatch import ASGIMiddleware
from midwatch.metrics import LatencyMetrics
from midwatch.metrics.collector import Shown
from midwatch.metrics.exposition import OPENMETRICS, TEXT
from midwatch.metrics.page import Asked, Page
from midwatch.metrics.renders import MAX_RENDERS, Renders, Wanted
from midwatch.plugin import failures
from midwatch.proxies import LOCAL, Networks
from midwatch.testing import ScriptedApp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Gated:
    """A collector that waits at a gate, and counts its calls."""

    def __init__(self) -> None:
        self.entered, self.gate = threading.Event(), threading.Event()
        self.calls = 0

    def collect(self) -> Iterator[Metric]:
        self.calls += 1
        self.entered.set()
        assert self.gate.wait(30)
        yield GaugeMetricFamily("gated", "Gated.", self.calls)


class Fails:
    """A collector that does not collect."""

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException | None = error

    def collect(self) -> list[Metric]:
        if self.error is not None:
            raise self.error
        return []


def registry_of(collector: Any) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


@pytest.mark.parametrize("error", [ValueError("mine"), SystemExit(3)])
def test_a_collector_that_fails_is_told_of_and_counted(
    door: Any, error: BaseException, caplog: pytest.LogCaptureFixture, scrape: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exception is in the log once a minute, and the page without its families."""
    monkeypatch.setattr("midwatch.plugin._last_told", {})
    fails = Fails(error)
    app = door.watch(ScriptedApp(), LatencyMetrics(registry=registry_of(fails)))
    before = failures.get("Fails.collect", 0)
    for _ in range(2):
        assert scrape(door.call, app).samples("python_info")
    assert failures["Fails.collect"] == before + 2
    (record,) = [record for record in caplog.records if record.name == "midwatch"]
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    fails.error = None
    assert scrape(door.call, app).value("midwatch_plugin_errors_total", moment="Fails.collect") == before + 2


@pytest.mark.parametrize("error", [ValueError("mine"), SystemExit(3)])
def test_a_render_that_fails_is_a_500(
    door: Any, error: BaseException, caplog: pytest.LogCaptureFixture, scrape: Any
) -> None:
    """Never a hang: fixed words for the client, the exception in the log once a minute, and the next scrape is well."""
    fails = Fails(error)
    metrics = LatencyMetrics(registry=CollectorRegistry())
    shown, metrics.page._shown = metrics.page._shown, fails  # type: ignore[assignment]
    app = door.watch(ScriptedApp(), metrics)
    answers = [door.call(app, path="/metrics") for _ in range(2)]
    assert [answer.status for answer in answers] == [500, 500]
    assert json.loads(answers[0].body)["detail"] == "The metrics could not be rendered; the log says why."
    (record,) = [record for record in caplog.records if record.name == "midwatch"]
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    metrics.page._shown = shown
    assert scrape(door.call, app).samples("python_info")


def test_twenty_scrapes_are_one_render_off_the_event_loop() -> None:
    """The loop runs on while a collector waits, and whoever asks meanwhile shares the page."""
    gated = Gated()
    app = ASGIMiddleware(ScriptedApp().asgi, LatencyMetrics(registry=registry_of(gated)))

    async def fetch(accept: bytes) -> bytes:
        bodies: list[bytes] = []
        scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": [(b"accept", accept)],
                 "client": ("127.0.0.1", 5)}  # fmt: skip

        async def receive() -> Any:
            return await asyncio.get_running_loop().create_future()

        async def send(message: Any) -> None:
            bodies.append(message.get("body", b""))

        await app(scope, receive, send)
        return b"".join(bodies)

    async def open_gate() -> None:
        # Runs after each of the twenty has taken its first step, which is the wait.
        assert await asyncio.to_thread(gated.entered.wait, 30)
        gated.gate.set()

    async def main() -> list[bytes]:
        *pages, _ = await asyncio.gather(*(fetch(b"text/plain") for _ in range(20)), open_gate())
        return pages  # type: ignore[return-value]

    pages = asyncio.run(main())
    assert gated.calls == 1
    assert len(set(pages)) == 1
    assert b"gated 1.0" in pages[0]
    asyncio.run(fetch(b"text/plain"))
    assert gated.calls == 2


def test_each_way_to_ask_has_its_own_render() -> None:
    """A page in the other format, or in part, is not waited for."""
    gated = Gated()
    page = Page(Shown(gated), Networks(LOCAL))
    ways = [Wanted(TEXT), Wanted(TEXT), Wanted(OPENMETRICS), Wanted(TEXT, gzip=True),
            Wanted(TEXT, names=frozenset({"gated"})), Wanted(TEXT, names=frozenset({"gated"}))]  # fmt: skip
    text, same, openmetrics, gzip, part, same_part = (page._renders.ask(wanted)[0] for wanted in ways)
    assert text is same
    assert part is same_part
    assert len({text, openmetrics, gzip, part}) == 4
    gated.gate.set()
    assert {future.result(30).status for future in (text, openmetrics, gzip, part)} == {200}


def test_parts_of_the_page_take_no_endless_threads() -> None:
    """Whoever asks for yet another part while so many hang is told that it is late."""
    gated = Gated()
    page = Page(Shown(gated), Networks(LOCAL))

    def ask(number: int) -> Any:
        return page.respond(Asked("GET", "127.0.0.1", direct=True, query=f"name[]=x{number}"))

    hanging = [ask(number) for number in range(MAX_RENDERS)]
    assert ask(MAX_RENDERS).status == 503
    assert ask(0).future is hanging[0].future
    gated.gate.set()
    assert {hold.wait().status for hold in hanging} == {200}
    assert ask(MAX_RENDERS).wait().status == 200


def test_a_render_that_fails_gives_way_to_the_next() -> None:
    """Also where making the answer itself raises."""

    def render(wanted: Wanted) -> Any:
        raise MemoryError

    failed: Any = object()
    renders = Renders(render, failed, 1.0)
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading, "excepthook", lambda _: None)
            answer, _ = renders.ask(Wanted(TEXT))
            assert answer.result(30) is failed
            for thread in threading.enumerate():
                if thread.name == "midwatch-metrics":
                    thread.join(30)


def test_a_collector_that_hangs_is_a_503_and_one_thread(door: Any, registry: Any) -> None:
    """Whoever asks meanwhile is answered at once, and no second thread joins the first."""
    gated = Gated()
    metrics = LatencyMetrics(registry=registry)
    metrics.page = page = Page(Shown(gated), Networks(LOCAL), limit=0.05)
    app = door.watch(ScriptedApp(), metrics)
    answers = [door.call(app, path="/metrics") for _ in range(3)]
    assert [answer.status for answer in answers] == [503, 503, 503]
    hanging, left = page._renders.ask(Wanted(TEXT))
    assert left <= 0
    gated.gate.set()
    assert hanging.result(30).status == 200
    assert gated.calls == 1
    assert page._renders.ask(Wanted(TEXT))[0].result(30).status == 200
    assert gated.calls == 2


def test_without_threads_the_page_is_a_503(door: Any, metrics: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that ends, or is out of threads, still answers; and the page is back when they are."""
    app = door.watch(ScriptedApp(), metrics)
    door.call(app)

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "midwatch-metrics":
            raise RuntimeError("can't start new thread")
        start(thread)

    start: Callable[[threading.Thread], None] = threading.Thread.start
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert door.call(app, path="/metrics").status == 503
    assert door.call(app, path="/metrics").status == 200
