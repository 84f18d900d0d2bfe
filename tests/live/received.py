"""What a collector has received, in one form whoever it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Received:
    """One span as a collector has understood it; names and services in lower case, as Zipkin keeps them."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    service: str
    start: int
    """Microseconds."""
    duration: int
    """Microseconds."""
    failed: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


def outline(spans: Iterable[Received]) -> str:
    """
    One trace as indented lines, children below their parents in the order in which they began.

    A span whose parent is not there stands at the margin.
    """
    found = sorted(spans, key=lambda span: (span.start, span.name))
    ids = {span.span_id for span in found}

    def lines(parent: str | None, depth: int) -> list[str]:
        return [
            line
            for span in found
            if (span.parent_id if span.parent_id in ids else None) == parent
            for line in (
                f"{'  ' * depth}{span.kind} {span.service}: {span.name}{' FAILED' * span.failed}",
                *lines(span.span_id, depth + 1),
            )
        ]

    return "\n".join(lines(None, 0))
