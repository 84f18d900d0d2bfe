"""Chains in files of lines."""

from __future__ import annotations

import sys
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from ...audit import verify
from ...settings import Problem
from ...settings.shown import masked_words
from ..answer import SCHEMA, Answer, as_json, refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...audit import Stream

__all__ = ["verify_lines"]


def verify_lines(files: Sequence[str], *, as_json_: bool) -> Answer:
    """Whether the chains in *files* hold."""
    lines = _Lines(files)
    try:
        report = verify(lines)
    except OSError as error:
        return refused(Problem(lines.file, error.strerror or str(error), help="midwatch audit verify --help"))
    if not report.streams:
        return refused(Problem(", ".join(files), "no audit event in it: nothing was verified"))
    code = 0 if report.sound else 1
    if as_json_:
        counts = {"events": report.events, "foreign": report.foreign, "unreadable": report.unreadable}
        streams = [_stream(stream, lines) for stream in report.streams]
        return Answer(code, as_json({"schema": SCHEMA, "sound": report.sound, **counts, "streams": streams}))
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
