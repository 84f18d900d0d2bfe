"""The command `midwatch`: what goes where, and with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from midwatch.cli import main
from midwatch.settings.reference import markdown

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECK = ["interval", "max_age", "fail_after", "recover_after", "scope", "gate", "affects", "tags"]
"""More settings of a check."""

RUN = [sys.executable, "-m", "midwatch"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A current directory with a module of settings in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "shop_config.py").write_text(
        "print('hello')\nGOOD = {'service': {'name': 'shop'}, 'audit': False}\nBAD = {'log': {'feilds': 1}}\n"
    )
    (tmp_path / "interrupted_config.py").write_text("raise KeyboardInterrupt\n")
    yield
    sys.modules.pop("shop_config", None)


def test_check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting in force is shown with its origin; what imported modules print is kept out of it."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert main(["check", "shop_config:GOOD"]) == 0
    out, words = capsys.readouterr()
    lines = [line.split(maxsplit=2) for line in out.splitlines()]
    assert ["service.name", "given", '"shop"'] in lines
    assert ["service.version", "default", "not set"] in lines
    assert ["audit", "given", "False"] in lines
    assert ["trace", "OTEL_SDK_DISABLED", "False"] in lines
    assert ["log.to", "default", '["stdout"]'] in lines
    assert words == "hello\nvalid; midwatch check --explain PATH explains a setting\n"


def test_check_defaults_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a target the defaults are shown, and programs get JSON."""
    assert main(["check", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["valid"]) == (1, True)
    assert {"path": "metrics.path", "value": "/metrics", "origin": "default"} in told["settings"]


def test_check_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """A JSON file holds settings too; credentials in it are masked."""
    Path("settings.json").write_text('{"service": {"name": "https://user:hunter2@host"}}')
    assert main(["check", "settings.json"]) == 0
    out = capsys.readouterr().out
    assert 'given    "https://***@host"' in out
    assert "hunter2" not in out


def test_wrong_settings(capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong settings end with 2 and the message of a start that fails."""
    assert main(["check", "shop_config:BAD"]) == 2
    out, words = capsys.readouterr()
    assert out == ""
    assert words.endswith(
        "error: log.feilds: unknown setting\n"
        "  in shop_config:BAD\n"
        '    "log": {"feilds": ...}\n'
        '            ^^^^^^^^ did you mean "fields"?\n'
        "  known: access_logs, body_bytes, fields, keep, level, probes, project, propagate, query, request_headers,"
        " response_headers, root, routes, spill, spill_bytes, to\n"
        "  help: midwatch check --explain log.fields\n"
    )
    assert main(["check", "--json", "shop_config:BAD"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "schema": 1,
        "valid": False,
        "problems": [{"path": "log.feilds", "reason": "unknown setting", "hint": 'did you mean "fields"?'}],
    }


@pytest.mark.parametrize(
    ("target", "content", "message"),
    [
        ("nothing.json", None, "error: nothing.json: No such file or directory\n  help: midwatch check --help\n"),
        ("a.json", b'{"log": {"to": ,}}', ("error: a.json:1:16: no JSON: Expecting value\n"
         '    {"log": {"to": ,}}\n                   ^\n  help: midwatch check --help\n')),
        ("a.json", b'{"to": "https://user:hunter2@host" 1}', ("error: a.json:1:36: no JSON: Expecting ',' delimiter\n"
         "  help: midwatch check --help\n")),
        ("a.json", b"", "error: a.json:1:1: no JSON: Expecting value\n  help: midwatch check --help\n"),
        ("a.json", b"\xff", "error: a.json: no JSON: UnicodeDecodeError\n  help: midwatch check --help\n"),
        ("a.json", b"[" * 100_000, "error: a.json: no JSON: RecursionError\n  help: midwatch check --help\n"),
        ("a.json", b"[]", ("error: settings: expected a dict of settings, got []\n  in a.json\n"
         "  help: midwatch settings\n")),
        ("shop", None, 'error: "shop": expected MODULE:NAME or FILE.json\n  help: midwatch check --help\n'),
        ("shop_confg:GOOD", None, ('error: "shop_confg:GOOD": there is no module shop_confg\n'
         '  did you mean "shop_config"?\n  help: midwatch check --help\n')),
        ("nope:app", None, 'error: "nope:app": there is no module nope\n  help: midwatch check --help\n'),
        ("shop_config:GOD", None, ('error: "shop_config:GOD": shop_config has no GOD\n  did you mean "GOOD"?\n'
         "  help: midwatch check --help\n")),
    ],
)  # fmt: skip
def test_wrong_targets(target: str, content: bytes | None, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A target that cannot be read ends with 2 and says why, without what may be secret."""
    if content is not None:
        Path(target).write_bytes(content)
    assert main(["check", target]) == 2
    out, words = capsys.readouterr()
    assert (out, words.removeprefix("hello\n")) == ("", message)


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    """One setting is explained, by the path that a message shows; a section with all of its own."""
    assert main(["check", "--explain", "trace.to[0]"]) == 0
    assert capsys.readouterr().out == (
        "trace.to\n"
        "  Where finished spans go: `otlp://host:4318` or `otlps://` (OTLP/HTTP), `zipkin://host:9411` or `zipkins://`,"
        " `file:///path` (OTLP JSON lines), `console` (a line each, on stderr), `memory` (read"
        " `midwatch.tracing.finished_spans`), a callable that takes a span, or an OpenTelemetry `SpanExporter`. URLs"
        " take `?compression=gzip&timeout=10&queue=20000&batch=512&delay=0.5&header.NAME=value`, and `exact=1` where no"
        " `/v1/traces` is to follow the path. Without any, trace headers still pass on and lines still carry trace"
        " ids.\n"
        '  takes    a list of URLs, "console", "memory", callables or SpanExporter objects\n'
        "  default  []\n"
        '  example  "to": ["otlp://collector:4318", "zipkin://zipkin:9411"]\n'
    )
    assert main(["check", "--explain", "health.checks.database", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["settings"]
    assert [row["path"].rpartition(".")[2] for row in told] == ["NAME", "call", "groups", "timeout", *CHECK]
    assert main(["check", "--explain", "log.feilds"]) == 2
    assert capsys.readouterr().err == (
        'error: log.feilds: unknown setting\n  did you mean "log.fields"?\n  help: midwatch settings\n'
    )
    assert main(["check", "--explain", "?"]) == 2


def test_settings(capsys: pytest.CaptureFixture[str]) -> None:
    """The whole schema: for a terminal, as a page, for programs."""
    assert main(["settings"]) == 0
    out, words = capsys.readouterr()
    assert "health.checks.NAME.call\n" in out
    assert "  default  none: it has to be given\n" in out
    assert words == "midwatch check shows what is in force\n"
    assert main(["settings", "--markdown"]) == 0
    assert capsys.readouterr().out == markdown()
    assert main(["settings", "--json"]) == 0
    paths = [row["path"] for row in json.loads(capsys.readouterr().out)["settings"]]
    assert len(set(paths)) == len(paths) > 20


@pytest.mark.parametrize("command", [[], ["check"], ["settings"], ["trace"], ["audit"], ["audit", "verify"]])
def test_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Help begins with examples, each of which is a command that exists."""
    assert main([*command, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "examples:"
    examples = lines[1 : lines.index("")]
    assert all(line.startswith("  midwatch ") for line in examples)
    for line in examples:
        assert main([*line.partition(" > ")[0].split()[1:], "--help"]) == 0


def test_version_and_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is data; wrong usage looks like every other error."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"midwatch {version('midwatch')}\n"
    assert main(["settings", "--markdown", "--json"]) == 2
    assert capsys.readouterr().err == (
        "error: midwatch settings: argument --json: not allowed with argument --markdown\n"
        "  help: midwatch settings --help\n"
    )
    assert main([]) == 2


def test_interrupted(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is quiet."""
    assert main(["check", "interrupted_config:GOOD"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("command", [["settings"], ["--help"], ["check"]])
def test_closed_pipe(command: list[str]) -> None:
    """A reader that leaves causes no words and no failure."""
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run([*RUN, *command], stdout=writes, stderr=subprocess.PIPE, check=False)
    os.close(writes)
    assert (done.returncode, done.stderr) == (0, b"")


def test_closed_pipe_keeps_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found decides the exit code, also when nobody reads it."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["check", "--json", "shop_config:BAD"]) == 2


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour(no_color: str, coloured: bool) -> None:
    """Errors are coloured on a terminal, and never where NO_COLOR is set."""
    ours, terminal = os.openpty()
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    done = subprocess.run([*RUN, "check", "shop"], stderr=terminal, env=environment, check=False)
    os.close(terminal)
    told = os.read(ours, 4096)
    os.close(ours)
    assert done.returncode == 2
    assert (b"\x1b[" in told) is coloured


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["rules", "--jobb", "shop"], ('midwatch rules: unrecognized arguments: --jobb\n  did you mean "--job"?\n'
         "  help: midwatch rules --help\n")),
        (["audit", "export", "audit.db", "-o", "x"], ("midwatch audit export: unrecognized arguments: -o x\n"
         "  help: midwatch audit export --help\n")),
        (["--vresion", "check"], ('midwatch: unrecognized arguments: --vresion\n  did you mean "--version"?\n'
         "  help: midwatch --help\n")),
    ],
)  # fmt: skip
def test_unknown_options(command: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command that does not know an option says so, and which one was meant."""
    assert main(command) == 2
    assert capsys.readouterr().err == f"error: {message}"


@pytest.mark.parametrize(("command", "meant"), [(["chek"], "check"), (["audit", "verfy"], "verify")])
def test_unknown_commands(command: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt command gets the nearest right one."""
    assert main(command) == 2
    assert f'did you mean "{meant}"?' in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "rules"])
def test_settings_of_a_flask_application(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An application whose settings are in its `config` is asked for them."""
    Path("shop_config.py").write_text(
        "from flask import Flask\nAPP = Flask('shop')\nAPP.config['MIDWATCH'] = {'service': {'name': 'shop'}}\n"
        "BAD = Flask('shop')\nBAD.config['MIDWATCH'] = {'log': {'feilds': 1}}\n"
    )
    assert main([command, "shop_config:APP"]) == 0
    assert "shop" in capsys.readouterr().out
    assert main([command, "shop_config:BAD"]) == 2
    words = capsys.readouterr().err
    assert words.startswith("error: log.feilds: unknown setting\n")
    assert '\n  in shop_config:BAD.config["MIDWATCH"]\n' in words


def test_settings_of_a_module_that_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    """What `install` found wrong in the module is told in full, not as a line about an import."""
    Path("shop_config.py").write_text(
        "import midwatch\nasync def app(scope, receive, send): ...\n"
        "midwatch.install(app, {'log': {'feilds': 1, 'leval': 2}})\n"
    )
    assert main(["check", "shop_config:app"]) == 2
    words = capsys.readouterr().err
    assert words.startswith("error: log.feilds: unknown setting\n")
    assert 'did you mean "level"?' in words


@pytest.mark.parametrize("command", [["rules"], ["audit", "describe"]])
def test_wrong_targets_point_to_the_command(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "missing.json"]) == 2
    assert capsys.readouterr().err.endswith(f"\n  help: midwatch {command[0]} --help\n")


NAME_IT = 'name the dict that it was given, such as "orders.config:MIDWATCH"'


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("fast", ""),
        ("watched", ""),
        ("Flask", ""),
        ("flask", '; or put it into config["MIDWATCH"]'),
    ],
)
@pytest.mark.parametrize("given", ["", "NONE = {}\nROUTES = {'/log': 1}\nOURS = {'log': False, 'audit': False}\n"])
@pytest.mark.parametrize("command", ["check", "rules"])
def test_an_application_is_no_dict(
    command: str, name: str, more: str, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever names it is told what to name: the settings beside it, if there are some."""
    Path("shop_config.py").write_text(
        "import midwatch\nfrom fastapi import FastAPI\nfrom flask import Flask\nfast = FastAPI()\n"
        f"flask = Flask('shop')\nwatched = midwatch.install(lambda environ, start: [], {{'log': False}})\n{given}"
    )
    assert main([command, f"shop_config:{name}"]) == 2
    out, words = capsys.readouterr()
    first, where, told, run = words.splitlines()
    assert (out, where, run) == ("", f"  in shop_config:{name}", f"  help: midwatch {command} --help")
    assert first.startswith("error: settings: expected a dict of settings, got <")
    assert told == ('  did you mean "shop_config:OURS"?' if given else f"  {NAME_IT}{more}")
