"""Asking the children for one round after the other, so that no two ever work at the same time."""

from __future__ import annotations

import os
import random
import subprocess
from contextlib import ExitStack
from math import inf
from typing import TYPE_CHECKING, Final, TypeVar, final

import msgspec

from .child import Ask, Hello, Timing
from .processes import Broken, command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

__all__ = ["PROTOCOLS", "Child", "Measured", "measure"]

T = TypeVar("T", bound=msgspec.Struct)

PROTOCOLS: Final = {"asgi": "ASGI (Starlette)", "wsgi": "WSGI (Flask)"}


class Measured(msgspec.Struct):
    """
    The best round of each variant.

    Attributes:
        best: By variant; `plain` is the bare application in a process that has imported what `assembled` imports.
        skipped: Why a variant is missing.
    """

    best: dict[str, Timing]
    skipped: dict[str, str]
    versions: dict[str, str]


@final
class Child:
    """
    One process, asked over its pipes.

    Args:
        protocol, kind: Of its variants.
        environment: Variables that it has besides ours.
    """

    def __init__(self, protocol: str, kind: str, environment: Mapping[str, str] | None = None) -> None:
        self.kind = kind
        self._process = subprocess.Popen(
            command("child", protocol, kind),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | dict(environment or {}),
        )
        self.hello = self._hear(Hello)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        assert self._process.stdin is not None
        if kind is not None:
            self._process.terminate()
        self._process.stdin.close()
        code = self._process.wait(timeout=30)
        if code != 0 and kind is None:
            raise Broken(f"{self.kind}: ended with {code}")

    def time(self, variant: str, count: int) -> Timing:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(Ask(variant, count)).decode() + "\n")
        self._process.stdin.flush()
        return self._hear(Timing)

    def _hear(self, kind: type[T]) -> T:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Broken(f"{self.kind}: the process ended with {self._process.wait(timeout=30)}; its words are above")
        return msgspec.json.decode(line, type=kind)


def measure(rounds: int, count: int, tell: Callable[[str], None]) -> dict[str, Measured]:
    """
    Time every variant of both protocols, *rounds* times *count* requests each.

    Raises:
        Broken: a process ended early, or a variant did not answer as the bare application does.
    """
    with ExitStack() as stack:
        children: list[tuple[str, Child]] = []
        for protocol, title in PROTOCOLS.items():
            for kind in ("watched", "jsonlog", "assembled", "plain"):
                tell(f"starting {kind} on {title}")
                children.append((protocol, stack.enter_context(Child(protocol, kind))))
        measured = {protocol: _empty(child for of, child in children if of == protocol) for protocol in PROTOCOLS}
        jobs = [(protocol, child, name) for protocol, child in children for name in child.hello.answers]
        order = random.Random(7)  # Neighbours change from round to round, alike in every run.
        for done in range(rounds):
            tell(f"round {done + 1} of {rounds}: {len(jobs)} variants, {count} requests each")
            order.shuffle(jobs)
            for protocol, child, name in jobs:
                timing = child.time(name, count)
                best = measured[protocol].best["plain" if child.kind == "plain" else name]
                best.time, best.cpu = min(best.time, timing.time), min(best.cpu, timing.cpu)
    return measured


def _empty(children: Iterable[Child]) -> Measured:
    measured = Measured({}, {}, {})
    expected: object = None
    for child in children:
        for name, answer in child.hello.answers.items():
            measured.best["plain" if child.kind == "plain" else name] = Timing(inf, inf)
            expected = expected or answer
            if answer.status != 200 or answer != expected:
                raise Broken(f"{child.kind}, {name}: answered {answer}, not {expected}")
        measured.skipped |= child.hello.skipped
        measured.versions |= child.hello.versions
    return measured
