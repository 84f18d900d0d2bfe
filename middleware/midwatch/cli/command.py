"""Running a command: what it prints, and with which exit code it ends."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from . import audit, check, errors, rules, settings, trace
from .parser import Parser

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from .answer import Answer

__all__ = ["main"]


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


def _parser() -> Parser:
    everything = "  midwatch check\n  midwatch settings\n  midwatch trace spans.jsonl\n"
    everything += "  midwatch errors app.log\n  midwatch audit verify audit.jsonl\n"
    everything += "  midwatch rules orders.config:MIDWATCH"
    parser = Parser(prog="midwatch", description="Watches web services.", examples=everything)
    parser.add_argument("--version", action="version", version=f"midwatch {version('midwatch')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (check, settings, trace, errors, audit, rules):
        command.add_to(commands)
    return parser


def _close(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, if nobody reads *stream*: the interpreter would complain at its end."""
    try:
        stream.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
