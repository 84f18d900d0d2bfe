"""Which requests become events, and what the events say; through both doors."""

from __future__ import annotations

from typing import Any

import pytest

from midwatch import Actor, Exchange, audit
from midwatch.audit.event import utc, uuid7
from midwatch.testing import ScriptedApp, call_asgi

SAFE = ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"]
CHANGING = ["POST", "PUT", "PATCH", "DELETE", "PURGE", "get"]


@pytest.mark.parametrize("method", SAFE)
@pytest.mark.parametrize("status", [200, 304, 404, 407, 500])
def test_a_safe_method_that_is_not_refused_is_no_event(door: Any, trail: Any, method: str, status: int) -> None:
    """Reads are not audited."""
    app = door.watch(ScriptedApp(status=status, chunks=()), trail.plugin)
    door.call(app, method, **({"validate": False} if door.name == "wsgi" else {}))
    assert trail.lines == []


@pytest.mark.parametrize("method", [*SAFE, *CHANGING])
@pytest.mark.parametrize("status", [401, 403])
def test_every_refusal_is_an_event(door: Any, trail: Any, method: str, status: int) -> None:
    """401 and 403 are audited whatever the method."""
    app = door.watch(ScriptedApp(status=status, chunks=()), trail.plugin)
    door.call(app, method, **({"validate": False} if door.name == "wsgi" else {}))
    assert trail.body["outcome"] == "denied"
    assert trail.body["http"] == {"method": method, "status": status}
    assert trail.body["actor"] == {"type": "anonymous", "verified": False}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "success"), (201, "success"), (303, "success"), (400, "failure"), (401, "denied"), (403, "denied"),
        (404, "failure"), (407, "denied"), (429, "failure"), (451, "denied"), (500, "error"), (503, "error"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", CHANGING)
def test_every_change_is_an_event_with_the_outcome_of_its_status(
    door: Any, trail: Any, method: str, status: int, outcome: str
) -> None:
    """Anything but a safe method is audited; methods are case-sensitive (RFC 9110 section 9.1)."""
    app = door.watch(ScriptedApp(status=status), trail.plugin)
    door.call(app, method, **({"validate": False} if door.name == "wsgi" else {}))
    assert trail.body["kind"] == "request"
    assert trail.body["outcome"] == outcome
    assert trail.body["action"] == f"{method} unmatched"


def test_an_exception_is_an_error(door: Any, trail: Any) -> None:
    """What the app raised before it answered counts as 500."""
    door.call(door.watch(ScriptedApp(error=LookupError("gone")), trail.plugin), "POST")
    assert trail.body["outcome"] == "error"
    assert trail.body["http"]["status"] == 500


def test_a_client_that_leaves_early_is_aborted(door: Any, trail: Any) -> None:
    """Nobody knows whether the client saw what was done."""
    app = ScriptedApp(headers=(("content-type", "text/plain"),), chunks=(b"a", b"b", b"c"))
    door.call(door.watch(app, trail.plugin), "POST", leave_after=1)
    assert trail.body["outcome"] == "aborted"


def test_a_client_that_hangs_up_on_a_refusal_was_denied(door: Any, trail: Any) -> None:
    """Probing must not look like a lost connection."""
    app = ScriptedApp(status=403, chunks=(b"a", b"b", b"c"))
    door.call(door.watch(app, trail.plugin), "GET", leave_after=1)
    assert trail.body["outcome"] == "denied"


def test_an_app_that_never_answers_has_an_unknown_outcome(trail: Any) -> None:
    """No status, no claim."""

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        return

    call_asgi(audit_door(silent, trail.plugin), "POST")
    assert trail.body["outcome"] == "unknown"
    assert "status" not in trail.body["http"]


def audit_door(app: Any, *plugins: Any) -> Any:
    from midwatch import ASGIMiddleware

    return ASGIMiddleware(app, *plugins)


def test_an_event_says_who_what_when_and_from_where(door: Any, trail: Any, put: Any) -> None:
    """The whole body of one event, with everything known."""
    known = {"trace_id": "a" * 32, "span_id": "b" * 16, "request_id": "r-1", "route": "/orders/{id}"}

    def before() -> None:
        audit.actor("u1", name="Ann")

    app = ScriptedApp(before=before)
    headers = [("host", "shop"), ("user-agent", "curl/8")]
    door.call(door.watch(app, put(**known), trail.plugin), "POST", "/orders/17", headers=headers, peer=("192.0.2.7", 1))
    body = trail.body
    host = body["service"].pop("host")
    assert body.pop("duration_ms") == 0
    assert isinstance(host, str)
    assert body == {
        "action": "POST /orders/{id}",
        "actor": {"id": "u1", "name": "Ann", "type": "user", "verified": True},
        "http": {"bytes_out": 5, "method": "POST", "route": "/orders/{id}", "status": 200},
        "id": "019b76da-a87b-7000-8000-000000000001",
        "kind": "request",
        "outcome": "success",
        "request_id": "r-1",
        "seq": 1,
        "service": {"env": "production", "name": "orders", "version": "1.4.2"},
        "source": {"ip": "192.0.2.7", "ip_trust": "peer", "peer_ip": "192.0.2.7", "port": 1, "ua": "curl/8"},
        "span_id": "b" * 16,
        "stream": f"{2:032x}",
        "time": "2026-01-01T00:00:00.123456Z",
        "trace_id": "a" * 32,
        "v": 2,
    }


def test_a_proxy_that_is_trusted_speaks_for_the_client(door: Any, trail: Any) -> None:
    """The client and the socket's other end are both kept."""
    from midwatch.proxies import Proxies

    app = door.watch(ScriptedApp(), trail.plugin, proxies=Proxies(["10.0.0.0/8"]))
    door.call(app, "POST", headers=[("host", "x"), ("x-forwarded-for", "6.6.6.6, 192.0.2.7")], peer=("10.0.0.1", 1))
    assert trail.body["source"] == {
        "forwarded": "6.6.6.6, 192.0.2.7", "ip": "192.0.2.7", "ip_trust": "proxy", "peer_ip": "10.0.0.1",
    }  # fmt: skip


def test_a_peer_without_an_address_is_named_by_what_it_is(door: Any, trail: Any) -> None:
    """A unix socket has none to tell."""
    app = door.watch(ScriptedApp(), trail.plugin)
    door.call(app, "POST", peer=None)
    assert trail.body["source"] == {"ip": "unix", "ip_trust": "peer", "peer_ip": "unix"}


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_a_forged_token_is_not_the_actor(door: Any, trail: Any, scheme: str) -> None:
    """Nothing in a header says who acts: {"alg":"none"} {"sub":"admin"} stays anonymous and appears nowhere."""
    token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."
    app = door.watch(ScriptedApp(), trail.plugin)
    door.call(app, "POST", headers=[("host", "x"), ("authorization", f"{scheme} {token}"), ("x-user", "admin")])
    assert trail.body["actor"] == {"type": "anonymous", "verified": False}
    assert "admin" not in "".join(trail.lines)
    assert token not in "".join(trail.lines)


@pytest.mark.parametrize("odd", ["u1", 7, Actor(None, None, None)])  # type: ignore[arg-type]
def test_an_actor_of_the_wrong_type_is_an_odd_actor_and_still_an_event(
    door: Any, trail: Any, put: Any, odd: object
) -> None:
    """What a plugin put there is kept as text."""
    door.call(door.watch(ScriptedApp(), put(actor=odd), trail.plugin), "POST")
    assert trail.body["actor"]["id"] == str(getattr(odd, "id", odd))


def test_long_and_dirty_values_of_strangers_are_cut_and_named(door: Any, trail: Any, put: Any) -> None:
    """A user agent of 4 KiB with escapes is 256 bytes without."""
    agent = "\x1b[31m" + "é" * 4096
    app = door.watch(ScriptedApp(), put(route="/r" * 2000, request_id="q" * 500), trail.plugin)
    options = {"validate": False} if door.name == "wsgi" else {}
    door.call(app, "POST", headers=[("host", "x"), ("user-agent", agent)], **options)
    body = trail.body
    assert len(body["source"]["ua"].encode()) <= 256
    assert body["source"]["ua"].startswith("\ufffd[31mé")
    assert len(body["http"]["route"]) == len(body["action"]) == 1024
    assert body["request_id"] == "q" * 128
    assert body["truncated"] == ["action", "http", "request_id", "ua"]


def test_a_refused_websocket_is_an_event(trail: Any) -> None:
    """Closing before accepting is answered with 403."""

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.close", "code": 1008})

    async def serve() -> None:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            assert message["type"] == "websocket.close"

        scope = {"type": "websocket", "path": "/live", "headers": [], "client": ("192.0.2.7", 1)}
        await audit_door(refuse, trail.plugin)(scope, receive, send)

    import asyncio

    asyncio.run(serve())
    assert trail.body["outcome"] == "denied"
    assert trail.body["http"] == {"method": "GET", "status": 403}


def test_a_plain_read_leaves_the_exchange_alone(door: Any, trail: Any) -> None:
    """No dict is made for a request that nobody records anything about."""
    from midwatch.testing import Recorder

    recorder = Recorder()
    door.call(door.watch(ScriptedApp(), trail.plugin, recorder), "GET")
    exchange: Exchange = recorder.exchange
    assert exchange._extra is None


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (999_999_999, "1970-01-01T00:00:00.999999Z"),
        (1_700_000_000_000_001_000, "2023-11-14T22:13:20.000001Z"),
    ],
)
def test_times_are_exact_to_the_microsecond(time: int, text: str) -> None:
    """No float in between that would lose one."""
    assert utc(time) == text


def test_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    """RFC 9562 section 5.7: version, variant and milliseconds in their places."""
    import uuid

    first, later = (
        uuid.UUID(uuid7(1_700_000_000_000_000_000, 2**74 - 1)),
        uuid.UUID(uuid7(1_700_000_000_001_000_000, 0)),
    )
    assert first.version == later.version == 7
    assert first.variant == later.variant == uuid.RFC_4122
    assert first.int >> 80 == 1_700_000_000_000
    assert str(first) < str(later)
