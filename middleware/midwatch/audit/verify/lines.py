"""
The verifier: recomputes every chain that it finds in some lines.

It reads what `AuditTrail` writes, to a file or to a log, among any other lines, several streams mixed, and keeps only
the head of each. A file line holds the hashed bytes themselves; from a log line they are made again.

What it cannot see: that a whole stream is missing, that the end of one was cut off before it closed, and that somebody
computed a whole chain anew. The first two it says; against the third an anchor outside is needed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ..canonical import canonical
from .report import Report, Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..event import Body

__all__ = ["verify"]

_file_line: Final = re.compile(r'\{"body":(\{.*\}),"chain":"([0-9a-f]{64})"\}').fullmatch
_is_stream: Final = re.compile(r"[0-9a-f]{32}").fullmatch


def verify(lines: Iterable[str]) -> Report:
    """
    Check the chains in *lines*; whatever they hold, it does not raise.

    Give rotated files together, the oldest first: a stream that does not start at its beginning is a gap.
    """
    streams: dict[str, Stream] = {}
    total = unreadable = foreign = 0
    for line in lines:
        total += 1
        if not isinstance(line, str) or '"seq"' not in line or '"stream"' not in line:
            foreign += 1
            continue
        try:
            found = _read(line)
        except (ValueError, RecursionError):
            unreadable += 1
            continue
        if found is None:
            foreign += 1
            continue
        body, data, chain = found
        name: str = body["stream"]
        stream = streams.get(name)
        if stream is None:
            stream = streams[name] = Stream(name, *_origin(body))
        stream.follow(total, body, data, chain)
    return Report(tuple(streams.values()), total, foreign, unreadable)


def _read(line: str) -> tuple[Body, bytes, str] | None:
    """
    Body, hashed bytes and chain value of one line; None if it holds no event.

    Raises:
        ValueError: no JSON, or JSON that readers understand differently.
    """
    # Container runtimes put a timestamp in front.
    text = line[max(0, line.find("{")) :].strip()
    exact = _file_line(text)
    if exact is not None:
        body = _strict(exact[1])
        return (body, exact[1].encode("utf-8", "surrogatepass"), exact[2]) if _is_event(body) else None
    whole = _strict(text)
    if not isinstance(whole, dict):
        return None
    for place, beside in (("audit", "audit.chain"), ("body", "chain")):
        body, chain = whole.get(place), whole.get(beside)
        if isinstance(body, dict) and _is_event(body):
            return body, _made_again(body), chain if isinstance(chain, str) else ""
    return None


def _made_again(body: Body) -> bytes:
    try:
        return canonical(body)
    except Exception:
        return b""  # Nothing that we write: it will not match.


def _is_event(body: Body) -> bool:
    stream, seq = body.get("stream"), body.get("seq")
    return isinstance(stream, str) and _is_stream(stream) is not None and type(seq) is int and seq >= 0


def _origin(body: Body) -> tuple[str, str]:
    service = body.get("service")
    told = service if isinstance(service, dict) else {}
    return str(told.get("name", "")), str(told.get("host", ""))


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice: readers differ in which one counts (RFC 8259 section 4)")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _strict(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_no_twins, parse_constant=_refuse)
