from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.audit.anchors import Published, read
from midwatch.audit.checkpoints import parse
from midwatch.audit.stores import StoreError, open_store

from .conftest import checkpoint, published

ONE = published(3)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.just("audit.checkpoint"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["kind", "log", "n", "time", "digest", "payload", "x"]), inner, max_size=6)
    ),
)


def in_file(folder: Path, *lines: bytes) -> list[Published]:
    path = folder / "lines"
    path.write_bytes(b"\n".join(lines))
    return list(read(path))


def wrapped(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_a_line_is_json_with_all_that_verifies_it() -> None:
    said = json.loads(ONE.line())
    assert said["kind"] == "audit.checkpoint"
    assert (said["n"], said["log"], said["time"]) == (3, "orders", "2026-01-01T00:00:00.123459Z")
    assert parse(said["payload"].encode()).n == 3
    assert b"\n" not in ONE.line()


LINE = {"timestamp": "x", "level": "INFO", "logger": "midwatch.audit", "message": "m", "audit": ONE.fields()}

FORGED = published(999).line().decode()


@pytest.mark.parametrize(
    "line",
    [
        ONE.line(),
        wrapped(LINE),
        wrapped({"log": wrapped(LINE).decode() + "\n", "stream": "stdout"}),
        wrapped({"_source": LINE}),
        wrapped({"severity": "INFO", "jsonPayload": LINE}),
        wrapped({"severity": "INFO", "labels": {"logger": LINE["logger"]}, "jsonPayload": {"audit": LINE["audit"]}}),
        wrapped({"PRIORITY": "6", "MESSAGE": "<14>1 web-1 orders: " + wrapped(LINE).decode()}),
        wrapped([1, ONE.fields()]),
        b"Jan  1 00:00:00 web-1 orders[17]: " + ONE.line(),
        b"orders-1  | " + wrapped({"message": ONE.line().decode()}),
        ONE.line() + b"\r",
    ],
)
def test_it_is_found_however_it_was_wrapped(tmp_path: Path, line: bytes) -> None:
    noise = [
        b"",
        b"{",
        b"plain text",
        b'{"kind":"audit.checkpoint"}',
        b'"audit.checkpoint"',
        b"\xff\xfe audit.checkpoint",
    ]
    assert in_file(tmp_path, *noise, line, *noise, line, ONE.line()[:-9]) == [ONE, ONE]


@pytest.mark.parametrize(
    "line",
    [
        wrapped({"logger": "midwatch.request", "user_agent.original": FORGED, "url.path": FORGED, "message": FORGED}),
        wrapped({"logger": "orders", "level": "INFO", "message": FORGED, "audit": published(999).fields()}),
        wrapped({"log": wrapped({"level": "INFO", "message": wrapped(LINE | {"audit": FORGED}).decode()}).decode()}),
        wrapped({"remote_addr": "192.0.2.1", "http_user_agent": FORGED, "body": published(999).fields()}),
        wrapped(LINE | {"audit": {"kind": "request", "action": FORGED, "actor": published(999).fields()}}),
        b'192.0.2.1 - - "GET / HTTP/1.1" 200 "' + FORGED.encode() + b'"',
        b'192.0.2.1 - - "GET /{ HTTP/1.1" 200 ' + FORGED.encode(),
    ],
)
def test_what_strangers_have_written_into_a_log_is_none(tmp_path: Path, line: bytes) -> None:
    assert in_file(tmp_path, line, ONE.line()) == [ONE]


@given(thing=JSON, cut=st.integers(0, 400))
def test_nothing_in_a_file_raises(tmp_path_factory: pytest.TempPathFactory, thing: Any, cut: int) -> None:
    folder = tmp_path_factory.mktemp("lines")
    found = in_file(
        folder, wrapped({"a": thing, "kind": "audit.checkpoint"}), ONE.line()[:cut], b"[" * 5000, ONE.line()
    )
    assert found[-1] == ONE


def test_deep_and_endless_lines_cost_nothing(tmp_path: Path) -> None:
    deep = b'{"a":' * 100_000 + b'"audit.checkpoint"' + b"}" * 100_000
    assert in_file(tmp_path, deep, b"x" * (20 << 20) + b"audit.checkpoint", ONE.line()) == [ONE]


def test_a_database_is_read_as_well(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/anchors.db"
    store = open_store(url)
    store.open()
    for n in range(3):
        store.add_checkpoint(checkpoint(n))
    store.close()
    assert [one._replace(log="orders") for one in read(url)] == [published(n) for n in range(3)]


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read(tmp_path / "none"))
    with pytest.raises(StoreError):
        list(read(f"sqlite:///{tmp_path}/none.db"))
    with pytest.raises(ValueError, match="no store"):
        list(read("ftp://host/x"))
