"""Events for other programs: what each format promises, whatever is in the events."""

from __future__ import annotations

import csv
import io
import json
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from midwatch.audit.canonical import canonical
from midwatch.audit.columns import columns
from midwatch.audit.export import FORMATS, Event, exporter
from midwatch.audit.export.cells import ACTIVE, cell
from midwatch.audit.export.flat import NAMES, flat

BODY: dict[str, Any] = {
    "action": "order.update",
    "actor": {"auth": "password", "id": "u42", "session_hash": "ab" * 16, "type": "user", "verified": True},
    "detail_digest": "00" * 32,
    "duration_ms": 12,
    "http": {"method": "PATCH", "route": "/orders/{id}", "status": 403, "bytes_out": 17},
    "id": "019b7a3c-5e00-7000-8000-000000000001",
    "kind": "action",
    "outcome": "denied",
    "reason": {"code": "closed", "policy": "policy-7", "text": "the order is closed"},
    "request_id": "r-1",
    "resource": [{"id": "17", "type": "order"}, {"id": "9", "type": "customer"}],
    "seq": 3,
    "service": {"env": "production", "host": "web-1", "name": "orders", "version": "1.4.2"},
    "source": {"ip": "192.0.2.7", "ip_trust": "proxy", "peer_ip": "10.0.0.1", "port": 4711},
    "stream": "0" * 31 + "1",
    "tenant": "t1",
    "time": "2026-01-01T00:00:00.123456Z",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "v": 2,
}

DETAIL: dict[str, Any] = {
    "changes": [{"field": "total", "new": "=2", "old": 1}],
    "names": {"actor": "Ada"},
    "ua": "curl/8",
}

scalars = some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.text(max_size=20)
names = some.sampled_from([*sorted(BODY), "id", "ip", "name", "text", "type"])
inner = scalars | some.lists(scalars, max_size=3) | some.dictionaries(names, scalars, max_size=4)
anything = scalars | some.lists(inner, max_size=3) | some.dictionaries(names, inner, max_size=4)
bodies = some.fixed_dictionaries({}, optional=dict.fromkeys(sorted(BODY), anything))


def event(body: dict[str, Any] = BODY, detail: dict[str, Any] | None = DETAIL) -> Event:
    kept = None if detail is None else canonical(detail)
    return Event(columns(body) | {"body": canonical(body), "detail": kept})


def exported(name: str, *events: Event) -> bytes:
    out = io.BytesIO()
    assert exporter(name)(events, out) == len(events)
    return out.getvalue()


def test_lines_are_as_kept() -> None:
    """The hashed bytes stand in the line as they are, and detail beside them while there is some."""
    first, second = exported("jsonl", event(), event(detail=None)).splitlines()
    assert first == b'{"body":%b,"detail":%b}' % (canonical(BODY), canonical(DETAIL))
    assert second == b'{"body":%b}' % canonical(BODY)


def test_csv() -> None:
    """One row an event, by the names of the head."""
    head, row = csv.reader(io.StringIO(exported("csv", event()).decode(), newline=""))
    assert tuple(head) == NAMES
    found = dict(zip(head, row, strict=True))
    assert (found["actor_id"], found["actor_name"], found["actor_verified"]) == ("u42", "Ada", "true")
    assert (found["resource_type"], found["resource_id"], found["resources"]) == ("order", "17", "2")
    assert (found["status"], found["user_agent"], found["policy"]) == ("403", "curl/8", "policy-7")
    assert json.loads(found["changes"]) == DETAIL["changes"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "=cmd|' /C calc'!A0", "＝1"])
def test_formulas_are_text(text: str) -> None:
    """No cell begins with what a spreadsheet acts on."""
    assert cell(text).startswith("'")


@given(some.text() | some.integers() | some.none() | some.booleans())
def test_no_cell_acts(value: str | int | None) -> None:
    """Text never begins with something active, and holds no control character; a number is as it was."""
    told = cell(value)
    assert told.isprintable()
    if isinstance(value, str):
        assert told.lstrip()[:1] not in ACTIVE
    elif value is not None and not isinstance(value, bool):
        assert int(told) == value


@given(bodies, some.none() | some.dictionaries(some.sampled_from(["changes", "names", "ua"]), anything))
def test_whatever_an_event_holds(body: dict[str, Any], detail: dict[str, Any] | None) -> None:
    """Any JSON makes one record of each format: valid, and a line of its own."""
    one = event(body, detail)
    for name in ("jsonl", "ocsf", "cadf"):
        data = exported(name, one)
        assert data.endswith(b"\n")
        assert data.count(b"\n") == 1
        assert isinstance(msgspec.json.decode(data), dict)
    rows = list(csv.reader(io.StringIO(exported("csv", one).decode(), newline="")))
    assert [len(row) for row in rows] == [len(NAMES)] * 2
    assert tuple(flat(one)) == NAMES


@given(some.binary(max_size=60))
def test_whatever_a_store_holds(data: bytes) -> None:
    """A body that is no JSON makes a line that says so, and an empty row."""
    one = Event({"time": 0, "body": data, "detail": data})
    for name in ("jsonl", "ocsf", "cadf", "csv"):
        exported(name, one)
    (line,) = exported("jsonl", one).splitlines()
    assert isinstance(msgspec.json.decode(line), dict) or line.startswith(b'{"body":')


def test_ocsf() -> None:
    """API Activity with all that the class requires; the type is made of class and activity."""
    told = json.loads(exported("ocsf", event()))
    required = ("activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint",
                "time", "type_uid")  # fmt: skip
    assert all(name in told for name in required)
    assert (told["class_uid"], told["activity_id"], told["type_uid"]) == (6003, 3, 600_303)
    assert (told["time"], told["status_id"], told["status_code"]) == (1_767_225_600_123, 2, "closed")
    assert told["actor"]["authorizations"] == [{"decision": "Denied", "policy": {"uid": "policy-7"}}]
    assert told["actor"]["user"] == {"name": "Ada", "type": "User", "type_id": 1, "uid": "u42"}
    assert told["src_endpoint"] == {"intermediate_ips": ["10.0.0.1"], "ip": "192.0.2.7", "port": 4711}
    assert told["metadata"]["sequence"] == 3
    assert told["resources"] == [{"type": "order", "uid": "17"}, {"type": "customer", "uid": "9"}]


@pytest.mark.parametrize(
    ("kind", "action", "method", "activity"),
    [("request", "GET /orders", "GET", 2), ("request", "POST /delete", "POST", 1),
     ("action", "order.delete", "POST", 4), ("action", "order.refund", "PUT", 3),
     ("action", "order.refund", "PURGE", 99)],
)  # fmt: skip
def test_activities(kind: str, action: str, method: str, activity: int) -> None:
    """The last word of an action decides, else the method; never the words of a route."""
    one = event(BODY | {"kind": kind, "action": action, "http": {"method": method}})
    assert json.loads(exported("ocsf", one))["activity_id"] == activity


def test_cadf() -> None:
    """An activity event with its three parties."""
    told = json.loads(exported("cadf", event()))
    assert told["typeURI"] == "http://schemas.dmtf.org/cloud/audit/1.0/event"
    assert (told["eventType"], told["action"], told["outcome"]) == ("activity", "update", "failure")
    assert told["eventTime"] == "2026-01-01T00:00:00.123456+00:00"
    assert told["initiator"]["host"] == {"address": "192.0.2.7", "agent": "curl/8"}
    assert told["target"] == {"id": "17", "typeURI": "data/order"}
    assert told["reason"] == {"policyId": "policy-7", "reasonCode": "closed", "reasonType": "application"}
    assert json.loads(exported("cadf", event(BODY | {"stage": "intent"})))["outcome"] == "pending"


def test_version_one() -> None:
    """Events of the first version, which had no detail and a reason of words, say the same."""
    old = BODY | {"v": 1, "reason": "closed", "changes": DETAIL["changes"], "source": {"ua": "curl/7"}}
    found = flat(event(old, None))
    assert (found["reason"], found["reason_code"], found["user_agent"]) == ("closed", None, "curl/7")
    assert json.loads(str(found["changes"])) == DETAIL["changes"]


def test_unknown_format() -> None:
    """A format that does not exist is refused with those that do."""
    with pytest.raises(ValueError, match=", ".join(FORMATS)):
        exporter("xml")


@pytest.mark.skipif(find_spec("pyarrow") is not None, reason="pyarrow is there")
def test_parquet_needs_pyarrow() -> None:
    """Who has no pyarrow is told what to install."""
    with pytest.raises(ValueError, match="pip install pyarrow"):
        exporter("parquet")


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
def test_parquet() -> None:
    """The columns of CSV, typed."""
    parquet: Any = import_module("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(exported("parquet", event(), event({}, None))))
    assert tuple(table.column_names) == NAMES
    first, second = table.to_pylist()
    assert (first["status"], first["actor_verified"], first["time"].microsecond) == (403, True, 123_456)
    assert second["time"] is None
