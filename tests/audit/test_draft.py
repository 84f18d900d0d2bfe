"""Events that are made when they are written: what they say is of the moment when their request was over."""

from __future__ import annotations

from time import time_ns
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch import AuditTrail, Exchange, Plugin
from midwatch.audit import canonical
from midwatch.audit.draft import Draft, lasting
from midwatch.audit.event import service_part
from midwatch.audit.rules import Rule
from midwatch.audit.seen import Seen
from midwatch.audit.writer import Rank, Writer
from midwatch.audit.writer.writer import PLACE
from midwatch.record import Actor
from midwatch.service import Service
from midwatch.testing import Recorder, ScriptedApp, call_wsgi

from .writer.shelf import LONG, SERVICE, Shelf, sound

ASYNC = (Rule(mode="async"),)

texts = st.text(max_size=300) | st.text('"\\\t\n\x7f\u2028€😀', max_size=300)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def seen_of(**said: Any) -> Seen:
    recorder = Recorder()
    from midwatch import WSGIMiddleware

    call_wsgi(WSGIMiddleware(ScriptedApp().wsgi, recorder))
    seen = Seen(recorder.exchange)
    for name, value in said.items():
        setattr(seen, name, value)
    return seen


def events(shelf: Shelf) -> list[dict[str, Any]]:
    found = [msgspec.json.decode(row.body) for row in shelf.rows.values()]
    return [event for event in found if event["kind"] == "request"]


class Reuses(Plugin):
    """A server that uses the parts of a request for the next one, as soon as it is over."""

    def on_finish(self, exchange: Exchange) -> None:
        if "REMOTE_ADDR" in exchange.native:
            exchange.native.update(HTTP_USER_AGENT="another", REMOTE_ADDR="203.0.113.9")
        else:
            exchange.native["headers"] = [(b"user-agent", b"another")]


def test_it_is_of_the_moment_when_the_request_was_over(door: Any, shelf: Shelf) -> None:
    writer = Writer(shelf, service=SERVICE, deadline=0.05)
    # The way out is in reverse: what comes first in the list is told last.
    app = door.watch(ScriptedApp(), Reuses(), AuditTrail(store=writer, rules=ASYNC))
    before = time_ns()
    door.call(app, path="/orders", headers=[("user-agent", "curl/8")])
    assert writer.close(LONG)
    (event,) = events(shelf)
    assert event["http"] == {"method": "GET", "status": 200, "bytes_out": 5}
    assert event["action"] == "GET unmatched"
    assert event["outcome"] == "success"
    assert event["source"]["ip"] == "127.0.0.1"
    assert event["duration_ms"] <= (time_ns() - before) // 1_000_000
    (detail,) = [row.detail for row in shelf.rows.values() if row.detail is not None]
    assert msgspec.json.decode(detail) == {"ua": "curl/8"}
    assert sound(shelf.rows.values())


def test_one_that_cannot_be_made_is_a_loss_and_the_others_are_there(shelf: Shelf) -> None:
    class Broken:
        size = 100

        def made(self) -> Any:
            raise RuntimeError("broken")

    writer = Writer(shelf, service=SERVICE, deadline=0.05)
    broken: Any = Broken()
    for draft in (Draft(seen_of(), 1, 2, SERVICE, "detail"), broken, Draft(seen_of(), 3, 4, SERVICE, "detail")):
        writer.later(draft, Rank.READ)
    assert writer.flush(LONG)
    assert writer.state().dropped == {"read": 1}
    writer.close(LONG)
    assert len(events(shelf)) == 2


def test_without_room_it_is_counted(shelf: Shelf) -> None:
    writer = Writer(shelf, service=SERVICE, max_items=0)
    writer.later(Draft(seen_of(), 1, 2, SERVICE, "detail"), Rank.READ)
    assert writer.state().dropped == {"read": 1}
    writer.close(LONG)


@given(st.builds(dict, route=texts | st.none(), method=texts, request_id=texts | st.none(), agent=texts | st.none()),
       texts, st.builds(Actor, texts, texts, texts | st.none()) | st.none())  # fmt: skip
def test_it_is_never_larger_than_it_says(said: dict[str, Any], name: str, actor: Actor | None) -> None:
    """What a queue and a disk have room for is reckoned by it."""
    service = service_part(Service(name, name, name), name)
    draft = Draft(seen_of(actor=actor, **said), time_ns(), (1 << 74) - 1, service, "detail")
    body, detail = draft.made()
    assert len(canonical.canonical(body)) + len(detail or b"") <= draft.size + PLACE


@pytest.mark.parametrize("actor", [None, Actor("u1"), Actor("u1", "service", "Ada"), Actor(17)])  # type: ignore[arg-type]
def test_who_will_be_the_same_later(actor: Any) -> None:
    assert lasting(actor)


@pytest.mark.parametrize("actor", ["u1", object(), Actor(["u1"]), type("User", (Actor,), {})("u1")])  # type: ignore[arg-type]
def test_whoever_may_change_is_written_down_at_once(door: Any, shelf: Shelf, actor: Any) -> None:
    assert not lasting(actor)

    class Signs(Plugin):
        def on_request(self, exchange: Exchange) -> None:
            exchange.actor = actor

    writer = Writer(shelf, service=SERVICE, deadline=0.05)
    door.call(door.watch(ScriptedApp(), Signs(), AuditTrail(store=writer, rules=ASYNC)))
    writer.close(LONG)
    assert len(events(shelf)) == 1
