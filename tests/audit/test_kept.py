"""A trail in a store, put together from texts as settings have them: events, checkpoints and last words."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

import midwatch
from midwatch.audit.event import service_part
from midwatch.audit.kept import Kept
from midwatch.audit.keys import keygen, load_signer, load_verifier
from midwatch.audit.stores import open_store
from midwatch.audit.verify.store import verify_store
from midwatch.service import Service
from midwatch.testing import ScriptedApp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from midwatch.audit.event import Body

SERVICE = Service("orders", "1.4.2", "production")


@pytest.fixture(params=["sqlite", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {"sqlite": f"sqlite:///{tmp_path}/audit.db", "file": f"file://{tmp_path}/audit.jsonl"}[request.param]


@pytest.fixture
def body() -> Callable[[str], Body]:
    def make(action: str) -> Body:
        return {
            "v": 2, "id": "0190d3a0-0000-7000-8000-000000000000", "time": "2026-01-02T03:04:05.000006Z",
            "kind": "action",
            "actor": {"id": "u1", "type": "user", "verified": True}, "action": action, "outcome": "success",
            "service": service_part(SERVICE, "host"), "stream": "", "seq": 0,
        }  # fmt: skip

    return make


def test_events_are_signed_for_and_anchored(url: str, tmp_path: Path, body: Callable[[str], Body]) -> None:
    """One event, and the end: the last checkpoint has it all, and who has the public key and the anchor can tell."""
    key, anchor = tmp_path / "audit.key", tmp_path / "anchor.jsonl"
    keygen(key)
    kept = Kept(url, service=SERVICE, signer=load_signer(str(key)), anchors=[f"file://{anchor}"])
    ack = kept.put(body("order.refund"))
    assert ack is not None
    ack.result(20)
    assert kept.close(20)

    store = open_store(url, read_only=True)
    store.open()
    found = verify_store(store, verifiers=[load_verifier(f"{key}.pub")])
    checkpoints = store.checkpoints(-1, 100)
    store.close()
    assert found.state == "sound", found.text()
    assert json.loads(checkpoints[-1].payload)["log"] == "orders"
    assert all(checkpoint.signature for checkpoint in checkpoints)


def test_its_state_is_at_hand(url: str, body: Callable[[str], Body]) -> None:
    kept = Kept(url, service=SERVICE, anchors=[], strict=True)
    ack = kept.put(body("order.refund"), None, "strict")
    assert ack is not None
    ack.result(20)
    assert kept.standing.check().status == "pass"
    kept.close(20)


def test_a_file_that_is_no_database_stops_the_start_and_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "audit.db"
    place.write_bytes(b"\0 this is none of ours" * 100)
    with pytest.raises(ValueError, match=r"audit\.db"):
        Kept(f"sqlite:///{place}", service=SERVICE)
    assert place.read_bytes() == b"\0 this is none of ours" * 100


def test_a_directory_in_its_place_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(tmp_path.name)):
        Kept(f"file://{tmp_path}", service=SERVICE)


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"key": "/nowhere/audit.key"}, "audit.key"),
        ({"secret": "env:MIDWATCH_NO_SUCH_SECRET"}, "audit.secret"),
        ({"store": "sqlite:////nowhere/audit.db"}, "audit.store"),
    ],
)
def test_what_cannot_be_used_is_named(url: str, settings: dict[str, str], setting: str) -> None:
    """At the start, by the path of its setting."""
    with pytest.raises(midwatch.SettingsError, match=re.escape(setting)):
        midwatch.install(ScriptedApp().asgi, {"log": False, "audit": {"store": url, **settings}})


def test_a_server_that_is_away_does_not_stop_the_start(body: Callable[[str], Body], tmp_path: Path) -> None:
    """Events wait on disk."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    kept = Kept("postgresql://u:secret@127.0.0.1:1/none", service=SERVICE, spill=str(tmp_path / "spill"), anchors=[])
    ack = kept.put(body("order.refund"))
    assert ack is not None
    ack.result(20)
    kept.close(0.5)
    assert [*(tmp_path / "spill").glob("*.spill")]
