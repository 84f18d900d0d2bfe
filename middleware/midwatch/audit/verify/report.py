"""What verifying found: one `Stream` for each chain, and the `Report` over all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ..chain import START, leaf, link

if TYPE_CHECKING:
    from ..event import Body

__all__ = ["Fault", "Problem", "Report", "Stream"]

Fault: TypeAlias = Literal["altered", "gap", "reordered", "duplicate"]


class Problem(NamedTuple):
    """
    Where a chain is broken.

    Attributes:
        line: Counted from 1.
        seq: Number of the event in that line.
    """

    fault: Fault
    line: int
    seq: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}, event {self.seq}: {self.fault}: {self.text}"


@dataclass(slots=True)
class Stream:
    """
    One chain as far as it was seen.

    Attributes:
        id, service, host: As its first line says.
        events: Lines of it.
        closed: Its end was seen. Of an open stream later events may be missing: the process runs, was killed, or
            somebody cut the tail off.
        problem: The first one; None for a sound chain.
    """

    id: str
    service: str
    host: str
    events: int = 0
    closed: bool = False
    problem: Problem | None = None
    _next: int = 0
    _head: bytes = field(default=START, repr=False)
    _missing: tuple[int, int] = (0, 0)

    def follow(self, line: int, body: Body, data: bytes, chain: str) -> None:
        """Check the next event of this stream against what came before."""
        self.events += 1
        seq: int = body["seq"]
        if seq < self._next:
            self._again(line, seq)
            return
        computed = link(self._head, leaf(data))
        if seq > self._next:
            # What the hole swallowed decides the chain value here, so this one has to be believed.
            self._tell("gap", line, seq, f"{_events(self._next, seq - 1)} missing before it")
            self._missing = self._missing if self._missing[1] else (self._next, seq)
        elif self.closed:
            self._tell("altered", line, seq, "it comes after the end of its stream")
        elif computed.hex() != chain:
            self._tell("altered", line, seq, "its content, or that of the event before it, is not what was chained")
        self._head = _digest(chain) or computed
        self._next = seq + 1
        self.closed = body.get("kind") == "system" and body.get("action") == "stream.close"

    def _again(self, line: int, seq: int) -> None:
        """An event whose turn is over: the one that was missing, or one for the second time."""
        first, end = self._missing
        if not first <= seq < end:
            self._tell("duplicate", line, seq, "an event of this number came before")
        elif self.problem is not None and self.problem.fault == "gap":
            text = f"event {seq} follows only in line {line}"
            self.problem = self.problem._replace(fault="reordered", text=text)

    def _tell(self, fault: Fault, line: int, seq: int, text: str) -> None:
        if self.problem is None:
            self.problem = Problem(fault, line, seq, text)


@dataclass(frozen=True, slots=True)
class Report:
    """
    All chains in some lines.

    Attributes:
        lines: How many were read.
        foreign: Lines that hold no event.
        unreadable: Lines that look like an event and are no valid JSON: torn by a crash, or worse.
    """

    streams: tuple[Stream, ...]
    lines: int
    foreign: int
    unreadable: int

    @property
    def events(self) -> int:
        """Events in all streams."""
        return sum(stream.events for stream in self.streams)

    @property
    def problem(self) -> Problem | None:
        """The first problem of all."""
        return min((stream.problem for stream in self.streams if stream.problem is not None), key=_line, default=None)

    @property
    def sound(self) -> bool:
        """Every chain that was seen holds; of open streams this says nothing about a tail."""
        return all(stream.problem is None for stream in self.streams)

    @property
    def open(self) -> tuple[Stream, ...]:
        """Streams whose end was not seen."""
        return tuple(stream for stream in self.streams if not stream.closed)

    @property
    def closed(self) -> tuple[Stream, ...]:
        """Streams whose end was seen."""
        return tuple(stream for stream in self.streams if stream.closed)

    def __str__(self) -> str:
        """For people: one line for the whole, then one for each stream."""
        verdict = "sound" if self.sound else "NOT SOUND"
        streams = f"{len(self.streams)} {'stream' if len(self.streams) == 1 else 'streams'}"
        counts = f"{self.foreign} other lines, {self.unreadable} unreadable"
        return "\n".join([f"{verdict}: {self.events} events in {streams}, {counts}",
                          *(_line_of(stream) for stream in self.streams)])  # fmt: skip


def _line(problem: Problem) -> int:
    return problem.line


def _line_of(stream: Stream) -> str:
    end = "closed" if stream.closed else "open: what came after it is unknown"
    state = end if stream.problem is None else str(stream.problem)
    return f"{stream.id[:8]} {stream.service} on {stream.host}: {stream.events} events, {state}"


def _events(first: int, last: int) -> str:
    return f"event {first} is" if first == last else f"events {first} to {last} are"


def _digest(chain: str) -> bytes | None:
    try:
        found = bytes.fromhex(chain)
    except ValueError:
        return None
    return found if len(found) == 32 else None
