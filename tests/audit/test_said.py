"""What the application says of a whole request: it counts for its event and for its records, and never raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch import audit
from midwatch.testing import ScriptedApp


def told(door: Any, trail: Any, say: Any, **options: Any) -> list[dict[str, Any]]:
    answer = door.call(door.watch(ScriptedApp(before=say, **options), trail.plugin), "POST", "/")
    assert answer.status == options.get("status", 200)
    found: list[dict[str, Any]] = trail.bodies
    return found


def test_deny_makes_an_event_of_any_request(door: Any, trail: Any) -> None:
    def before() -> None:
        audit.deny("refund-limit", permission="orders.refund", reason="too much")

    app = ScriptedApp(before=before)
    door.call(door.watch(app, trail.plugin))
    assert trail.body["outcome"] == "denied"
    assert trail.body["reason"] == {
        "policy": "refund-limit", "permission": "orders.refund", "text": "too much", "granted": False,
    }  # fmt: skip


def test_tenant_session_and_impersonator(door: Any, make_trail: Any) -> None:
    trail = make_trail(secret=b"s" * 32)

    def say() -> None:
        assert audit.actor("ann")
        assert audit.tenant("acme")
        assert audit.session("secret-cookie")
        assert audit.impersonate("bob", "support")
        audit.record("orders.refund")

    found = told(door, trail, say)
    assert len(found) == 2
    for body in found:
        assert body["tenant"] == "acme"
        assert body["actor"]["impersonator"] == {"id": "bob", "type": "support"}
        assert body["actor"]["session_hash"] == trail.plugin.hashed("secret-cookie")
    assert "secret-cookie" not in "".join(trail.lines)


def test_suspicious(door: Any, trail: Any) -> None:
    first, _ = told(door, trail, lambda: audit.suspicious("price of the client", "order:1"))
    assert (first["kind"], first["action"], first["outcome"]) == ("auth", "audit.suspicious", "denied")
    assert first["reason"] == {"text": "price of the client"}


@pytest.mark.parametrize("nobody", [None, ""])
def test_nobody_is_said_nothing_of(door: Any, trail: Any, nobody: Any) -> None:
    answers: list[bool] = []
    say = lambda: answers.extend([audit.tenant(nobody), audit.session(nobody), audit.impersonate(nobody)])  # noqa: E731
    (body,) = told(door, trail, say)
    assert answers == [False] * 3
    assert "tenant" not in body


def test_outside_of_everything(trail: Any) -> None:
    assert [audit.deny("x"), audit.tenant("x"), audit.session("x"), audit.impersonate("x")] == [False] * 4
    assert trail.bodies == []


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


@given(st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.builds(Hostile), st.lists(st.text())))
def test_nothing_that_is_said_raises(value: Any) -> None:
    with audit.job("x"):
        for say in (audit.deny, audit.tenant, audit.session, audit.impersonate):
            assert say(value) in (True, False)
        audit.suspicious(value, value)


def test_hostile_objects_change_no_response(door: Any, trail: Any) -> None:
    hostile: Any = Hostile()

    def say() -> None:
        audit.deny(hostile, permission=hostile)
        audit.tenant(hostile)
        audit.session(hostile)
        audit.impersonate(hostile, hostile)
        audit.suspicious(hostile, hostile)

    assert len(told(door, trail, say)) == 2
