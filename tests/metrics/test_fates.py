"""What is counted, for each fate of a request."""

from __future__ import annotations

import asyncio
import threading
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from midwatch import ASGIMiddleware, Exchange, Plugin, current
from midwatch.testing import Recorder, ScriptedApp, call_asgi

if TYPE_CHECKING:
    from collections.abc import Callable

DURATION = "http_server_request_duration_seconds"
SIZE = "http_server_response_body_size_bytes"


class Routed(Plugin):
    """Says what matched, as a router would."""

    def __init__(self, route: str) -> None:
        self.route = route

    def on_request(self, exchange: Exchange) -> None:
        if exchange.app_path != "/metrics":
            exchange.route = self.route


def test_an_answered_request_is_counted_by_method_route_and_status(door: Any, metrics: Any, scrape: Any) -> None:
    """One request is one observation of its duration and one of its size."""
    recorder = Recorder()
    app = door.watch(ScriptedApp(status=201, chunks=(b"x" * 60, b"y" * 40)), metrics, Routed("/orders/{id}"), recorder)
    door.call(app, "POST", "/orders/7")
    page = scrape(door.call, app)
    labels = {"http_request_method": "POST", "http_route": "/orders/{id}", "http_response_status_code": "201"}
    assert [sample.value for sample in page.requests()] == [1]
    assert page.value(f"{DURATION}_count", **labels, error_type="") == 1
    assert page.value(f"{DURATION}_sum", **labels) == recorder.exchanges[0].duration
    assert page.value(f"{SIZE}_sum", **labels) == 100
    assert page.value(f"{SIZE}_bucket", **labels, le="64.0") == 0
    assert page.value(f"{SIZE}_bucket", **labels, le="256.0") == 1
    assert all("error_type" not in sample.labels for sample in page.samples(f"{SIZE}_count"))


@pytest.mark.parametrize(
    ("app", "options", "status", "error"),
    [
        (ScriptedApp(error=KeyError("early")), {}, "500", "KeyError"),
        (ScriptedApp(error=KeyError("late"), error_after=1), {}, "200", "KeyError"),
        (ScriptedApp(status=503), {}, "503", "503"),
        (ScriptedApp(status=404), {}, "404", ""),
        (ScriptedApp(chunks=(b"a", b"b", b"c")), {"leave_after": 1}, "200", "aborted"),
    ],
    ids=["raises early", "raises mid-stream", "server error", "not found", "client leaves"],
)
def test_every_fate_is_one_observation(
    door: Any, metrics: Any, scrape: Any, *, app: ScriptedApp, options: dict[str, Any], status: str, error: str
) -> None:
    """Whatever became of a request, it is counted once, with the status that was sent and the type of its error."""
    watched = door.watch(app, metrics)
    door.call(watched, path="/somewhere", **options)
    (sample,) = scrape(door.call, watched).requests()
    assert sample.value == 1
    assert sample.labels == {
        "http_request_method": "GET",
        "http_route": "unmatched",
        "http_response_status_code": status,
        "error_type": error,
    }


def test_background_work_is_neither_latency_nor_active(metrics: Any, scrape: Any) -> None:
    """Time after the last body byte is not the client's."""
    recorder = Recorder()
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
        seen["sent"] = perf_counter()
        seen["page"] = await asyncio.to_thread(scrape, call_asgi, watched)

    watched = ASGIMiddleware(app, metrics, recorder)
    call_asgi(watched)
    assert seen["page"].value("http_server_active_requests", http_request_method="GET", url_scheme="http") == 0
    total = scrape(call_asgi, watched).value(f"{DURATION}_sum", http_route="unmatched")
    exchange = next(exchange for exchange in recorder.exchanges if exchange.path == "/")
    assert 0 < total <= seen["sent"] - exchange.started


def test_a_stream_is_active_until_its_last_byte(door: Any, metrics: Any, scrape: Any) -> None:
    """A request is under way while its body is, and shows as zero from then on."""
    pages: list[Any] = []

    class Streams(Plugin):
        def on_response(self, exchange: Exchange) -> None:
            if exchange.app_path != "/metrics":
                thread = threading.Thread(target=lambda: pages.append(scrape(door.call, app)))
                thread.start()
                thread.join()

    app = door.watch(ScriptedApp(chunks=(b"a", b"b")), metrics, Streams())
    door.call(app, "PUT")
    pages.append(scrape(door.call, app))
    active = [page.value("http_server_active_requests", http_request_method="PUT") for page in pages]
    assert active == [1, 0]


def test_reading_the_page_is_not_an_active_request(door: Any, metrics: Any, scrape: Any) -> None:
    """An idle service shows zero, so that an autoscaler may act on it."""
    page = scrape(door.call, door.watch(ScriptedApp(), metrics))
    (sample,) = page.samples("http_server_active_requests")
    assert (sample.value, sample.labels) == (0, {"http_request_method": "GET", "url_scheme": "http"})


def websocket(app: Any, received: list[dict[str, Any]]) -> None:
    """One websocket connection of which the client sends *received*."""
    scope = {"type": "websocket", "path": "/chat", "scheme": "ws", "headers": [], "client": ("127.0.0.1", 5)}

    async def receive() -> dict[str, Any]:
        return received.pop(0)

    async def send(message: Any) -> None: ...

    asyncio.run(app(scope, receive, send))


def test_the_duration_of_a_websocket_is_its_handshake(metrics: Any, scrape: Any) -> None:
    """An open websocket is active; however long it stays, the handshake is what took time, and it has no body."""
    recorder = Recorder()
    pages: list[Any] = []

    async def chat(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        pages.append(await asyncio.to_thread(scrape, call_asgi, watched))
        await send({"type": "websocket.send", "text": "hello"})
        await receive()

    watched = ASGIMiddleware(chat, metrics, recorder)
    websocket(watched, [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}])
    pages.append(scrape(call_asgi, watched))
    exchange = next(exchange for exchange in recorder.exchanges if exchange.kind == "websocket")
    assert exchange.first_byte is not None
    assert [page.value("http_server_active_requests", url_scheme="ws") for page in pages] == [1, 0]
    labels = {"http_response_status_code": "101", "error_type": ""}
    assert pages[1].value(f"{DURATION}_sum", **labels) == exchange.first_byte - exchange.started
    assert exchange.first_byte - exchange.started < exchange.duration
    assert not pages[1].samples(f"{SIZE}_count", http_response_status_code="101")


def test_a_websocket_that_is_given_up_before_an_answer_is_counted(metrics: Any, scrape: Any) -> None:
    """A handshake that nobody answered has the duration of the attempt, and no status."""

    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    recorder = Recorder()
    watched = ASGIMiddleware(nobody, metrics, recorder)
    websocket(watched, [{"type": "websocket.connect"}])
    (sample,) = (page := scrape(call_asgi, watched)).requests()
    assert sample.labels["http_response_status_code"] == ""
    assert sample.labels["error_type"] == "incomplete"
    assert page.value(f"{DURATION}_sum", error_type="incomplete") == recorder.exchanges[0].duration


def test_a_scheme_that_strangers_made_up_is_bounded(metrics: Any, scrape: Any) -> None:
    """An HTTP/2 client chooses `:scheme`."""
    pages: list[Any] = []
    app = ASGIMiddleware(ScriptedApp(before=lambda: pages.append(_elsewhere(scrape, app))).asgi, metrics)
    call_asgi(app, scope={"scheme": "gopher"})
    assert pages[0].value("http_server_active_requests", url_scheme="_OTHER") == 1


def _elsewhere(scrape: Callable[..., Any], app: Any) -> Any:
    pages: list[Any] = []
    thread = threading.Thread(target=lambda: pages.append(scrape(call_asgi, app)))
    thread.start()
    thread.join()
    return pages[0]


def test_the_exchange_outlives_no_request(door: Any, metrics: Any) -> None:
    """Nothing of a request is kept once it is over, whatever became of it."""
    seen: list[int] = []
    app = ScriptedApp(error=ValueError("x"), before=lambda: seen.append(len(metrics._active.exchanges)))
    door.call(door.watch(app, metrics))
    assert current() is None
    assert seen == [1]
    assert not metrics._active.exchanges
