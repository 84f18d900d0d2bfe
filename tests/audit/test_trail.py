"""How a request waits for its events, and that it has one of its own, whatever becomes of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from midwatch import ASGIMiddleware, Plugin, audit
from midwatch.audit.rules import Rule
from midwatch.audit.stores import open_store
from midwatch.audit.together import together, unmade
from midwatch.audit.writer import Lost, Writer
from midwatch.testing import ScriptedApp

from .writer.shelf import DOWN, LONG, SERVICE, Shelf, actions, bodies, streams_in

if TYPE_CHECKING:
    from pathlib import Path

STRICT = (Rule(match=("POST /payments",), mode="strict"),)

BROKEN = ValueError("broken")


class Keep:
    """A store that decides on each event at once."""

    def __init__(self, decide: Callable[[dict[str, Any]], Any] = lambda _body: True) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.modes: list[str] = []
        self._decide = decide

    def put(self, body: dict[str, Any], detail: Any = None, mode: str = "durable", rank: Any = None) -> Any:
        decided = self._decide(body)
        self.bodies.append(body)
        self.modes.append(mode)
        if mode == "async" or decided is None:
            return None
        ack: Future[None] = Future()
        if decided is True:
            ack.set_result(None)
        elif decided is False:
            ack.set_exception(Lost("full"))
        return ack

    def later(self, draft: Any, rank: Any) -> None:
        body, detail = draft.made()
        self.put(body, detail, "async", rank)

    def close(self, deadline: float) -> bool:
        return True


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def writer(shelf: Shelf, tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(shelf, service=SERVICE, spill=tmp_path, deadline=0.05)
    yield writer
    shelf.go_on()
    shelf.fail(None)
    writer.close(LONG)


def post(door: Any, app: Any, path: str = "/payments", **options: Any) -> Any:
    return door.call(app, "POST", path, **options)


def refused(answer: Any) -> bool:
    """Whether it is the refusal, whole."""
    if answer.status != 503:
        return False
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("retry-after") == "10"
    assert answer.header("cache-control") == "no-store"
    assert b"cannot be recorded" in answer.body
    return True


# Strict


def test_strict_has_its_intent_in_the_store_before_the_application_is_called(
    door: Any, make_trail: Any, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    writer = Writer(open_store(url), service=SERVICE)
    seen: list[list[dict[str, Any]]] = []
    trail = make_trail(store=writer, rules=STRICT)
    app = door.watch(ScriptedApp(before=lambda: seen.append(bodies(streams_in(url)[-1]))), trail.plugin)
    answer = post(door, app)
    found = bodies(streams_in(url)[-1])
    writer.close(LONG)
    assert answer.status == 200
    (before,) = seen
    assert [one.get("stage") for one in before if one["kind"] == "request"] == ["intent"]
    assert [(one["stage"], one["outcome"]) for one in found if one["kind"] == "request"] == [
        ("intent", "unknown"),
        ("outcome", "success"),
    ]


def test_strict_without_a_store_is_refused_and_the_application_not_called(
    door: Any, make_trail: Any, shelf: Shelf, writer: Writer
) -> None:
    shelf.fail(DOWN)
    called: list[int] = []
    app = door.watch(ScriptedApp(before=lambda: called.append(1)), make_trail(store=writer, rules=STRICT).plugin)
    assert refused(post(door, app))
    assert called == []


def test_strict_with_a_store_that_hangs_is_refused(
    door: Any, make_trail: Any, shelf: Shelf, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midwatch.audit.trail.STRICT", 0.1)
    shelf.hang()
    called: list[int] = []
    app = door.watch(ScriptedApp(before=lambda: called.append(1)), make_trail(store=writer, rules=STRICT).plugin)
    assert refused(post(door, app))
    assert called == []


@pytest.mark.parametrize("decided", [False, None, "raise"])
@pytest.mark.parametrize("stage", ["intent", "outcome"])
def test_an_event_of_a_strict_request_that_fails_is_a_refusal(
    door: Any, make_trail: Any, stage: str, decided: Any
) -> None:
    """Lost, not taken at all, or not even made: of the intent as of the outcome."""

    def decide(body: dict[str, Any]) -> Any:
        if body.get("stage") != stage:
            return True
        if decided == "raise":
            raise OSError("full")
        return decided

    called: list[int] = []
    app = ScriptedApp(before=lambda: called.append(1))
    answer = post(door, door.watch(app, make_trail(store=Keep(decide), rules=STRICT).plugin))
    assert refused(answer)
    assert called == ([] if stage == "intent" else [1])


@pytest.mark.parametrize("decided", [False, None])
def test_a_record_of_a_strict_request_that_fails_is_a_refusal(door: Any, make_trail: Any, decided: Any) -> None:
    """Even if those after it went well."""
    store = Keep(lambda body: decided if body["action"] == "pay" else True)

    def pay() -> None:
        audit.record("pay")
        audit.record("tell")

    assert refused(post(door, door.watch(ScriptedApp(before=pay), make_trail(store=store, rules=STRICT).plugin)))
    assert [body["action"] for body in store.bodies][1:3] == ["pay", "tell"]


def test_what_has_an_intent_has_an_outcome_even_if_a_later_rule_skips_it(door: Any, make_trail: Any) -> None:
    rules = (Rule(status=((200, 299),), skip=True), *STRICT)
    store = Keep()
    assert post(door, door.watch(ScriptedApp(), make_trail(store=store, rules=rules).plugin)).status == 200
    assert [body["stage"] for body in store.bodies] == ["intent", "outcome"]


def test_a_strict_websocket_is_refused(make_trail: Any, websocket: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    rules = (Rule(match=("/chat",), mode="strict"),)
    made = websocket(ASGIMiddleware(app, make_trail(store=Keep(lambda _: False), rules=rules).plugin))
    assert made.error is None
    assert "websocket.accept" not in [message["type"] for message in made.sent]


# Durable and async


def test_a_durable_response_waits_for_the_store(door: Any, make_trail: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    writer = Writer(open_store(url), service=SERVICE)
    trail = make_trail(store=writer)
    app = door.watch(ScriptedApp(before=lambda: audit.record("pay")), trail.plugin)
    assert post(door, app).status == 200
    found = actions(streams_in(url)[-1])
    writer.close(LONG)
    assert found[-2:] == ["pay", "POST unmatched"]


def test_durable_is_on_disk_when_the_store_hangs(
    door: Any, make_trail: Any, shelf: Shelf, writer: Writer, tmp_path: Path
) -> None:
    shelf.hang()
    answer = post(door, door.watch(ScriptedApp(), make_trail(store=writer, deadline=0.05).plugin))
    assert answer.status == 200
    assert b"POST unmatched" in b"".join(path.read_bytes() for path in tmp_path.glob("*.spill"))


@pytest.mark.parametrize("decided", [False, None, "never"])
def test_durable_goes_on_whatever_the_store_does(
    door: Any, make_trail: Any, monkeypatch: pytest.MonkeyPatch, decided: Any
) -> None:
    monkeypatch.setattr("midwatch.audit.trail.SPILL", 0.05)
    trail = make_trail(store=Keep(lambda _: decided), deadline=0.05)
    assert post(door, door.watch(ScriptedApp(), trail.plugin)).status == 200


def test_async_does_not_wait(door: Any, make_trail: Any, shelf: Shelf, writer: Writer) -> None:
    """The store hangs, and is even asked only after the response."""
    shelf.hang()
    trail = make_trail(store=writer, rules=(Rule(mode="async"),), deadline=LONG)
    assert door.call(door.watch(ScriptedApp(), trail.plugin)).status == 200
    shelf.go_on()
    writer.flush(LONG)
    assert [body["action"] for body in shelf.bodies() if body["kind"] == "request"] == ["GET unmatched"]


@pytest.mark.parametrize("status", [401, 403])
def test_refused_reads_have_an_event_that_is_waited_for(door: Any, make_trail: Any, status: int) -> None:
    store = Keep()
    assert door.call(door.watch(ScriptedApp(status=status), make_trail(store=store).plugin)).status == status
    assert [(body["outcome"], body["http"]["status"]) for body in store.bodies] == [("denied", status)]
    assert store.modes == ["durable"]


# Fates


FATES = {
    "answer": (ScriptedApp(), None, ["success"]),
    "streamed": (ScriptedApp(chunks=(b"a",) * 9), None, ["success"]),
    "failure": (ScriptedApp(status=503), None, ["error"]),
    "denied": (ScriptedApp(status=403), None, ["denied"]),
    "raises before it starts": (ScriptedApp(error=BROKEN), None, ["error"]),
    "raises in the middle": (ScriptedApp(chunks=(b"a", b"b"), error=BROKEN, error_after=1), None, ["success", "error"]),
    "client leaves": (ScriptedApp(chunks=(b"a", b"b", b"c")), 1, ["success", "aborted"]),
    "client leaves a refusal": (ScriptedApp(status=403, chunks=(b"a", b"b", b"c")), 1, ["denied"]),
    "cancelled": (ScriptedApp(error=asyncio.CancelledError()), None, ["unknown"]),
}


@pytest.mark.parametrize("mode", ["strict", "durable", "async"])
@pytest.mark.parametrize("name", FATES)
def test_one_outcome_whatever_becomes_of_it(door: Any, make_trail: Any, name: str, mode: str) -> None:
    """And another that amends it only if it is different; in async, the only one is the last."""
    app, leave_after, outcomes = FATES[name]
    store = Keep()
    post(door, door.watch(app, make_trail(store=store, rules=(Rule(mode=mode),)).plugin), leave_after=leave_after)
    told = [body for body in store.bodies if body.get("stage") != "intent"]
    assert [body["outcome"] for body in told] == (outcomes if mode != "async" else outcomes[-1:])
    assert [body.get("amends") for body in told] == [None, *(body["id"] for body in told[:-1])]
    assert len(store.bodies) - len(told) == (mode == "strict")


def test_a_request_that_is_cancelled_twice_while_it_waits(make_trail: Any) -> None:
    """One outcome, and what amends it."""
    put = threading.Event()

    def never(_body: Any) -> str:
        put.set()
        return "never"

    store = Keep(never)

    async def main() -> None:
        app = ASGIMiddleware(ScriptedApp().asgi, make_trail(store=store, deadline=LONG).plugin)
        scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
        started = asyncio.Event()

        async def receive() -> Any:
            await started.wait()

        async def send(_message: Any) -> None: ...

        task = asyncio.create_task(app(scope, receive, send))
        while not put.is_set():
            await asyncio.sleep(0)
        task.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    first, *rest = store.bodies
    assert first["outcome"] == "success"
    assert [body["amends"] for body in rest] == [first["id"]]
    assert rest[0]["outcome"] == "unknown"


def test_a_websocket_has_its_opening_and_its_close(make_trail: Any, websocket: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    store = Keep()
    websocket(ASGIMiddleware(app, make_trail(store=store).plugin), {"type": "websocket.disconnect", "code": 1000})
    assert [body["reason"]["code"] for body in store.bodies] == ["open", "close"]


def test_a_websocket_that_is_refused_has_one(make_trail: Any, websocket: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 1008})

    store = Keep()
    websocket(ASGIMiddleware(app, make_trail(store=store).plugin))
    assert [(body["outcome"], "amends" in body) for body in store.bodies] == [("denied", False)]


# Records


def test_records_before_and_after_the_response(door: Any, make_trail: Any) -> None:
    """Each once, in their order; what comes while the body is sent is written at the end."""

    class Late(Plugin):
        def on_response(self, exchange: Any) -> None:
            audit.record("during")

        def on_finish(self, exchange: Any) -> None:
            audit.record("after")

    store = Keep()
    app = door.watch(ScriptedApp(before=lambda: audit.record("before")), Late(), make_trail(store=store).plugin)
    post(door, app)
    assert sorted(body["action"] for body in store.bodies) == ["POST unmatched", "after", "before", "during"]
    assert store.bodies[0]["action"] == "before"


def test_changes_that_are_handed_over_are_not_told_of_twice(door: Any, make_trail: Any) -> None:
    def rename() -> None:
        audit.changes({"seen": 1}, {"seen": 2})
        audit.record("rename", changes=audit.changes({"name": "a"}, {"name": "b"}))

    trail = make_trail()
    post(door, door.watch(ScriptedApp(before=rename), trail.plugin))
    first, request = trail.bodies
    assert first["changes"] == [{"field": "seen", "old": 1, "new": 2}, {"field": "name", "old": "a", "new": "b"}]
    assert "changes" not in request


def test_a_trail_that_breaks_changes_no_response(door: Any, make_trail: Any) -> None:
    def broken(_bits: int) -> int:
        raise OSError

    for options in ({"ids": broken}, {"ids": broken, "store": Keep()}):
        trail = make_trail(**options)
        assert post(door, door.watch(ScriptedApp(), trail.plugin)).status == 200


# Waiting for several


def test_together() -> None:
    first, second = Future[None](), Future[None]()
    whole = together([first, second])
    second.set_result(None)
    assert not whole.done()
    first.set_result(None)
    assert whole.result(0) is None
    assert together([first]) is first
    assert together([Future(), unmade()]).exception(0) is not None
