"""`xray`: the tracing header of AWS (https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from ..traceparent import SAMPLED
from .format import Format, Incoming, Outgoing
from .parts import DECISIONS, SPAN_ID, TRACE_ID, decided, padded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["XRay"]

MAX_LENGTH: Final = 8192
"""Load balancers send on what applications add, up to 7 KB."""

_fields: Final = re.compile(r"(?:^|;)[ \t]*(Root|Parent|Sampled)[ \t]*=[ \t]*([^;]*)").findall
"""Fields that say something of the trace; they come in any order, and with others between them."""

_root: Final = re.compile(r"1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})").fullmatch
_is_parent: Final = re.compile(r"[0-9a-fA-F]{16}").fullmatch


@final
class XRay(Format):
    """
    `X-Amzn-Trace-Id`.

    A load balancer sends a root only: a trace without a parent, and without a decision.
    """

    name = "xray"
    fields = ("x-amzn-trace-id",)
    sends = fields

    def extract(self, values: Sequence[str | None]) -> Incoming | None:
        header = values[0]
        if header is None or len(header) > MAX_LENGTH:
            return None
        pairs = _fields(header)
        found = {name: value.rstrip(" \t") for name, value in pairs}
        if len(found) < len(pairs):
            return None
        root, parent = found.get("Root"), found.get("Parent")
        sampled = DECISIONS.get(found.get("Sampled", ""))
        if root is None:
            return decided(sampled) if parent is None else None
        match = _root(root)
        trace_id = match and padded(match[1] + match[2], TRACE_ID)
        if not parent:
            return Incoming(trace_id, sampled=sampled) if trace_id else None
        span_id = padded(parent, SPAN_ID) if _is_parent(parent) else None
        return Incoming(trace_id, span_id, sampled) if trace_id and span_id else None

    def inject(self, span: Outgoing) -> Iterator[tuple[str, str]]:
        root = f"1-{span.trace_id[:8]}-{span.trace_id[8:]}"
        yield "x-amzn-trace-id", f"Root={root};Parent={span.span_id};Sampled={span.flags & SAMPLED}"
