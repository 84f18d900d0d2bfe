"""
The command `midwatch`.

Data goes to stdout, words to stderr. Exit code 0: fine; 1: something was found; 2: usage or settings; 130: Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from bisect import bisect_left
from contextlib import redirect_stdout
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from .audit import verify
from .settings import Problem, SettingsError, load
from .settings.loading import in_force
from .settings.problem import nearest, render
from .settings.reference import explained, find, markdown, rows
from .settings.shown import literal, masked_words
from .settings.target import read_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from .audit import Stream

__all__ = ["main"]

SCHEMA: Final = 1
"""Version of what `--json` prints."""


class Answer(NamedTuple):
    """What a command comes to: printed at the end, so that a reader who leaves does not change the exit code."""

    code: int
    out: str = ""
    words: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv*, by default the process's; the exit code."""
    code = 0
    try:
        try:
            arguments = _parser().parse_args(argv)
            answer: Answer = arguments.run(arguments)
            code = answer.code
            sys.stdout.write(answer.out and f"{answer.out}\n")
            sys.stdout.flush()
            sys.stderr.write(answer.words and f"{answer.words}\n")
        except SystemExit as end:  # argparse has printed help, the version or an error.
            code = end.code if isinstance(end.code, int) else 2
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        _close(sys.stdout)
        _close(sys.stderr)
    except KeyboardInterrupt:
        return 130
    return code


def _close(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, if nobody reads *stream*: the interpreter would complain at its end."""
    try:
        stream.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _Parser(argparse.ArgumentParser):
    """A parser whose help begins with examples and whose errors look like all others."""

    def __init__(self, *, examples: str = "", **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self._examples = examples

    def format_help(self) -> str:
        return f"examples:\n{self._examples}\n\n{super().format_help()}"

    def error(self, message: str) -> NoReturn:
        problem = Problem(self.prog, message, help=f"{self.prog} --help")
        self.exit(2, render(problem, colour=_colour(sys.stderr)) + "\n")


def _parser() -> _Parser:
    everything = "  midwatch check\n  midwatch settings\n  midwatch audit verify audit.jsonl"
    parser = _Parser(prog="midwatch", description="Watches web services.", examples=everything)
    parser.add_argument("--version", action="version", version=f"midwatch {version('midwatch')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    examples = "  midwatch check orders.config:MIDWATCH\n  midwatch check settings.json --json\n"
    examples += "  midwatch check --explain log.to"
    check = commands.add_parser("check", help="validate settings and show what is in force", examples=examples)
    check.add_argument("target", nargs="?", metavar="MODULE:NAME|FILE.json", help="a dict; nothing for the defaults")
    check.add_argument("--explain", metavar="PATH", help="explain one setting")
    check.add_argument("--json", action="store_true", help="for programs")
    check.set_defaults(run=_check)

    examples = "  midwatch settings\n  midwatch settings --markdown > docs/settings.md"
    settings = commands.add_parser("settings", help="every setting there is", examples=examples)
    form = settings.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as a page")
    form.add_argument("--json", action="store_true", help="for programs")
    settings.set_defaults(run=_settings)

    examples = "  midwatch audit verify audit.jsonl\n  midwatch audit verify --json audit.jsonl audit.jsonl.1"
    audit = commands.add_parser("audit", help="look at the audit trail", examples=examples)
    actions = audit.add_subparsers(required=True, metavar="COMMAND")
    verify = actions.add_parser("verify", help="check the chain of events", examples=examples)
    verify.add_argument("files", nargs="+", metavar="FILE", help="files of events, or - for stdin")
    verify.add_argument("--json", action="store_true", help="for programs")
    verify.set_defaults(run=_verify)
    return parser


def _check(arguments: argparse.Namespace) -> Answer:
    try:
        if arguments.explain is not None:
            return _explain(arguments)
        with redirect_stdout(sys.stderr):  # What imported modules print is no answer.
            given = None if arguments.target is None else read_target(arguments.target)
            settings = load(given, arguments.target or "settings")
    except SettingsError as error:
        return Answer(2, _refusal(error.problems) if arguments.json else "", error.rendered(colour=_colour(sys.stderr)))
    found = in_force(settings, given)
    if arguments.json:
        rows = [setting._asdict() for setting in found]
        return Answer(0, _json({"schema": SCHEMA, "valid": True, "settings": rows}))
    width = max(len(setting.path) for setting in found)
    origins = max(len(setting.origin) for setting in found)
    lines = [
        f"{path:{width}}  {origin:{origins}}  {'not set' if value is None else literal(value)}"
        for path, value, origin in found
    ]
    return Answer(0, "\n".join(lines), "valid; midwatch check --explain PATH explains a setting")


def _explain(arguments: argparse.Namespace) -> Answer:
    found = find(arguments.explain)
    if not found:
        guess = nearest(arguments.explain, [row.path for row in rows()])
        hint = f'did you mean "{guess}"?' if guess else ""
        raise SettingsError([Problem(arguments.explain, "unknown setting", hint, help="midwatch settings")], "")
    if arguments.json:
        return Answer(0, _json({"schema": SCHEMA, "settings": [row._asdict() for row in found]}))
    return Answer(0, "\n\n".join(explained(row) for row in found))


def _settings(arguments: argparse.Namespace) -> Answer:
    if arguments.markdown:
        return Answer(0, markdown().rstrip("\n"))
    if arguments.json:
        return Answer(0, _json({"schema": SCHEMA, "settings": [row._asdict() for row in rows()]}))
    return Answer(0, "\n\n".join(explained(row) for row in rows()), "midwatch check shows what is in force")


def _verify(arguments: argparse.Namespace) -> Answer:
    lines = _Lines(arguments.files)
    try:
        report = verify(lines)
    except OSError as error:
        problem = Problem(lines.file, error.strerror or str(error), help="midwatch audit verify --help")
        return Answer(2, "", render(problem, colour=_colour(sys.stderr)))
    if not report.streams:
        problem = Problem(", ".join(arguments.files), "no audit event in it: nothing was verified")
        return Answer(2, "", render(problem, colour=_colour(sys.stderr)))
    code = 0 if report.sound else 1
    if arguments.json:
        counts = {"events": report.events, "foreign": report.foreign, "unreadable": report.unreadable}
        streams = [_stream(stream, lines) for stream in report.streams]
        return Answer(code, _json({"schema": SCHEMA, "sound": report.sound, **counts, "streams": streams}))
    verdict = "sound" if report.sound else "NOT SOUND"
    told = [_stream_line(stream, lines) for stream in report.streams]
    words = f"{verdict}: {report.events} events in {len(told)} streams"
    if report.unreadable:
        words += f"; {report.unreadable} lines were no valid JSON and are not counted"
    return Answer(code, "\n".join(told), words)


class _Lines:
    """The lines of some files as if they were one, and where each of them came from."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = files
        self._starts: list[int] = []
        self.file = ""

    def __iter__(self) -> Iterator[str]:
        count = 0
        for name in self._files:
            self.file = name
            self._starts.append(count)
            source = sys.stdin.fileno() if name == "-" else name
            # Nothing but a line feed ends a line, and what is no UTF-8 was altered: not a reason to stop.
            with open(source, encoding="utf-8", errors="replace", newline="\n", closefd=name != "-") as lines:
                for line in lines:
                    count += 1
                    yield line

    def place(self, line: int) -> str:
        """`file:line` of the *line*-th of all."""
        at = bisect_left(self._starts, line) - 1
        return f"{self._files[at]}:{line - self._starts[at]}"


def _stream(stream: Stream, lines: _Lines) -> dict[str, Any]:
    problem = stream.problem
    first = None if problem is None else {**problem._asdict(), "line": lines.place(problem.line)}
    named = {"stream": stream.id, "service": stream.service, "host": stream.host}
    return {**named, "events": stream.events, "closed": stream.closed, "problem": first}


def _stream_line(stream: Stream, lines: _Lines) -> str:
    state = "closed" if stream.closed else "open: nothing tells what came after it"
    if stream.problem is not None:
        fault, line, seq, text = stream.problem
        state = f"{fault} at {lines.place(line)}, event {seq}: {text}"
    who = masked_words(f"{stream.service} on {stream.host}")
    return f"{stream.id}  {who}  {stream.events} events  {state}"


def _refusal(problems: Sequence[Problem]) -> str:
    told = [{"path": problem.path, "reason": problem.reason, "hint": problem.hint} for problem in problems]
    return _json({"schema": SCHEMA, "valid": False, "problems": told})


def _json(value: Any) -> str:
    return json.dumps(value, indent=2)


def _colour(stream: TextIO) -> bool:
    """Whether *stream* is a terminal that shows colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
