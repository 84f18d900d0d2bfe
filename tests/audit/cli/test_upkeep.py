"""Whether a store holds, its keys, and what is removed from it."""

from __future__ import annotations

import gzip
import json
import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.audit.anchors import open_anchor
from midwatch.audit.checkpoints import Checkpointer
from midwatch.audit.keys import load_signer
from midwatch.audit.stores import open_store
from midwatch.cli import main
from midwatch.delivery import flush

from .conftest import LONG, read

if TYPE_CHECKING:
    import pytest


def test_verify(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A store ends with 0 when it is sound, with 1 when it was tampered with, with 2 when it cannot be told."""
    assert main(["audit", "verify", database]) == 0
    assert capsys.readouterr().err.startswith("sound: 12 events in 1 streams")
    assert main(["audit", "verify", database, "--anchor", "nothing"]) == 2
    assert main(["audit", "verify", database, "--key", "/nothing"]) == 2
    capsys.readouterr()
    with sqlite3.connect(database) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(
            "UPDATE audit_event SET body = CAST(replace(CAST(body AS TEXT), 'denied', 'success') AS BLOB)"
        )
    connection.close()
    assert main(["audit", "verify", database, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["state"] == "tampered"


def test_keygen(capsys: pytest.CaptureFixture[str]) -> None:
    """A key for who signs, one for who verifies; never over another one, never on the screen."""
    assert main(["audit", "keygen", "audit.key"]) == 0
    out, words = capsys.readouterr()
    assert out.splitlines() == [str(Path.cwd() / "audit.key"), str(Path.cwd() / "audit.key.pub")]
    assert stat.S_IMODE(Path("audit.key").stat().st_mode) == 0o600
    assert Path("audit.key").read_text().splitlines()[1] not in out + words
    assert main(["audit", "keygen", "audit.key"]) == 2
    assert "never written over" in capsys.readouterr().err
    assert main(["audit", "keygen", "--hmac", "shared.key"]) == 0
    assert Path("shared.key").read_text().strip() not in capsys.readouterr().err


def test_erase(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Detail goes once that is said, with a record of who and why; the chain still holds."""
    asked = ["audit", "erase", database, "--actor", "u1", "--reason", "GDPR-118"]
    assert main(asked) == 2
    assert capsys.readouterr().err.startswith("error: erase: would remove")
    assert main([*asked, "--yes"]) == 0
    assert capsys.readouterr().err == "the detail of 5 events removed\n"
    assert [record["reason"]["text"] for record in read(database, "audit.erased")] == ["GDPR-118"]
    assert main(["audit", "verify", database]) == 0
    assert main(["audit", "erase", database, "--reason", "x", "--yes"]) == 2
    capsys.readouterr()
    assert main(["audit", "show", database, "--actor", "u1", "--full"]) == 0
    assert "detail.ua" not in capsys.readouterr().out


def test_prune(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing goes unless that is said, and nothing that no checkpoint covers."""
    assert main(["audit", "prune", database]) == 2
    assert main(["audit", "prune", database, "--before", "1h"]) == 2
    assert "--yes removes them" in capsys.readouterr().err
    assert main(["audit", "prune", database, "--before", "1h", "--yes"]) == 0
    assert capsys.readouterr().err == "0 events of 0 streams removed\n"


def test_a_trail_with_checkpoints(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A key, checkpoints, anchors: it verifies before and after the old events are gone, and with no other key."""
    assert main(["audit", "keygen", "audit.key"]) == 0
    assert main(["audit", "keygen", "other.key"]) == 0
    anchor = open_anchor(f"file://{Path.cwd() / 'anchor.jsonl'}")
    signer = load_signer(str(Path.cwd() / "audit.key"))
    maker = Checkpointer(open_store(f"sqlite:///{database}"), log="orders", signer=signer, anchors=[anchor])
    maker.start()
    assert maker.close(LONG)
    assert flush(LONG)
    verify = ["audit", "verify", database, "--anchor", "anchor.jsonl", "--key"]
    assert main([*verify, "audit.key.pub"]) == 0
    assert main([*verify, "other.key.pub"]) != 0
    capsys.readouterr()
    prune = ["audit", "prune", database, "--before", "2999-01-01T00:00:00Z", "--policy", "DP-7", "--yes"]
    assert main([*prune, "--export", "old.jsonl.gz"]) == 0
    assert capsys.readouterr().err == "12 events of 1 stream removed\n"
    assert [record["policy"] for record in read(database, "audit.pruned")] == ["DP-7"]
    assert main([*verify, "audit.key.pub"]) == 0
    with gzip.open("old.jsonl.gz") as old:
        assert len(old.read().splitlines()) == 12


def test_describe(capsys: pytest.CaptureFixture[str]) -> None:
    """The inventory of settings: places without credentials, rules as they are."""
    rules = [
        {"match": ["POST /payments"], "status": ["4xx", 500], "mode": "strict"},
        {"actor": ["probe"], "skip": True},
    ]
    audit = {"store": f"sqlite:///{Path.cwd() / 'audit.db'}", "rules": rules, "retention": 400,
             "anchors": ["https://user:hunter2@notary.internal/"]}  # fmt: skip
    Path("settings.json").write_text(json.dumps({"service": {"name": "orders"}, "audit": audit}))
    assert main(["audit", "describe", "settings.json"]) == 0
    out = capsys.readouterr().out
    assert "hunter2" not in out
    assert "  POST /payments; status 400-499, 500: level detail, mode strict\n" in out
    assert "  every request; actor probe: no event\n" in out
    assert "retention: 400 days" in out
    assert main(["audit", "describe", "settings.json", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["audited"], told["service"]) == (1, True, "orders")
    Path("off.json").write_text('{"audit": false}')
    assert main(["audit", "describe", "off.json"]) == 0
    assert capsys.readouterr().out == "service: unknown_service\naudited: no\n"
