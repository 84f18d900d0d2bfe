"""
The files that were named, as documents of JSON: most often one on each line.

A file may be read twice, first to choose a trace and then to collect it. What can be read only once (standard input,
pipes) is then put aside in a temporary file. What gzip has compressed is read as what it was.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import stat
import sys
import tempfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Sources"]

LONGEST: Final = 64 << 20
"""Bytes of one line, and of one document that takes several."""

KEPT: Final = 8 << 20
"""Bytes of standard input that stay in memory."""

BOM: Final = b"\xef\xbb\xbf"

GZIP: Final = b"\x1f\x8b"
"""How every gzip file begins (RFC 1952 section 2.3.1)."""

OPENING: Final = frozenset(b"[{ \t\r\n")

_space: Final = re.compile(r"\s*").match


class Sources:
    """
    Some files, `-` for standard input; for a `with`.

    Args:
        names: The files.
        once: They are read once only, so that nothing has to be put aside.

    Attributes:
        name: Of the file being read, for what goes wrong with it.
        cut: Lines that were longer than `LONGEST`.
        torn: Compressed files of which the rest could not be read.
    """

    def __init__(self, names: Sequence[str], *, once: bool = False) -> None:
        self._names = tuple(dict.fromkeys(names))
        self._once = once
        self._aside: dict[str, IO[bytes]] = {}
        self.name = ""
        self.cut = self.torn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._aside.values():
            file.close()

    def documents(self) -> Iterator[bytes]:
        """
        Every document of every file; what is no JSON is one too, and for the reader to find out.

        Raises:
            OSError: the file `name` cannot be read.
        """
        for name in self._names:
            self.name = name
            with self._open(name) as file:
                try:
                    yield from self._lines(file)
                except (EOFError, zlib.error, gzip.BadGzipFile):
                    self.torn += 1

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        aside = self._aside.get(name)
        if aside is None:
            with open(sys.stdin.fileno() if name == "-" else name, "rb", closefd=name != "-") as file:
                if self._once or (name != "-" and stat.S_ISREG(os.fstat(file.fileno()).st_mode)):
                    yield _unpacked(file, file.peek(len(GZIP)))
                    return
                aside = self._aside[name] = tempfile.SpooledTemporaryFile(KEPT)  # noqa: SIM115 - read again later
                shutil.copyfileobj(file, aside)
        aside.seek(0)
        begins = aside.read(len(GZIP))
        aside.seek(0)
        yield _unpacked(aside, begins)

    def _lines(self, file: IO[bytes]) -> Iterator[bytes]:
        first = True
        while line := file.readline(LONGEST):
            if len(line) == LONGEST and not line.endswith(b"\n"):
                self.cut += 1
                while (rest := file.readline(LONGEST)) and not rest.endswith(b"\n"):
                    pass
                continue
            if first:
                line = line.removeprefix(BOM)
            line = line.strip()
            if not line:
                continue
            if first and OPENING.issuperset(line):
                # Nothing but brackets on the first line: written for people, over many lines.
                yield from _documents(line + b"\n" + file.read(LONGEST))
                self.cut += bool(file.read(1))
                return
            first = False
            yield line


def _unpacked(file: IO[bytes], begins: bytes) -> Any:
    return gzip.GzipFile(fileobj=file) if begins.startswith(GZIP) else file


def _documents(data: bytes) -> Iterator[bytes]:
    """What *data* holds, one document or several, as `jq` writes them; what cannot be read comes last, as it is."""
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (ValueError, RecursionError):
        pass
    else:
        yield data
        return
    text, at, read = data.decode("utf-8", "replace"), 0, json.JSONDecoder().raw_decode
    while at < len(text):
        try:
            end = read(text, at)[1]
        except (ValueError, RecursionError):
            end = len(text)
        yield text[at:end].encode()
        at = _space(text, end).end()  # type: ignore[union-attr]  # it matches nothing too
