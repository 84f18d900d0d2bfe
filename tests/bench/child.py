"""
A process that holds some variants of one protocol and times one round of one of them whenever it is asked.

It is asked on stdin and answers on stdout, one JSON line each; whatever else prints goes to `/dev/null`.
"""

from __future__ import annotations

import gc
import os
import sys
from functools import partial
from time import process_time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TextIO

import msgspec

from . import apps, peers, watched
from .calls import Answer, ASGICaller, WSGICaller
from .floor_asgi import FloorASGI
from .floor_wsgi import FloorWSGI

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Ask", "Hello", "Timing", "main", "pin"]

WARM_UP: Final = 300
QUIET_FROM: Final = 200
"""Requests of a round from which on it matters what else the process does: a quick run only shows that all works."""

LEAD_IN: Final = 50
"""Requests before each round: another process has had the core and its caches."""


class Ask(msgspec.Struct):
    """Time *count* requests to *variant*."""

    variant: str
    count: int


class Timing(msgspec.Struct):
    """
    Microseconds of one request.

    Attributes:
        time: What the caller waits.
        cpu: What all threads of the process work, until everything queued is delivered.
    """

    time: float
    cpu: float


class Hello(msgspec.Struct):
    """The variants that can be asked for, what each answered, and why the others are missing."""

    answers: dict[str, Answer]
    skipped: dict[str, str] = {}
    versions: dict[str, str] = {}


class Variant(NamedTuple):
    """An application, how to have everything delivered that it queued, and what it needs before it is timed."""

    app: Any
    settle: Callable[[], object] = lambda: None
    prepare: Callable[[], object] = lambda: None


class Bench:
    """Variants in one process: `watched`, `jsonlog`, `assembled`, `counted NAME`, or `plain`: bare beside imports."""

    def __init__(self, protocol: str, kind: str) -> None:
        asgi = protocol == "asgi"
        self._caller: Any = ASGICaller() if asgi else WSGICaller()
        self._bare: Callable[[], Any] = apps.starlette_app if asgi else apps.flask_app
        self._floor: Any = FloorASGI if asgi else FloorWSGI
        self.variants: dict[str, Variant] = {}
        self.hello = Hello({})
        if kind == "watched":
            self._add_watched()
        elif kind == "jsonlog":
            from . import jsonlog

            self.variants[jsonlog.JSON_LOGGER] = Variant(jsonlog.jsonlog_asgi() if asgi else jsonlog.jsonlog_wsgi())
        elif kind.startswith("counted "):
            self._add_counted(protocol, kind.removeprefix("counted "))
        else:
            self._add_assembled(asgi, only_import=kind == "plain")
        for name, variant in self.variants.items():
            self.hello.answers[name] = self._caller.answer(variant.app)
            self._caller.time(variant.app, WARM_UP)
            variant.settle()

    def _add_watched(self) -> None:
        self.variants["bare"] = Variant(self._bare())
        floor = self._floor(self._bare())
        self.variants["floor"] = Variant(floor, floor.book.flush)
        for name in watched.VARIANTS:
            self.variants[name] = Variant(
                watched.watch(self._bare(), name), watched.flush, partial(watched.prepare, name)
            )

    def _add_assembled(self, asgi: bool, *, only_import: bool) -> None:
        try:
            from . import assembled

            if asgi:
                from .assembled_asgi import assembled as make
            else:
                from .assembled_wsgi import assembled as make
        except ImportError as error:
            self.hello.skipped["assembled"] = f"{error} (extra `bench`)"
            return
        self.hello.versions = assembled.versions()
        if only_import:
            self.variants["bare"] = Variant(self._bare())
        else:
            self.variants["assembled"] = Variant(make(), assembled.flush_spans)

    def _add_counted(self, protocol: str, name: str) -> None:
        try:
            app = peers.counted(protocol, name)
        except ImportError as error:
            self.hello.skipped[name] = f"{error} (extra `bench`)"
            return
        self.hello.versions = peers.versions([name])
        self.variants |= {"bare": Variant(self._bare()), name: Variant(app)}

    def time(self, name: str, count: int) -> Timing:
        """Time *count* requests."""
        variant = self.variants[name]
        variant.prepare()
        if count >= QUIET_FROM:
            watched.rest()
        self._caller.time(variant.app, LEAD_IN)
        variant.settle()
        if count >= QUIET_FROM:
            # Garbage of the variant before; collection stays on meanwhile, as in production.
            gc.collect()
        cpu = process_time()
        taken = self._caller.time(variant.app, count)
        variant.settle()
        return Timing(taken / count * 1e6, (process_time() - cpu) / count * 1e6)


def pin(core: int | None) -> None:
    """Stay on one *core*, where the system lets us."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def main(protocol: str, kind: str) -> int:
    """Answer until stdin ends."""
    out = _own_stdout()
    bench = Bench(protocol, kind)
    _tell(out, bench.hello)
    for line in sys.stdin:
        ask = msgspec.json.decode(line, type=Ask)
        _tell(out, bench.time(ask.variant, ask.count))
    if lost := watched.dropped():
        print(f"bench: {lost} items were dropped, so the figures are too good", file=sys.stderr)
        return 1
    return 0


def _own_stdout() -> TextIO:
    """Standard output for ourselves; everybody else's goes nowhere."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return out


def _tell(out: TextIO, message: msgspec.Struct) -> None:
    out.write(msgspec.json.encode(message).decode() + "\n")
    out.flush()
