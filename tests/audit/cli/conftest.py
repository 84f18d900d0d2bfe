"""What the tests of `midwatch audit` share: stores with ten events, written as a service would."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from midwatch.audit.canonical import canonical
from midwatch.audit.event import service_part, utc
from midwatch.audit.stores import Filter, open_store
from midwatch.audit.writer import Writer
from midwatch.service import Service

SECOND = 1_000_000_000

HOSTILE = "u\x1b[2J\u202e\x07"

LONG = 20.0


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIDWATCH_AUDIT_STORE", raising=False)


def body(number: int, **changes: Any) -> dict[str, Any]:
    """An event of the last hour; the later the higher its number."""
    return {
        "action": "order.update",
        "actor": {"id": f"u{number % 2}", "type": "user", "verified": True},
        "id": f"0197-{number:08x}",
        "kind": "action",
        "outcome": "denied" if number % 4 == 0 else "success",
        "resource": [{"id": str(number), "type": "order"}],
        "seq": 0,
        "service": {"host": "web-1", "name": "orders"},
        "source": {"ip": "192.0.2.7"},
        "stream": "",
        "time": utc(time.time_ns() - (1000 - number) * SECOND),
        "v": 2,
    } | changes


def keep(url: str, *bodies: dict[str, Any]) -> str:
    """A store of *bodies*, written as a service would."""
    writer = Writer(open_store(url), service=service_part(Service("orders"), "web-1"))
    for one in bodies:
        writer.put(one, canonical({"ua": f"agent-{one['id']}"}))
    assert writer.close(LONG)
    return url


@pytest.fixture(params=["sqlite", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Its path; ten events of two actors."""
    path = tmp_path / ("audit.db" if request.param == "sqlite" else "audit.jsonl")
    url = f"sqlite:///{path}" if request.param == "sqlite" else f"file://{path}"
    keep(url, *map(body, range(10)))
    return str(path)


@pytest.fixture
def database(tmp_path: Path) -> str:
    keep(f"sqlite:///{tmp_path / 'audit.db'}", *map(body, range(10)))
    return str(tmp_path / "audit.db")


def read(path: str, action: str = "audit.read") -> list[dict[str, Any]]:
    """The records of *action* in the store."""
    url = f"sqlite:///{path}" if path.endswith(".db") else f"file://{path}"
    store = open_store(url, read_only=True)
    store.open()
    found = [json.loads(row["body"]) for row in store.find(Filter(action=action), 100).rows]
    store.close()
    return found
