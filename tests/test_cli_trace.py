"""`midwatch trace`: which trace it finds, in which form it shows it, and with which exit code it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from midwatch.cli import main
from midwatch.picture import choose, sources

RUN = [sys.executable, "-c", "import sys; from midwatch.cli import main; sys.exit(main())"]
NOON = 1_763_899_200_000_000_000


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def span(trace: str, number: int, name: str, ms: int = 10, **fields: Any) -> dict[str, Any]:
    times = {
        "startTimeUnixNano": str(NOON + number * 10**9),
        "endTimeUnixNano": str(NOON + number * 10**9 + ms * 10**6),
    }
    return {"traceId": trace * 32, "spanId": f"{number:016x}", "name": name, "kind": 2, **times, **fields}


def write(name: str, *spans: dict[str, Any], service: str = "shop") -> str:
    """A file of OTLP JSON, one span on each line."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    lines = [{"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [one]}]}]} for one in spans]
    Path(name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return name


@pytest.fixture
def files() -> list[str]:
    """Three traces: one that fails, a slow one, and the newest, over two services."""
    shop = [span("a", 1, "GET /a", status={"code": 2}), span("b", 2, "GET /b", 500), span("c", 3, "GET /c")]
    stock = span("c", 4, "GET /c2", parentSpanId=f"{3:016x}")
    return [write("shop.jsonl", *shop), write("stock.jsonl", stock, service="stock")]


@pytest.mark.parametrize(
    ("asked", "trace", "words"),
    [
        ([], "a", "the last that failed of 3 traces; midwatch trace --list shows them\n"),
        (["--failed"], "a", "the last that failed of 3 traces; midwatch trace --list shows them\n"),
        (["--slowest"], "b", "the slowest of 3 traces; midwatch trace --list shows them\n"),
        (["--id", "CC"], "c", ""),
    ],
)
def test_finds(asked: list[str], trace: str, words: str, files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """By id, the slowest, the last failed; if nothing is asked, the last failed."""
    assert main(["trace", *files, *asked]) == 0
    out, told = capsys.readouterr()
    assert out.startswith(f"trace {trace * 32}\n")
    assert told == words


def test_nothing_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a failure the slowest is shown, unless a failure was asked for."""
    file = write("ok.jsonl", span("b", 1, "x", 5), span("c", 2, "y", 9))
    assert main(["trace", file]) == 0
    out, words = capsys.readouterr()
    assert out.startswith("trace cccc")
    assert words.startswith("the slowest of 2 traces; ")
    assert main(["trace", file, "--failed"]) == 1
    assert capsys.readouterr() == ("", "error: --failed: none of 2 traces did\n")


def test_not_found(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """No such trace, several of them, or none at all: 1, and why."""
    assert main(["trace", *files, "--id", "d\x1b[m"]) == 1
    assert capsys.readouterr() == ("", "error: --id d�[m: no such trace\n  help: midwatch trace --list FILE...\n")
    two = write("two.jsonl", span("a", 1, "x"), {**span("a", 2, "y"), "traceId": "a" * 31 + "b"})
    assert main(["trace", two, "--id", "aa"]) == 1
    assert capsys.readouterr().err == f"error: --id aa: 2 traces begin so\n  known: {'a' * 32}, {'a' * 31}b\n"
    Path("empty.jsonl").write_text("what is this?\n{}\n")
    for option in ([], ["--list"]):
        assert main(["trace", "empty.jsonl", *option]) == 1
        assert capsys.readouterr() == ("", "error: empty.jsonl: no trace in it\n1 line or span could not be read\n")


def test_list(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """All traces, the newest last; the end of the table if there is a limit."""
    assert main(["trace", "--list", *files]) == 0
    out, words = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert [row[0] for row in rows] == ["trace", "aaaaaaaa", "bbbbbbbb", "cccccccc"]
    assert rows[3][3:] == ["10.0", "ms", "2", "ok", "shop,", "stock", "GET", "/c"]
    assert words == "the newest 3 of 3 traces; midwatch trace --id TRACE draws one\n"
    assert main(["trace", "--list", *files, "--limit", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "schema": 1,
        "traces": [
            {
                "trace_id": "c" * 32,
                "start": "2025-11-23T12:00:03.000000Z",
                "duration": 0.01,
                "services": ["shop", "stock"],
                "spans": 2,
                "outcome": "ok",
                "name": "GET /c",
            }
        ],
    }


def test_json(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The whole trace as it was told; words stay on stderr."""
    Path("more.jsonl").write_text("{torn\n")
    assert main(["trace", *files, "more.jsonl", "--id", "c", "--json"]) == 0
    out, words = capsys.readouterr()
    told = json.loads(out)
    assert words == "1 line or span could not be read\n"
    assert (told["schema"], told["trace_id"], told["services"]) == (1, "c" * 32, ["shop", "stock"])
    assert [one["parent_span_id"] for one in told["spans"]] == [None, f"{3:016x}"]
    assert told["spans"][0] == {
        "span_id": f"{3:016x}",
        "parent_span_id": None,
        "service": "shop",
        "name": "GET /c",
        "kind": "server",
        "start": "2025-11-23T12:00:03.000000Z",
        "start_unix_nano": NOON + 3 * 10**9,
        "duration": 0.01,
        "outcome": "ok",
        "error_type": None,
        "attributes": {},
        "events": [],
    }


def test_html(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A page is written, over an older one too, but never over anything else."""
    for _ in range(2):
        assert main(["trace", *files, "--html", "trace.html"]) == 0
        assert capsys.readouterr() == ("", "wrote trace.html\n")
    assert f"<title>trace {'a' * 32}</title>" in Path("trace.html").read_text("utf-8")
    before = Path(files[0]).read_bytes()
    assert main(["trace", files[1], "--html", files[0]]) == 2
    assert capsys.readouterr().err == (
        "error: shop.jsonl: exists and is no page of a trace; nothing was written\n  help: midwatch trace --help\n"
    )
    assert Path(files[0]).read_bytes() == before
    assert main(["trace", *files, "--html", "no/such/place.html"]) == 2
    assert capsys.readouterr().err.startswith("error: no/such/place.html: No such file or directory\n")
    assert main(["trace", *files, "--html", "-"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: FILE"),
        (["x", "--list", "--html", "y"], "argument --html: not allowed with argument --list"),
        (["x", "--json", "--html", "y"], "argument --html: not allowed with argument --json"),
        (["x", "--limit", "0"], "argument --limit: expected a number from 1, got '0'"),
        (["x", "--limit", "²"], "argument --limit: expected a number from 1, got '²'"),
    ],
)
def test_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage ends with 2."""
    assert main(["trace", *arguments]) == 2
    assert capsys.readouterr().err == f"error: midwatch trace: {message}\n  help: midwatch trace --help\n"


def test_unreadable(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be read ends with 2, whatever the others hold."""
    for name, reason in (("nothing.jsonl", "No such file or directory"), (".", "Is a directory")):
        assert main(["trace", *files, name]) == 2
        assert capsys.readouterr() == ("", f"error: {name}: {reason}\n  help: midwatch trace --help\n")


def test_stdin(files: list[str]) -> None:
    """`-` is standard input, read once although it is looked at twice."""
    done = subprocess.run(
        [*RUN, "trace", "-", files[1]], input=Path(files[0]).read_bytes(), capture_output=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.startswith(b"trace aaaa")


@pytest.mark.parametrize("options", [[], ["--list"], ["--json"], ["--html", "-"]])
def test_closed_pipe(options: list[str], files: list[str]) -> None:
    """A reader that leaves is no failure."""
    reads, writes = os.pipe()
    os.close(reads)
    command = [*RUN, "trace", *files, *options]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, check=False)
    os.close(writes)
    assert done.returncode == 0
    assert b"rror" not in done.stderr


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour(no_color: str, coloured: bool, files: list[str]) -> None:
    """Coloured on a terminal, and never where NO_COLOR is set."""
    ours, terminal = os.openpty()
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    done = subprocess.run(
        [*RUN, "trace", *files], stdout=terminal, stderr=subprocess.DEVNULL, env=environment, check=False
    )
    os.close(terminal)
    told = os.read(ours, 4096)
    os.close(ours)
    assert done.returncode == 0
    assert b"aaaa" in told
    assert (b"\x1b[" in told) is coloured


@pytest.mark.parametrize("options", [[], ["--list"], ["--json"], ["--html", "-"]])
def test_a_narrow_encoding(options: list[str]) -> None:
    """A stream that has only ASCII gets ASCII, whatever names there are."""
    file = write("names.jsonl", span("a", 1, "GET /größe/字/\x1b[2J"))
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*RUN, "trace", file, *options], capture_output=True, env=environment, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert done.stdout.isascii()
    assert b"\x1b" not in done.stdout


@pytest.mark.no_cover  # Others cover what it does; tracing would double its time.
def test_a_trace_of_a_hundred_thousand(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten thousand spans are kept, the root among them although it comes last, and the rest is counted."""
    with Path("many.jsonl").open("w") as file:
        for batch in range(100):
            spans = [
                {**span("a", 2 + batch * 1000 + n, f"q{n}"), "kind": 1, "parentSpanId": f"{1:016x}"}
                for n in range(1000)
            ]
            file.write(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n")
        file.write(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span("a", 1, "GET /")]}]}]}) + "\n")
    assert main(["trace", "many.jsonl", "--json"]) == 0
    out, words = capsys.readouterr()
    told = json.loads(out)
    assert (len(told["spans"]), told["left_out"]) == (10_000, 90_001)
    assert "GET /" in {one["name"] for one in told["spans"]}
    assert words.splitlines()[0] == "90 001 spans left out: 10000 of one trace are kept"


def test_too_much(files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines that are too long and traces that are too many are counted, and told."""
    monkeypatch.setattr(sources, "LONGEST", 1 << 10)
    monkeypatch.setattr(choose, "TRACES", 4)
    files.append(write("more.jsonl", *(span(digit, 5 + int(digit), "more") for digit in "123456")))
    Path("long.jsonl").write_text("x" * 2000)
    assert main(["trace", *files, "long.jsonl", "--slowest"]) == 0
    out, words = capsys.readouterr()
    assert out.startswith("trace bbbb")
    assert words.splitlines()[:2] == ["1 line too long, and left out", "4 traces too many, and forgotten: the oldest"]


def test_a_file_that_changes(
    files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trace that is gone when it is to be collected is not found, and nothing breaks."""
    chosen = choose.Index.last_failed

    def then_emptied(index: choose.Index) -> Any:
        Path(files[0]).write_text("")
        return chosen(index)

    monkeypatch.setattr(choose.Index, "last_failed", then_emptied)
    assert main(["trace", *files]) == 1
    assert "changed while it was read" in capsys.readouterr().err
