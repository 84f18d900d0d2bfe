"""Telemetry that was lost, as a detail for the operator."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from midwatch import LatencyMetrics, delivery
from midwatch.delivery import Channel, Refused
from midwatch.delivery import channel as channel_module
from midwatch.destinations import Entry, SpillTo, entries_to
from midwatch.health import HealthCheck
from midwatch.service import Service
from midwatch.testing import ScriptedApp

STRANGER = ("203.0.113.9", 50000)
NAME = "midwatch:dropped"


def refuse(batch: list[str]) -> None:
    raise Refused("400 Bad Request")


def channel(name: str, dropped: int) -> Channel[str]:
    """One that has lost so many, and sent one."""
    made: Channel[str] = Channel(name, lambda batch: None, max_items=1)
    delivery.channels.discard(made)
    for _ in range(dropped + 1):
        made.put("a")
    assert made.step()
    delivery.channels.add(made)
    return made


def ask(door: Any, **call: Any) -> Any:
    health = HealthCheck(service=Service("unknown_service"))
    return door.call(door.watch(ScriptedApp(), health), **{"path": "/health", **call})


def shown(answer: Any, document: Any) -> dict[str, int]:
    elements = document(answer).get("checks", {}).get(NAME, [])
    for element in elements:
        assert set(element) == {"componentId", "observedValue", "observedUnit", "time"}
        assert element["observedUnit"] == "items"
    return {element["componentId"]: element["observedValue"] for element in elements}


def test_nothing_lost_is_no_detail(door: Any, document: Any) -> None:
    kept = channel("spans to otlp://collector:4318/v1/traces", 0)
    assert document(ask(door)) == {"status": "pass"}
    assert kept.sent == 1


def test_what_was_lost(served: Any, door: Any, document: Any, deliveries: dict[str, int]) -> None:
    """By destination, several of one name together, and what no destination saw; it is no failure of the service."""
    kept = [channel("stdout", 2), channel("stdout", 3), channel("file:///a", 0), channel("zipkin://z", 1)]
    deliveries["spans of requests kept at their end"] = 7
    health = HealthCheck(checks={"database": lambda: None}, service=Service("unknown_service"))
    answer = door.call(served(health), path="/health")
    assert document(answer)["status"] == "pass"
    assert shown(answer, document) == {"stdout": 5, "zipkin://z": 1, "spans of requests kept at their end": 7}
    assert document(answer)["checks"]["database"][0]["status"] == "pass"
    assert len(kept) == 4


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/health/startup"])
def test_every_group_tells(door: Any, document: Any, path: str) -> None:
    kept = channel("stdout", 2)
    assert shown(ask(door, path=path), document) == {"stdout": 2}
    assert kept.dropped == 2


def test_strangers_are_told_nothing(door: Any) -> None:
    """Where things are sent, and whether they arrive, is the operator's business."""
    kept = channel("stdout", 2)
    for call in ({"peer": STRANGER}, {"headers": [("host", "h"), ("x-forwarded-for", "127.0.0.1")]}):
        assert json.loads(ask(door, **call).body) == {"status": "pass"}
    assert ask(door, headers=[("host", "h"), ("accept", "text/plain")]).body == b"pass"
    assert kept.dropped == 2


def test_no_credentials(door: Any, document: Any) -> None:
    kept = channel("otlp://user:hunter2@collector", 1)
    assert shown(ask(door), document) == {"otlp://collector": 1}
    assert kept.dropped == 1


def test_a_refusal_counts(door: Any, document: Any) -> None:
    made: Channel[str] = Channel("spans", refuse)
    delivery.channels.discard(made)
    made.put("a")
    assert made.step()
    delivery.channels.add(made)
    assert shown(ask(door), document) == {"spans": 1}


def test_what_waits_on_disk(door: Any, document: Any, tmp_path: Path) -> None:
    """A server that is away: its lines are safe, and the operator sees how many bytes of them wait."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, so that nobody else is there, and not listening
        url = f"syslog+tcp://127.0.0.1:{nobody.getsockname()[1]}"
        ship = entries_to(url, Service("shop"), SpillTo(str(tmp_path), 1 << 20))
        for number in range(5000):
            ship(Entry(0.0, "INFO", "app", f'{{"number":{number}}}'))
        assert not delivery.flush(0.5)
    for one in channel_module.channels:
        if one.name == url:
            delivery.channels.add(one)
    waiting = document(ask(door))["checks"]["midwatch:spilled"]
    (element,) = [element for element in waiting if element["componentId"] == url]
    assert element["observedUnit"] == "bytes"
    assert element["observedValue"] > 5000 * 14
    page = door.call(door.watch(ScriptedApp(), LatencyMetrics()), path="/metrics").body.decode()
    assert re.search(rf'^midwatch_spill_bytes\{{channel="{re.escape(url)}"\}} [1-9]', page, re.MULTILINE)
