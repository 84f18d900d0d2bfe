"""What the six left behind: the files of both services, and what they said of themselves while they ran."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import httpx
from prometheus_client.parser import text_string_to_metric_families

import midwatch

__all__ = ["NAMES", "Evidence", "Scrape", "Span", "read", "scrape"]

NAMES: Final = ("shop", "stock")

OWN: Final = ("/health", "/metrics")
"""Paths that Midwatch answers itself: how often they are asked is no part of the traffic."""

KINDS: Final[dict[int, Literal["server", "client"]]] = {2: "server", 3: "client"}


@dataclass(frozen=True, slots=True)
class Span:
    """One span; times in milliseconds."""

    service: str
    kind: Literal["server", "client", "other"]
    name: str
    trace: str
    id: str
    parent: str | None
    start: float
    duration: float
    status: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Scrape:
    """
    What a service said of itself.

    Attributes:
        counts: Requests by method and route, out of `/metrics`.
        health: The document of `/health`; empty if there was none.
    """

    counts: Counter[tuple[str, str]]
    health: dict[str, Any]


@dataclass(slots=True)
class Evidence:
    """
    All of it, by service where it is a dict.

    Attributes:
        lines: Of the log, whoever wrote them.
        events: Bodies of audit events, without those about the chain itself.
        chains: The verdict on each audit file; missing where there is no file.
    """

    spans: list[Span] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    chains: dict[str, Any] = field(default_factory=dict)
    scrapes: dict[str, Scrape] = field(default_factory=dict)

    def requests(self, service: str) -> list[dict[str, Any]]:
        """Lines of the request log."""
        return self._of(service, "midwatch.request")

    def errors(self, service: str) -> list[dict[str, Any]]:
        """Error reports."""
        return self._of(service, "midwatch.error")

    def _of(self, service: str, logger: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["logger"] == logger and line["service.name"] == service]

    def servers(self, service: str) -> list[Span]:
        """Server spans."""
        return [span for span in self.spans if span.service == service and span.kind == "server"]


async def scrape(client: httpx.AsyncClient, url: str) -> Scrape:
    """Ask a service for its metrics and its health."""
    metrics, health = await client.get(f"{url}/metrics"), await client.get(f"{url}/health")
    counts: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(metrics.text) if metrics.is_success else ():
        for sample in family.samples:
            if sample.name == "http_server_request_duration_seconds_count" and not _own(sample.labels["http_route"]):
                counts[sample.labels["http_request_method"], sample.labels["http_route"]] += int(sample.value)
    told = health.headers.get("content-type", "").startswith("application/health+json")
    return Scrape(counts, health.json() if told else {})


def read(files: Path) -> Evidence:
    """Read what both services have written into *files*."""
    found = Evidence()
    for service in NAMES:
        for batch in _json_lines(files / f"{service}.spans.jsonl"):
            found.spans += _spans(service, batch)
        found.lines += _json_lines(files / f"{service}.log.jsonl")
        audit = files / f"{service}.audit.jsonl"
        if audit.exists():
            with audit.open(encoding="utf-8") as lines:
                found.chains[service] = midwatch.audit.verify(lines)
            found.events += (line["body"] for line in _json_lines(audit) if line["body"]["kind"] != "system")
    found.lines = [line for line in found.lines if not _own(line.get("url.path", ""))]
    found.lines.sort(key=lambda line: str(line["timestamp"]))
    found.events.sort(key=lambda event: str(event["time"]))
    return found


def _own(path: str) -> bool:
    return path.startswith(OWN)


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            # The end of a file that is being written may be torn.
            yield from (json.loads(line) for line in lines if line.endswith("\n"))


def _spans(service: str, batch: dict[str, Any]) -> Iterator[Span]:
    """The spans of one line of OTLP JSON."""
    for scope in (scope for resource in batch["resourceSpans"] for scope in resource["scopeSpans"]):
        for span in scope["spans"]:
            said = {item["key"]: str(next(iter(item["value"].values()))) for item in span["attributes"]}
            path = said.get("url.path") or httpx.URL(said.get("url.full", "")).path
            if _own(path):
                continue
            start, end = int(span["startTimeUnixNano"]) / 1e6, int(span["endTimeUnixNano"]) / 1e6
            kind = KINDS.get(span["kind"], "other")
            yield Span(
                service=service,
                kind=kind,  # type: ignore[arg-type]
                name=span["name"] if kind == "server" else f"{span['name']} {path}",
                trace=span["traceId"],
                id=span["spanId"],
                parent=span.get("parentSpanId"),
                start=start,
                duration=end - start,
                status=said.get("http.response.status_code", ""),
                outcome=said.get("midwatch.outcome", "error" if span.get("status", {}).get("code") == 2 else "ok"),
            )
