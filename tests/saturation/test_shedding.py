from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch import HealthCheck, LatencyMetrics, Tracing
from midwatch.metrics.slots import Slot
from midwatch.metrics.store import Store
from midwatch.saturation import Shedding
from midwatch.testing import Recorder, ScriptedApp, call_asgi


def shedding(store: Any, score: float = 100.0, **options: Any) -> Shedding:
    options = {"match": ["GET /search", "POST /reports/{id}", "/static/*"], "chance": lambda: 0.5, **options}
    return Shedding(options.pop("match"), score=lambda: score, store=store, **options)


def test_a_request_is_shed_before_the_application(door: Any, store: Any, value: Callable[..., float]) -> None:
    called: list[int] = []
    app = ScriptedApp(before=lambda: called.append(1))
    recorder = Recorder()
    answer = door.call(door.watch(app, Tracing(), recorder, shedding(store)), path="/search")
    assert answer.status == 503
    assert called == []
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("retry-after") == "8"
    problem = json.loads(answer.body)
    assert problem["status"] == 503
    assert problem["trace_id"] == recorder.exchange.trace_id
    assert recorder.exchange.route == "/search"
    assert value("http_server_requests_shed_total", http_route="/search") == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/search", 503),
        ("POST", "/search", 200),
        ("GET", "/search/7", 200),
        ("POST", "/reports/7", 503),
        ("GET", "/reports/7", 200),
        ("GET", "/static/a/b.js", 503),
        ("DELETE", "/static/", 503),
        ("GET", "/", 200),
    ],
)
def test_only_routes_that_were_named(door: Any, store: Any, method: str, path: str, status: int) -> None:
    answer = door.call(door.watch(ScriptedApp(), shedding(store)), method, path)
    assert answer.status == status


def test_it_is_said_once_a_minute(door: Any, store: Any, clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    app = door.watch(ScriptedApp(), shedding(store, 95.0, clock=clock, chance=lambda: 0.0))
    with caplog.at_level(logging.WARNING, "midwatch"):
        for _ in range(3):
            assert door.call(app, path="/search").status == 503
        clock.now += 61
        assert door.call(app, path="/search").status == 503
    assert caplog.messages == ["requests are turned away: the service is 95 % saturated (told once a minute)"] * 2


def test_head_is_answered_without_a_body(door: Any, store: Any) -> None:
    answer = door.call(door.watch(ScriptedApp(), shedding(store)), "HEAD", "/static/x")
    assert answer.status == 503
    assert answer.body == b""


@pytest.mark.parametrize(("score", "share"), [(0.0, 0.0), (90.0, 0.0), (95.0, 0.5), (99.0, 0.9), (100.0, 1.0)])
def test_the_share_grows_from_none_to_all(door: Any, store: Any, score: float, share: float) -> None:
    chances = iter([number / 100 for number in range(100) for _ in range(2)])
    last = 0.0

    def chance() -> float:
        nonlocal last
        last = next(chances)
        return last

    plugin = shedding(store, score, chance=chance)
    served = 0
    app = door.watch(ScriptedApp(), plugin)
    for number in range(20):
        chances = iter([number / 20, 0.0])
        served += door.call(app, path="/search").status == 200
    assert served == round(20 * (1 - share))


@pytest.mark.parametrize("score", [float("nan"), float("-inf"), -1.0])
def test_a_score_that_is_none_sheds_nothing(door: Any, store: Any, score: float) -> None:
    assert door.call(door.watch(ScriptedApp(), shedding(store, score)), path="/search").status == 200


def test_probes_are_never_shed(door: Any, store: Any) -> None:
    plugin = shedding(store, match=["*"])
    app = door.watch(ScriptedApp(), HealthCheck(), LatencyMetrics(), plugin)
    assert door.call(app, path="/health").status == 200
    assert door.call(app, path="/health/ready").status == 200
    assert door.call(app, path="/metrics").status == 200
    assert door.call(app, path="/anything").status == 503


def test_websockets_are_let_in(store: Any) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})

    from midwatch import ASGIMiddleware

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope: Any = {
        "type": "websocket",
        "path": "/search",
        "headers": [],
        "scheme": "ws",
        "client": None,
        "subprotocols": [],
    }
    asyncio.run(ASGIMiddleware(app, shedding(store, match=["*"]))(scope, receive, send))
    assert sent == ["websocket.accept", "websocket.close"]


def test_clients_are_told_different_times(store: Any) -> None:
    from midwatch import ASGIMiddleware

    plugin = Shedding(["/search"], score=lambda: 100.0, store=store, retry_after=30)
    app = ASGIMiddleware(ScriptedApp().asgi, plugin)
    found = {int(call_asgi(app, path="/search").header("retry-after") or 0) for _ in range(60)}
    assert all(30 <= seconds <= 60 for seconds in found)
    assert len(found) > 5


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 1e6), st.floats(0, 1, exclude_max=True))
def test_retry_after_is_a_whole_number_of_seconds_above_zero(retry_after: float, chance: float) -> None:
    from midwatch import ASGIMiddleware

    plugin = shedding(Store(Slot(None)), retry_after=retry_after, chance=lambda: chance)
    answer = call_asgi(ASGIMiddleware(ScriptedApp().asgi, plugin), path="/search")
    assert (answer.header("retry-after") or "").isdigit()
    assert int(answer.header("retry-after") or 0) >= 1


def test_slow_holds_the_answer_back_on_asgi_only_and_not_too_many(store: Any, door: Any, clock: Any) -> None:
    plugin = shedding(store, slow=0.01, clock=clock)
    assert door.call(door.watch(ScriptedApp(), plugin), path="/search").status == 503
    assert len(plugin._held) == (1 if door.name == "asgi" else 0)
    if door.name == "asgi":
        from midwatch.saturation.shedding import HELD

        plugin._held.extend([clock() + 1] * (HELD - 1))
        assert not plugin._may_hold()
        clock.now += 2
        assert plugin._may_hold()
        assert len(plugin._held) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"match": []},
        {"match": ["search"]},
        {"match": ["GET search"]},
        {"above": 100},
        {"above": -1},
        {"above": float("nan")},
        {"retry_after": -1},
        {"retry_after": float("nan")},
        {"retry_after": float("inf")},
        {"slow": float("inf")},
        {"slow": -1},
    ],
)
def test_what_cannot_be_meant_is_refused(store: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"metrics\.shed"):
        shedding(store, **options)


def test_one_string_is_no_list(store: Any) -> None:
    with pytest.raises(TypeError, match=r"metrics\.shed\.match"):
        Shedding("/search", score=lambda: 0.0, store=store)
