"""The standard streams and files: which URL stands for which, and one channel in front of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from ..delivery import Channel
from .file import File
from .stream import Stream
from .whole import Line

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Line", "lines_to"]

ROUGHLY: Final = 1024
"""Bytes that a line which is not text yet counts for."""

_open: dict[str, Channel[str | Line]] = {}


def lines_to(url: str) -> Callable[[str | Line], None]:
    """
    A function that queues one line, without its newline, for `stdout`, `stderr` or `file:///path`.

    Two callers that name the same destination share its channel, so that their lines stay whole and in order.

    Raises:
        ValueError: another URL, or a file that cannot be opened.
    """
    channel = _open.get(url)
    if channel is None:
        channel = _open[url] = Channel(url, _deliver(url), max_items=50_000)

    def put(line: str | Line) -> None:
        channel.put(line, len(line) if type(line) is str else getattr(line, "weight", ROUGHLY))

    return put


def _deliver(url: str) -> Callable[[list[str | Line]], None]:
    if url in {"stdout", "stderr"}:
        return Stream(url).deliver
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise ValueError(f"{url}: not a destination for lines; known are stdout, stderr and file:///path")
    return File(Path(unquote(parts.path))).deliver
