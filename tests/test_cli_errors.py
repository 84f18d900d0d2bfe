"""`midwatch errors`: what it finds, how it shows it, and with which exit code it ends."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from midwatch.cli import main, values
from midwatch.cli.progress import Progress
from midwatch.errors.history import groups as history
from midwatch.picture import sources

RUN = [sys.executable, "-c", "import sys; from midwatch.cli import main; sys.exit(main())"]
NOON = 1_763_899_200_000_000_000


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(values, "time_ns", lambda: NOON + 3600 * 10**9)


def line(group: str, minute: int, **fields: Any) -> str:
    """One line of the log: the error *group*, so many minutes after noon."""
    said = {
        "timestamp": f"2025-11-23T12:{minute:02}:00.000000Z",
        "level": "ERROR",
        "logger": "midwatch.error",
        "message": f"Error{group}: bad {group}",
        "service.name": "shop",
        "trace_id": f"{minute:032x}",
        "span_id": f"{minute:016x}",
        "request_id": f"r{minute}",
        "http.request.method": "GET",
        "http.route": "/orders/{id}",
        "error.fingerprint": f"v1:{group * 32}",
        "error.count": 1,
        "exception.type": f"Error{group}",
        "exception.message": f"bad {group}",
        "exception.stacktrace": f'Traceback (most recent call last):\n  File "a.py"\nError{group}: bad {group}',
        "exception.frames": [
            {"file": "shop/orders.py", "line": 12, "function": "price", "in_app": True},
            {"file": "lib.py", "line": 7, "function": "inner", "in_app": False},
        ],
        **fields,
    }
    return json.dumps(said) + "\n"


REQUEST = json.dumps({"timestamp": "2025-11-23T12:00:00Z", "logger": "midwatch.request", "message": "GET / 200"}) + "\n"


@pytest.fixture
def log() -> str:
    """Three groups: a frequent one, an old one, and the latest; among lines that are none of ours."""
    lines = [
        line("a", 1),
        REQUEST,
        line("b", 2),
        line("a", 3),
        "plain text\n",
        line("a", 4, **{"http.route": "/carts"}),
    ]
    Path("app.log").write_text("".join([*lines, line("c", 5), line("a", 3)]))
    return "app.log"


def test_the_table(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The latest last; 1, since something was found."""
    assert main(["errors", log]) == 1
    out, words = capsys.readouterr()
    assert out == (
        "group     count  last         first        error          route                culprit\n"
        "bbbbbbbb      1  11-23 12:02  11-23 12:02  Errorb: bad b  GET /orders/{id}     price (shop/orders.p…\n"
        "aaaaaaaa      4  11-23 12:04  11-23 12:01  Errora: bad a  GET /orders/{id} +1  price (shop/orders.p…\n"
        "cccccccc      1  11-23 12:05  11-23 12:05  Errorc: bad c  GET /orders/{id}     price (shop/orders.p…\n"
    )
    assert words == "the latest 3 of 3 groups, 6 errors; midwatch errors --fingerprint GROUP shows one\n"


def names(out: str) -> list[str]:
    return [row.split()[0] for row in out.splitlines()[1:]]


def test_order_and_limit(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By time or by count; the end of the table, if there is a limit."""
    assert main(["errors", log, "--by", "count"]) == 1
    assert names(capsys.readouterr().out) == ["bbbbbbbb", "cccccccc", "aaaaaaaa"]
    assert main(["errors", log, "--by", "count", "--limit", "1"]) == 1
    out, words = capsys.readouterr()
    assert names(out) == ["aaaaaaaa"]
    assert words.startswith("the most frequent 1 of 3 groups, 6 errors; ")


@pytest.mark.parametrize(
    ("since", "found"),
    [("1h", "bac"), ("56m", "ac"), ("3360s", "ac"), ("55m", "c"), ("54m", ""), ("1d", "bac"), ("2w", "bac"),
     ("2025-11-23T12:05:00Z", "c"), ("2025-11-23 13:05+01:00", "c"), ("2025-11-23", "bac")],
)  # fmt: skip
def test_since(since: str, found: str, log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An age, or a time; 0 if nothing has happened since."""
    assert main(["errors", log, "--since", since]) == bool(found)
    assert [name[0] for name in names(capsys.readouterr().out)] == list(found)


@pytest.mark.parametrize("prefix", ["v1:aa", "aaaa", "v1:" + "a" * 32])
def test_one_group(prefix: str, log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is known of it, the stack of its latest occurrence, and what to run next."""
    assert main(["errors", log, "--fingerprint", prefix]) == 1
    out, words = capsys.readouterr()
    assert out == (
        f"v1:{'a' * 32}\n"
        "Errora: bad a\n"
        "\n"
        "seen     4 times in 3 requests\n"
        "first    2025-11-23 12:01:00.000000 UTC\n"
        "last     2025-11-23 12:04:00.000000 UTC\n"
        "service  shop\n"
        "culprit  price (shop/orders.py:12)\n"
        "routes   GET /orders/{id} (3), GET /carts (1)\n"
        f"traces   {3:032x}, {4:032x}, {1:032x}\n"
        "request  r4\n"
        "\n"
        "Traceback (most recent call last):\n"
        '  File "a.py"\n'
        "Errora: bad a\n"
    )
    assert words == f"midwatch trace --id {4:032x} app.log draws its last request\n"


def test_what_to_run_next_can_be_run(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the log has the lines of requests too."""
    request = {
        "timestamp": "2025-11-23T12:04:00Z",
        "trace_id": f"{4:032x}",
        "span_id": f"{4:016x}",
        "http.request.method": "GET",
        "http.route": "/carts",
        "http.server.request.duration": 0.1,
    }
    with Path(log).open("a") as file:
        file.write(json.dumps(request) + "\n")
    main(["errors", log, "--fingerprint", "a"])
    command = capsys.readouterr().err.removeprefix("midwatch ").removesuffix(" draws its last request\n").split()
    assert main(command) == 0
    assert capsys.readouterr().out.startswith(f"trace {4:032x}\n")


def test_rarer_facts(capsys: pytest.CaptureFixture[str]) -> None:
    """Where it was, if not in a request; and that its process counted more than there is to be read."""
    fields = {"error.origin": "startup", "error.count": 480, "http.route": None, "trace_id": None, "request_id": None}
    Path("app.log").write_text(line("a", 1, **fields))
    assert main(["errors", "app.log", "--fingerprint", "a"]) == 1
    out, words = capsys.readouterr()
    assert "\nseen     1 time\n" in out
    assert "\ncounted  480 by the process that saw it last: not all of it is in these lines\n" in out
    assert "\nwhere    startup\n" in out
    assert words == ""
    assert main(["errors", "app.log"]) == 1
    assert "  startup  " in capsys.readouterr().out


def test_not_found(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """0, and why; several groups that begin so are named."""
    assert main(["errors", log, "--fingerprint", "d\x1b[m"]) == 0
    assert capsys.readouterr() == ("", "app.log: no such error\n")
    Path("fine.log").write_text(REQUEST)
    assert main(["errors", "fine.log"]) == 0
    assert capsys.readouterr() == ("", "fine.log: no error in it\n")
    assert main(["errors", log, "--fingerprint", "v1:"]) == 1
    known = ", ".join(f"v1:{name * 32}" for name in "cab")
    assert capsys.readouterr() == ("", f"error: --fingerprint v1:: 3 groups begin so\n  known: {known}\n")


def test_json(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The one that matters most first; the stack only of what was asked for."""
    assert main(["errors", log, "--json", "--limit", "2"]) == 1
    out, words = capsys.readouterr()
    told = json.loads(out)
    first, second = told.pop("groups")
    lost = {"broken": 0, "too_long": 0, "torn_files": 0, "forgotten": 0}
    assert (told, words) == ({"schema": 1, "errors": 6, "of": 3, "lost": lost}, "")
    assert first["fingerprint"] == "v1:" + "c" * 32
    assert second == {
        "fingerprint": "v1:" + "a" * 32,
        "count": 4,
        "requests": 3,
        "first": "2025-11-23T12:01:00.000000Z",
        "last": "2025-11-23T12:04:00.000000Z",
        "type": "Errora",
        "message": "bad a",
        "where": "request",
        "culprit": "price (shop/orders.py:12)",
        "services": ["shop"],
        "routes": {"GET /orders/{id}": 3, "GET /carts": 1},
        "trace_ids": [f"{minute:032x}" for minute in (3, 4, 1)],
        "request_id": "r4",
        "process_count": 1,
    }
    assert main(["errors", log, "--json", "--fingerprint", "a"]) == 1
    (one,) = json.loads(capsys.readouterr().out)["groups"]
    assert one["stacktrace"].startswith("Traceback")
    assert main(["errors", log, "--json", "--fingerprint", "d"]) == 0
    assert json.loads(capsys.readouterr().out)["groups"] == []


@pytest.mark.parametrize("name", ["app.log.1.gz", "renamed"])
def test_gzip(name: str, log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What logrotate has compressed, whatever it is called; the rest of a torn one is told."""
    whole = gzip.compress(Path(log).read_bytes())
    Path(name).write_bytes(whole)
    assert main(["errors", name]) == 1
    assert names(capsys.readouterr().out) == ["bbbbbbbb", "aaaaaaaa", "cccccccc"]
    for broken in (whole[:-8], whole[:-1], whole[:-8] + b"01234567", whole + b"rubbish"):
        Path(name).write_bytes(broken)
        assert main(["errors", name, log]) == 1
        out, words = capsys.readouterr()
        assert len(names(out)) == 3
        assert words.startswith("1 compressed file damaged or cut off; what came before was read\n")
    assert main(["trace", "--list", name]) == 1


def test_losses_are_told(log: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Torn lines, lines that are too long, groups that are too many."""
    monkeypatch.setattr(sources, "LONGEST", 1 << 12)
    monkeypatch.setattr(history, "GROUPS", 4)
    with Path(log).open("a") as file:
        file.write("".join([line("d", 6), line("e", 7), line("f", 8), line("g", 9, x="x" * 9999), line("h", 9)[:300]]))
    Path(log).write_text(Path(log).read_text() + '\n{"error.fingerprint": "v1:t')
    assert main(["errors", log]) == 1
    words = capsys.readouterr().err.splitlines()
    assert words[0] in {"1 line of errors could not be read", "2 lines of errors could not be read"}
    assert words[1] == "1 line too long, and left out"
    assert words[2].endswith("too many, and forgotten: the oldest and rarest")


def test_hostile_lines_do_not_act_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever strangers got into a log."""
    evil = "\x1b[2J\x9b31m\u202e\r\n\ud800"
    names = ("exception.type", "exception.message", "exception.stacktrace", "service.name", "http.route")
    fields = dict.fromkeys(names, evil)
    frames = [{"file": evil, "line": 1, "function": evil, "in_app": True}]
    Path("app.log").write_text(line(evil, 1, **fields, **{"exception.frames": frames, "request_id": evil}))
    for options in ([], ["--fingerprint", "v1"], ["--json"]):
        assert main(["errors", "app.log", *options]) == 1
        out, words = capsys.readouterr()
        assert all(character.isprintable() or character == "\n" for character in out + words)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: FILE"),
        (["x", "--limit", "0"], "argument --limit: expected a number from 1, got '0'"),
        (["x", "--since", "1y"], "argument --since: expected an age such as 90s, 15m, 1h or 2d, or a time, got '1y'"),
        (["x", "--since", "²h"], "argument --since: expected an age such as 90s, 15m, 1h or 2d, or a time, got '²h'"),
        (["x", "--by", "type"], "argument --by: invalid choice: 'type' (choose from 'last', 'count')"),
    ],
)
def test_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage ends with 2."""
    assert main(["errors", *arguments]) == 2
    said = capsys.readouterr().err.replace("choose from last, count", "choose from 'last', 'count'")
    assert said == f"error: midwatch errors: {message}\n  help: midwatch errors --help\n"


def test_unreadable(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be read ends with 2, whatever the others hold."""
    for name, reason in (("nothing.log", "No such file or directory"), (".", "Is a directory")):
        assert main(["errors", log, name]) == 2
        assert capsys.readouterr() == ("", f"error: {name}: {reason}\n  help: midwatch errors --help\n")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_stdin(pack: Any, log: str) -> None:
    """`-` is standard input, compressed or not."""
    done = subprocess.run([*RUN, "errors", "-"], input=pack(Path(log).read_bytes()), capture_output=True, check=False)
    assert done.returncode == 1
    assert names(done.stdout.decode()) == ["bbbbbbbb", "aaaaaaaa", "cccccccc"]


@pytest.mark.parametrize("options", [[], ["--json"], ["--fingerprint", "a"]])
def test_closed_pipe(options: list[str], log: str) -> None:
    """A reader that leaves is no failure, and changes no exit code."""
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run([*RUN, "errors", log, *options], stdout=writes, stderr=subprocess.PIPE, check=False)
    os.close(writes)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


@pytest.mark.parametrize("options", [[], ["--json"], ["--fingerprint", "v1:a"]])
def test_a_narrow_encoding(options: list[str]) -> None:
    """A stream that has only ASCII gets ASCII, whatever names there are."""
    Path("app.log").write_text(line("a", 1, **{"exception.message": "größe 字", "http.route": "/" + "字" * 90}))
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*RUN, "errors", "app.log", *options], capture_output=True, env=environment, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
    assert done.stdout.isascii()


@pytest.mark.no_cover  # Others cover what it does; tracing would double its time.
def test_a_hundred_thousand_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Each is counted, and none is kept: what grows with the file is read from a pipe that is never whole."""
    reads, writes = os.pipe()

    def write() -> None:
        with os.fdopen(writes, "w") as pipe:
            for number in range(100_000):
                pipe.write(REQUEST if number % 10 else line("abcd"[number // 10 % 4], number // 10 % 60))

    writer = threading.Thread(target=write)
    writer.start()
    assert main(["errors", f"/dev/fd/{reads}", "--json"]) == 1
    writer.join()
    os.close(reads)
    assert json.loads(capsys.readouterr().out)["errors"] == 10_000


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress() -> None:
    """On a terminal, after a second, five times a second; gone in the end, and nothing is said elsewhere."""
    times = iter([0.0, 0.5, 1.0, 1.1, 1.3])
    terminal = Terminal()
    documents = [b"x" * (1 << 20)] * 4
    assert list(Progress(terminal, lambda: next(times)).through(documents)) == documents
    assert terminal.getvalue() == "\r2 lines, 2 MiB\r4 lines, 4 MiB\r              \r"
    elsewhere = io.StringIO()
    assert list(Progress(elsewhere, lambda: 1e9).through(documents)) == documents
    assert elsewhere.getvalue() == ""


def test_progress_is_gone_when_it_is_interrupted() -> None:
    """Ctrl-C leaves no half of a line."""
    times = iter([0.0, 2.0])
    terminal = Terminal()
    through = Progress(terminal, lambda: next(times)).through([b"x", b"y"])
    assert next(through) == b"x"
    with pytest.raises(KeyboardInterrupt):
        through.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert terminal.getvalue().endswith("\r             \r")
