"""Whose failure takes a process out of traffic, has it restarted, or is only told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from midwatch.health import Check, HealthCheck, Result, Status
from midwatch.health.checks import load

if TYPE_CHECKING:
    from midwatch.health.checks import CheckLike, Scope


@pytest.mark.parametrize(
    ("scope", "gate", "ready", "whole"),
    [
        ("local", None, "fail", "fail"),
        ("local", False, "warn", "fail"),
        ("shared", None, "warn", "fail"),
        ("shared", True, "fail", "fail"),
        ("external", None, "warn", "fail"),
        ("external", True, "fail", "fail"),
        (None, None, "fail", "fail"),
    ],
)
def test_scopes(
    served: Any, door: Any, document: Any, scope: Scope | None, gate: bool | None, ready: str, whole: str
) -> None:
    """What all instances share takes none out of traffic, unless it is made to; the whole tells of it as it is."""
    health = HealthCheck(checks={"it": Check(lambda: False, scope=scope, gate=gate), "other": lambda: True})
    app = served(health)
    answers = {path: document(door.call(app, path=path)) for path in ("/health", "/health/ready", "/health/ready/it")}
    assert [answers[path]["status"] for path in answers] == [whole, ready, "fail"]
    (member,) = answers["/health/ready"]["checks"]["it"]
    assert (member["status"], member.get("gates", True)) == ("fail", ready == "fail")


@pytest.mark.parametrize("scope", ["shared", "external"])
@pytest.mark.parametrize("gate", [None, True, False])
def test_not_in_live(scope: Scope, gate: bool | None) -> None:
    """What a restart does not cure is refused in `live`, with the reason and the remedy."""
    with pytest.raises(ValueError) as caught:
        HealthCheck(checks={"db": Check(lambda: True, ("live",), scope=scope, gate=gate)})
    assert str(caught.value) == (
        f"health.checks.db: what is {scope} does not belong into 'live': when it fails, all instances are restarted,"
        " which cures nothing. Ask it in 'ready'; or say gate='force' to have it so nevertheless"
    )


def test_forced(served: Any, door: Any, document: Any) -> None:
    """Unless it is forced."""
    app = served(HealthCheck(checks={"db": Check(lambda: False, ("live",), scope="shared", gate="force")}))
    assert document(door.call(app, path="/health/live"))["status"] == "fail"


class Built:
    """A check that says of itself where it belongs."""

    scope = "external"
    groups = ("ready", "payments")

    def __call__(self) -> bool:
        return False


class Other:
    """Attributes that mean something else."""

    scope = 1
    groups = 7
    gate = "way"

    def __call__(self) -> bool:
        return True


def test_what_a_check_says_of_itself() -> None:
    """It counts, unless the settings say otherwise, or it means something else."""
    assert load("it", Built(), 1)[1:] == load("it", Check(Built()), 1)[1:]
    loaded = load("it", Built(), 1)
    assert (loaded.scope, loaded.groups, loaded.gates) == ("external", frozenset({"ready", "payments"}), False)
    told = load("it", Check(Built(), ["ready"], scope="local"), 1)
    assert (told.scope, told.groups, told.gates) == ("local", frozenset({"ready"}), True)
    other = load("it", Other(), 1)
    assert (other.scope, other.groups, other.gates) == ("local", frozenset({"ready"}), True)


def test_built_in(served: Any, door: Any, document: Any) -> None:
    """Built-in checks are named by text, and what they check of others does not gate."""
    app = served(HealthCheck(checks={"peer": "tcp://127.0.0.1:1?timeout=1", "memory": "memory"}))
    told = document(door.call(app, path="/health/ready"))
    assert told["status"] == "warn"
    assert told["checks"]["peer"][0]["scope"] == "shared"


def test_affected(served: Any, door: Any, document: Any) -> None:
    """The routes that suffer are told while they do."""
    answers: list[object] = [True, False]
    check = Check(lambda: answers.pop(0), affects=["/orders/{id}", "POST /orders"], tags=["sql"])
    health = HealthCheck(checks={"db": check})
    app = served(health)
    (member,) = document(door.call(app, path="/health"))["checks"]["db"]
    assert ("affectedEndpoints" in member, member["tags"]) == (False, ["sql"])
    served.run(health)
    (member,) = document(door.call(app, path="/health"))["checks"]["db"]
    assert member["affectedEndpoints"] == ["/orders/{id}", "/orders"]


def test_own_groups(served: Any, door: Any, document: Any) -> None:
    """An application has groups of its own."""
    checks: dict[str, CheckLike] = {"card": Check(lambda: False, ("payments",)), "db": lambda: True}
    app = served(HealthCheck(checks=checks))
    assert document(door.call(app, path="/health/payments"))["status"] == "fail"
    assert document(door.call(app, path="/health/ready"))["status"] == "pass"
    assert door.call(app, path="/health/payment").body == b"hello"


def test_unknown_result(served: Any, door: Any, document: Any) -> None:
    """A check that cannot tell fails where it gates, and is a concern elsewhere."""
    for gate, status in ((True, "fail"), (False, "warn")):
        app = served(HealthCheck(checks={"it": Check(lambda: Result("unknown", "no figures"), gate=gate)}))
        told = document(door.call(app, path="/health/ready"))
        assert (told["status"], told["checks"]["it"][0]["status"]) == (status, status)


class Leaving:
    draining = False


def test_draining(served: Any, door: Any, document: Any) -> None:
    """A service that drains is not ready, however well it is; nothing says that a restart would help."""
    drain = Leaving()
    app = served(HealthCheck(checks={"it": Check(lambda: True, ("live", "ready", "startup"))}, drain=drain))
    assert document(door.call(app, path="/health/ready"))["status"] == "pass"
    drain.draining = True
    told = document(door.call(app, path="/health/ready"))
    assert (told["status"], told["output"]) == ("fail", "draining")
    told = {path: document(door.call(app, path=f"/health{path}"))["status"] for path in ("", "/live", "/startup")}
    assert told == {"": "fail", "/live": "pass", "/startup": "pass"}
    stranger = document(door.call(app, path="/health/ready", peer=("203.0.113.9", 1)))
    assert stranger == {"status": "fail"}
    drain.draining = False
    assert document(door.call(app, path="/health/ready"))["status"] == "pass"


@pytest.mark.parametrize(
    ("said", "status"),
    [(Status.PASS, "pass"), (Status.WARN, "warn"), (Status.FAIL, "warn"), (Status.UNKNOWN, "pass")],
)
def test_blocks(door: Any, served: Any, said: Status, status: str) -> None:
    """A block adds to the whole and may warn; it fails nothing, and strangers do not see it."""
    blocks: dict[str, Any] = {"capacity": lambda: (said, {"score": 63}), "status": lambda: (Status.PASS, {})}
    app = served(HealthCheck(checks={"it": lambda: True}, blocks=blocks))
    told = json.loads(door.call(app, path="/health").body)
    assert (told["status"], told["capacity"]) == (status, {"score": 63})
    assert json.loads(door.call(app, path="/health", peer=("203.0.113.9", 1)).body) == {"status": status}
    assert "capacity" not in json.loads(door.call(app, path="/health/ready").body)


def test_broken_block(door: Any, served: Any) -> None:
    """A block that raises is left out."""
    app = served(HealthCheck(checks={"it": lambda: True}, blocks={"broken": lambda: 1 / 0}))  # type: ignore[dict-item, return-value]
    told = json.loads(door.call(app, path="/health").body)
    assert (told["status"], "broken" in told) == ("pass", False)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (Check(dir, scope="team"), "scope: 'team' is unknown; known are local, shared, external"),  # type: ignore[arg-type]
        (Check(dir, scope="lokal"), "scope: 'lokal' is unknown; did you mean 'local'?"),  # type: ignore[arg-type]
        (Check(dir, gate="yes"), "gate: 'yes' is neither True nor False nor 'force'"),  # type: ignore[arg-type]
        (Check(dir, affects="/orders"), "affects: a list is needed, as in ['/orders']"),
        (Check(dir, affects=["orders"]), "affects: 'orders' is not a route such as '/orders/{id}'"),
        (Check(dir, tags="sql"), "tags: a list is needed, as in ['sql']"),
        (Check(dir, ["drain"]), "groups: 'drain' is what else is served there; choose another name"),
        (Check(dir, ["a/b"]), "groups: 'a/b' is unknown"),
        (Check(dir, fail_after=0), "fail_after: 0 is neither a number of runs"),
        (Check(dir, recover_after="soon"), "recover_after: 'soon' is neither a number of runs"),
        (Check(dir, fail_after=True), "fail_after: True is neither a number of runs"),
        (Check(dir, interval=0), "interval: 0 is not a number of seconds above 0"),
        (Check(dir, max_age=10), "max_age: 10 s have to be more than the interval, 10 s"),
    ],
)
def test_wrong(check: Check, message: str) -> None:
    """What cannot be is said at the start."""
    with pytest.raises(ValueError) as caught:
        HealthCheck(checks={"it": check})
    assert str(caught.value).startswith(f"health.checks.it.{message}")
