"""What applications record, and who acts."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import midwatch
from midwatch import ASGIMiddleware, WSGIMiddleware, audit
from midwatch.audit import api
from midwatch.testing import Recorder, ScriptedApp, call_asgi, call_wsgi


def test_a_record_waits_for_the_actor_and_the_outcome(door: Any, trail: Any) -> None:
    """Both are known later than what is recorded; a GET is an event when the application says so."""

    def before() -> None:
        audit.record("orders.refund", "order:17", reason="late", changes={"state": ("paid", "refunded")})
        audit.actor("u1")
        assert trail.lines == []

    door.call(door.watch(ScriptedApp(status=409, before=before), trail.plugin))
    body = trail.body
    assert body["kind"] == "action"
    assert body["action"] == "orders.refund"
    assert body["resource"] == [{"id": "17", "type": "order"}]
    assert body["changes"] == [{"field": "state", "new": "refunded", "old": "paid"}]
    assert body["reason"] == {"text": "late"}
    assert body["actor"] == {"id": "u1", "type": "user", "verified": True}
    assert body["outcome"] == "failure"


def test_an_outcome_that_was_given_counts(door: Any, trail: Any) -> None:
    """The application knows better than its status; the request keeps its own."""
    app = ScriptedApp(before=lambda: audit.record("login", outcome="denied"))
    door.call(door.watch(app, trail.plugin), "POST")
    assert [(body["action"], body["outcome"]) for body in trail.bodies] == [
        ("login", "denied"),
        ("POST unmatched", "success"),
    ]


def test_an_outcome_that_is_none_of_the_six_is_unknown_and_named(door: Any, trail: Any) -> None:
    """A wrong word is not a reason to lose an event."""
    app = ScriptedApp(before=lambda: audit.record("login", outcome="maybe"))  # type: ignore[arg-type]
    door.call(door.watch(app, trail.plugin))
    assert trail.body["outcome"] == "unknown"
    assert trail.body["truncated"] == ["outcome"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("order:17", [{"id": "17", "type": "order"}]),
        ("urn:isbn:1", [{"id": "isbn:1", "type": "urn"}]),
        ("orders", [{"type": "orders"}]),
        ({"type": "order", "id": 17, "name": "Ann's", "secret": "x"}, [{"id": "17", "name": "Ann's", "type": "order"}]),
        ({"type": "order", "id": None}, [{"type": "order"}]),
        (["order:1", {"type": "user", "id": "2"}], [{"id": "1", "type": "order"}, {"id": "2", "type": "user"}]),
        (("order:1", "order:2"), [{"id": "1", "type": "order"}, {"id": "2", "type": "order"}]),
        ({"order:1"}, [{"id": "1", "type": "order"}]),
        (17, [{"type": "17"}]),
    ],
)
def test_a_resource_is_text_an_object_or_several(door: Any, trail: Any, given: Any, kept: Any) -> None:
    """All forms end as a list of type and id."""
    app = ScriptedApp(before=lambda: audit.record("look", given))
    door.call(door.watch(app, trail.plugin))
    assert trail.body["resource"] == kept


def test_more_resources_or_changes_than_one_event_names_are_cut_and_named(door: Any, trail: Any) -> None:
    """32 resources and 64 changes; the event says that there were more."""
    changes = {f"field{number}": (number, number + 1) for number in range(100)}
    app = ScriptedApp(before=lambda: audit.record("purge", [f"order:{n}" for n in range(33)], changes=changes))
    door.call(door.watch(app, trail.plugin))
    assert len(trail.body["resource"]) == 32
    assert len(trail.body["changes"]) == 64
    assert trail.body["truncated"] == ["resource", "changes"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"price": (1.5, 2)}, [{"field": "price", "new": 2, "old": "1.5"}]),
        ({"tags": (None, ["a", "b"])}, [{"field": "tags", "new": ["a", "b"], "old": None}]),
        ({"name": "Ann"}, [{"field": "name", "new": "Ann"}]),
        (["name", "mail"], [{"field": "name"}, {"field": "mail"}]),
        ("name", [{"field": "name"}]),
    ],
)
def test_changes_are_fields_with_their_old_and_new_value(door: Any, trail: Any, given: Any, kept: Any) -> None:
    """Floats are text: no two readers of JSON agree on them."""
    app = ScriptedApp(before=lambda: audit.record("edit", changes=given))
    door.call(door.watch(app, trail.plugin))
    assert trail.body["changes"] == kept


def test_what_was_recorded_is_a_copy(door: Any, trail: Any) -> None:
    """Objects that change after the call do not change the event."""
    tags = ["a"]

    def before() -> None:
        audit.record("edit", changes={"tags": ([], tags)})
        tags.append("b")

    door.call(door.watch(ScriptedApp(before=before), trail.plugin))
    assert trail.body["changes"] == [{"field": "tags", "new": ["a"], "old": []}]


def test_a_request_has_at_most_a_hundred_records_and_says_how_many_more_there_were(door: Any, trail: Any) -> None:
    """The rest is counted in an event of the request, which a GET has for that reason alone."""

    def before() -> None:
        for number in range(130):
            audit.record("read", f"order:{number}")

    door.call(door.watch(ScriptedApp(before=before), trail.plugin))
    *records, request = trail.bodies
    assert [body["resource"][0]["id"] for body in records] == [str(number) for number in range(100)]
    assert request["kind"] == "request"
    assert request["records_dropped"] == 30


def test_two_trails_of_one_door_both_have_every_event(door: Any, make_trail: Any) -> None:
    """One for the log, one for a file: each chain is whole."""
    first, second = make_trail(), make_trail()
    app = ScriptedApp(before=lambda: audit.record("orders.refund"))
    door.call(door.watch(app, first.plugin, second.plugin), "POST")
    for trail in (first, second):
        assert sorted(body["action"] for body in trail.bodies) == ["POST unmatched", "orders.refund"]
        assert audit.verify(trail.lines).sound


def test_a_record_outside_a_request_is_written_at_once(trail: Any) -> None:
    """By the trail that was made last; nobody is known to act, and how it ended is unknown unless told."""
    audit.record("orders.purge", "orders")
    audit.record("orders.purge", outcome="success")
    first, second = trail.bodies
    assert (first["kind"], first["outcome"], first["actor"]) == (
        "action", "unknown", {"type": "anonymous", "verified": False},
    )  # fmt: skip
    assert "http" not in first
    assert second["outcome"] == "success"


def test_a_record_of_a_request_that_no_trail_watches_goes_to_the_latest(door: Any, trail: Any) -> None:
    """At once, with the actor as known so far; the request has no outcome yet."""

    def before() -> None:
        audit.actor("u1")
        audit.record("orders.refund")
        assert trail.body["actor"]["id"] == "u1"

    door.call(door.watch(ScriptedApp(before=before), Recorder()))
    assert trail.body["outcome"] == "unknown"


def test_a_record_after_the_end_of_its_request_is_written_at_once(door: Any, trail: Any) -> None:
    """A task or thread that outlives the request still belongs to it, without a limit on its records."""
    import contextvars

    kept: list[contextvars.Context] = []
    app = ScriptedApp(before=lambda: kept.append(contextvars.copy_context()))
    door.call(door.watch(app, trail.plugin))
    for _ in range(150):
        kept[0].run(audit.record, "mail.sent")
    assert [body["action"] for body in trail.bodies] == ["mail.sent"] * 150
    assert trail.bodies[0]["http"]["status"] == 200


def test_a_record_that_races_with_the_end_of_its_request_is_not_lost(door: Any, trail: Any) -> None:
    """Kept after the trail has looked: whoever notices emits it, once."""
    import contextvars

    from midwatch.audit.entry import Entry
    from midwatch.audit.trail import emit_pending

    kept: list[contextvars.Context] = []
    recorder = Recorder()
    app = ScriptedApp(before=lambda: kept.append(contextvars.copy_context()))
    door.call(door.watch(app, recorder, trail.plugin))
    api._keep(recorder.exchange, Entry(1, "late"))
    assert trail.body["action"] == "late"
    emit_pending(recorder.exchange, recorder.exchange.extra["midwatch.audit"])
    assert len(trail.bodies) == 1


def test_without_a_trail_a_record_is_lost_and_that_is_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, make_trail: Any
) -> None:
    """A trail that is gone is none."""
    monkeypatch.setattr(api, "_told", threading.Event())
    make_trail()
    gc.collect()
    with caplog.at_level(logging.WARNING, "midwatch"):
        audit.record("orders.purge")
        audit.record("orders.purge")
    assert [record.getMessage() for record in caplog.records] == [
        "midwatch.audit.record() without an AuditTrail: the event is lost (told once)"
    ]


def test_an_actor_outside_a_request_is_nobody(trail: Any) -> None:
    """There is nothing that the actor could act in."""
    assert audit.actor("u1") is False


@pytest.mark.parametrize("nobody", [None, ""])
def test_nobody_does_not_replace_somebody(door: Any, trail: Any, nobody: object) -> None:
    """`actor(user.id)` with an id that is None must not make an actor called None."""
    answers: list[bool] = []
    app = ScriptedApp(before=lambda: answers.extend([audit.actor("u1"), audit.actor(nobody)]))
    door.call(door.watch(app, trail.plugin), "POST")
    assert answers == [True, False]
    assert trail.body["actor"]["id"] == "u1"


def test_an_actor_is_copied_as_bounded_text(door: Any, trail: Any) -> None:
    """Numbers and objects become text, and a megabyte of it a kilobyte."""

    class User:
        def __str__(self) -> str:
            return "Ann"

    def before() -> None:
        audit.actor("x" * (1 << 20), type="y" * 999)
        exchange = midwatch.current()
        assert exchange is not None
        assert exchange.actor == ("x" * 1024, "y" * 256, None)
        audit.actor(17, type="", name=User())

    door.call(door.watch(ScriptedApp(before=before), trail.plugin), "POST")
    assert trail.body["actor"] == {"id": "17", "name": "Ann", "type": "user", "verified": True}


USERS, REQUESTS = 200, 50


def _mixed(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [body for body in bodies if body["resource"][0]["id"].partition("/")[0] != body["actor"]["id"]]


@pytest.mark.no_cover  # Others cover what it does; tracing would double its time.
def test_two_hundred_users_at_once_in_threads_are_never_mixed_up(make_trail: Any) -> None:
    """Each event names the user whose request it was, and the chain holds."""
    trail = make_trail()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        user = environ["HTTP_X_TEST"]
        audit.record("touch", f"thing:{user}")
        rendezvous.wait()
        audit.actor(user.partition("/")[0])
        start_response("200 OK", [])
        return [b""]

    rendezvous = threading.Barrier(20)
    watched = WSGIMiddleware(app, trail.plugin)

    def serve(number: int) -> None:
        call_wsgi(watched, headers=[("host", "x"), ("x-test", f"u{number % USERS}/{number}")], validate=False)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(serve, range(USERS * REQUESTS)))
    assert len(trail.bodies) == USERS * REQUESTS
    assert _mixed(trail.bodies) == []
    report = audit.verify(trail.lines)
    assert report.sound
    assert report.events == USERS * REQUESTS + 1


@pytest.mark.no_cover  # Others cover what it does; tracing would double its time.
def test_two_hundred_users_at_once_in_tasks_are_never_mixed_up(make_trail: Any) -> None:
    """The same on one event loop, every request interleaved with all others."""
    trail = make_trail()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        user = scope["path"][1:]
        audit.record("touch", f"thing:{user}")
        await asyncio.sleep(0)
        audit.actor(user.partition("/")[0])
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    watched = ASGIMiddleware(app, trail.plugin)

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)

    async def user(number: int) -> None:
        for request in range(REQUESTS):
            scope = {"type": "http", "method": "GET", "path": f"/u{number}/{request}", "headers": []}
            await watched(scope, receive, send)

    async def everybody() -> None:
        await asyncio.gather(*(user(number) for number in range(USERS)))

    asyncio.run(everybody())
    assert len(trail.bodies) == USERS * REQUESTS
    assert _mixed(trail.bodies) == []
    assert audit.verify(trail.lines).sound


def test_a_record_in_a_worker_thread_of_a_request_belongs_to_it(trail: Any) -> None:
    """Threads that carry the context see the same exchange."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.to_thread(audit.record, "touch", "thing:1")
        await asyncio.to_thread(audit.actor, "u1")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    call_asgi(ASGIMiddleware(app, trail.plugin))
    assert trail.body["actor"]["id"] == "u1"
    assert trail.body["http"]["status"] == 204
