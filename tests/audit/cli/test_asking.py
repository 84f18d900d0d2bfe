"""Questions to a store: what is shown, what is recorded of it, and with which exit code it ends."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.cli import main

from .conftest import HOSTILE, body, keep, read


def test_show(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The events that fit, the newest last; and a record of who asked for what."""
    assert main(["audit", "show", store, "--actor", "u1", "--limit", "3", "--since", "1d"]) == 0
    out, words = capsys.readouterr()
    head, *rows = out.splitlines()
    assert head.split() == ["time", "outcome", "actor", "action", "resource", "ip", "reason"]
    assert [row.split()[5] for row in rows] == ["order:5", "order:7", "order:9"]
    assert words == "the latest 3 events; --limit shows more\n"
    (record,) = read(store)
    assert record["filter"]["actor"] == "u1"
    assert record["filter"]["since"].endswith("Z")
    assert record["command"] == "audit show"
    assert record["actor"]["type"] == "operator"


def test_show_all_of_it(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All that is in an event, its detail too; for programs as it is kept."""
    assert main(["audit", "show", store, "--resource", "order:3", "--full"]) == 0
    assert "  detail.ua: agent-0197-00000003\n" in capsys.readouterr().out
    assert main(["audit", "show", store, "--resource", "order:3", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["body"]["resource"] == [{"id": "3", "type": "order"}]
    assert main(["audit", "show", store, "--actor", "nobody' OR 1=1 --"]) == 0
    assert capsys.readouterr() == ("", "no such event\n")


def test_strangers_do_not_act_on_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is in events, no command prints a control character."""
    named = dict.fromkeys(("id", "type"), HOSTILE)
    odd = [body(2, actor=named, action=HOSTILE, resource=[named], source={"ip": HOSTILE}, reason={"text": HOSTILE}),
           body(3, actor=[HOSTILE], http=7, resource="x", source=None, reason=[], outcome=HOSTILE)]  # fmt: skip
    keep(f"sqlite:///{tmp_path / 'audit.db'}", *odd)
    for command in (["show"], ["show", "--full"], ["tail", "--once"], ["stats"], ["findings"], ["verify"],
                    ["show", "--json"], ["stats", "--json"]):  # fmt: skip
        assert main(["audit", command[0], "audit.db", *command[1:]]) in {0, 1}
        out, words = capsys.readouterr()
        assert all(line.isprintable() for line in (out + words).splitlines() if command[-1] != "--json")
        assert "\x1b" not in out + words


def test_tail(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The latest events first, a line each."""
    assert main(["audit", "tail", store, "--once", "--limit", "2", "--kind", "action"]) == 0
    assert [line.split()[-2] for line in capsys.readouterr().out.splitlines()] == ["order:8", "order:9"]


def test_tail_follows(store: str) -> None:
    """Then those that come, whichever process writes them, each of them once."""
    run = "import sys; from midwatch.cli import main; sys.exit(main())"
    command = [sys.executable, "-u", "-c", run, "audit", "tail", store, "--limit", "1", "--kind", "action", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            assert '"0197-00000009"' in following.stdout.readline()
            url = f"sqlite:///{store}" if store.endswith(".db") else f"file://{store}"
            keep(url, body(11), body(12, kind="request"), body(13))
            lines = [following.stdout.readline() for _ in range(2)]
            assert [json.loads(line)["body"]["id"] for line in lines] == ["0197-0000000b", "0197-0000000d"]
        finally:
            following.terminate()


def test_stats(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables and charts for people, numbers for programs."""
    assert main(["audit", "stats", store, "--kind", "action"]) == 0
    out, words = capsys.readouterr()
    assert re.search(r"^u0 +5 +60\.0% ", out, re.MULTILINE)
    assert re.match("10 events from .*; 30.0% denied, none failed\n", words)
    assert main(["audit", "stats", store, "--kind", "action", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["total"]["events"], told["total"]["denied"]) == (1, 10, 3)


def test_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is found ends with 1, and thresholds can be told."""
    failures = [body(n, kind="auth", action="login", outcome="failure", actor={"id": "u7"}) for n in range(12)]
    keep(f"sqlite:///{tmp_path / 'audit.db'}", *failures)
    assert main(["audit", "findings", "audit.db"]) == 1
    out, words = capsys.readouterr()
    assert "auth-burst" in out
    assert words.endswith("findings\n") or words == "1 finding\n"
    assert main(["audit", "findings", "audit.db", "--set", "burst=1000", "--set", "guesses=1000"]) == 0
    assert capsys.readouterr().err == "nothing found\n"
    assert main(["audit", "findings", "audit.db", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["events"]
    for wrong in ("burst=0", "burst=x", "burst=nan", "burst=1.5", "birst=1"):
        assert main(["audit", "findings", "audit.db", "--set", wrong]) == 2


@pytest.mark.parametrize("name", ["jsonl", "csv", "ocsf", "cadf"])
def test_export(store: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Into a new file that only its owner reads; what is there is not written over."""
    arguments = ["audit", "export", store, "--format", name, "--kind", "action", "--output", "out"]
    assert main(arguments) == 0
    assert capsys.readouterr() == ("", "10 events exported\n")
    assert len(Path("out").read_bytes().splitlines()) == 10 + (name == "csv")
    assert stat.S_IMODE(Path("out").stat().st_mode) == 0o600
    assert main(arguments) == 2
    assert capsys.readouterr().err == "error: out: File exists\n"


def test_export_to_stdout(database: str) -> None:
    """Without a file, to stdout; a reader that leaves is no failure."""
    run = [sys.executable, "-c", "import sys; from midwatch.cli import main; sys.exit(main())"]
    command = [*run, "audit", "export", database, "--kind", "action"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 10)
    reads, writes = os.pipe()
    os.close(reads)
    left = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, check=False)
    os.close(writes)
    assert (left.returncode, left.stderr) == (0, b"")


def test_reading_that_cannot_be_recorded(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused, unless it is said to go on; then that is said."""
    with sqlite3.connect(database) as connection:
        # Whoever reads may not write, as with a role of a database that has no right to.
        connection.execute("CREATE TRIGGER no BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'no'); END")
    connection.close()
    assert main(["audit", "show", database]) == 2
    out, words = capsys.readouterr()
    assert out == ""
    assert words.startswith("error: STORE: that it is read cannot be recorded: ")
    assert main(["audit", "show", database, "--no-record"]) == 0
    out, words = capsys.readouterr()
    assert out
    assert words.startswith("not recorded that it was read: ")


def test_which_store(database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """By argument, by settings, by variable; without any it is asked for, and none is made."""
    Path("settings.json").write_text(json.dumps({"audit": {"store": f"sqlite:///{database}"}}))
    assert main(["audit", "show", "--settings", "settings.json", "--kind", "action"]) == 0
    assert main(["audit", "verify", "--settings", "settings.json"]) == 0
    monkeypatch.setenv("MIDWATCH_AUDIT_STORE", database)
    assert main(["audit", "stats"]) == 0
    monkeypatch.delenv("MIDWATCH_AUDIT_STORE")
    capsys.readouterr()
    assert main(["audit", "show"]) == 2
    assert capsys.readouterr().err.startswith("error: STORE: which one? ")
    assert main(["audit", "show", "nothing.db"]) == 2
    assert not Path("nothing.db").exists()
    assert main(["audit", "show", "postgresql://user:hunter2@127.0.0.1:1/none?x=\x07"]) == 2
    assert main(["audit", "show", "mysql://user:hunter2@host/none"]) == 2
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["show", "tail", "stats", "findings", "export"])
def test_a_file_that_is_something_else_is_left_alone(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A log whose name was given by mistake is not written to: no record of a reader goes into it."""
    log = Path("app.log")
    log.write_text('{"message": "GET /orders 200", "audit": {"action": "GET /orders"}}\n')
    before = log.read_bytes()
    assert main(["audit", command, "app.log"]) == 2
    out, words = capsys.readouterr()
    assert out == ""
    assert "app.log: no event of an audit trail in it" in words
    assert log.read_bytes() == before
    assert list(Path().iterdir()) == [log]


def test_an_empty_file_is_a_trail(capsys: pytest.CaptureFixture[str]) -> None:
    """As one is before its first event."""
    Path("audit.jsonl").touch(mode=0o600)
    assert main(["audit", "show", "audit.jsonl"]) == 0
    assert "audit.read" in capsys.readouterr().out


def test_html(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A page that only its owner reads."""
    assert main(["audit", "stats", database, "--html", "report.html"]) == 0
    assert capsys.readouterr().out == "report.html\n"
    assert Path("report.html").read_text().startswith("<!doctype html>")
    assert stat.S_IMODE(Path("report.html").stat().st_mode) == 0o600


COMMANDS = ("verify", "tail", "show", "stats", "findings", "export", "keygen", "prune", "erase", "describe")


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help begins with examples, each of which is a command that exists."""
    assert main(["audit", command, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    examples = lines[1 : lines.index("")]
    assert examples
    for example in examples:
        assert main([*example.partition(" > ")[0].split()[1:], "--help"]) == 0
