"""A tracker on the loopback: takes apart what it is sent by the letter of the protocol, and answers as it is told."""

from __future__ import annotations

import gzip
import json
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any, Final

PATIENCE: Final = 20


@dataclass
class Envelope:
    """One request, and what was in it."""

    path: str
    headers: dict[str, str]
    head: dict[str, Any]
    items: list[tuple[dict[str, Any], Any]]

    @property
    def event(self) -> dict[str, Any]:
        """The one event in it."""
        (found,) = [payload for header, payload in self.items if header["type"] == "event"]
        return dict(found)

    @property
    def discarded(self) -> dict[str, int]:
        """Counts by reason; empty where nothing is reported."""
        reports = [payload for header, payload in self.items if header["type"] == "client_report"]
        told = [entry for report in reports for entry in report["discarded_events"]]
        assert all(entry["category"] == "error" for entry in told)
        return {entry["reason"]: entry["quantity"] for entry in told}


def envelope_of(path: str, headers: dict[str, str], body: bytes) -> Envelope:
    """An envelope by its lengths: payloads may hold line ends."""
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    first, _, rest = body.partition(b"\n")
    items = []
    while rest:
        line, _, rest = rest.partition(b"\n")
        header = json.loads(line)
        length = header.get("length", len(rest.partition(b"\n")[0]))
        payload, after = rest[:length], rest[length:]
        assert len(payload) == length
        assert after[:1] in {b"", b"\n"}, "an item ends with its line"
        items.append((header, json.loads(payload) if header["type"] in {"event", "client_report"} else payload))
        rest = after[1:]
    return Envelope(path, headers, json.loads(first), items)


@dataclass
class Answer:
    """How one request is answered."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    hang: Event | None = None
    """Waited for before the answer."""
    close: bool = False
    """Whether the connection is closed in place of an answer."""


class Tracker:
    """
    One running server.

    Attributes:
        answers: To the next requests; then all are taken.
        received: All requests, the refused ones too.
    """

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.received: list[Envelope] = []
        self._came = Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = PATIENCE

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = outer._note(envelope_of(self.path, headers, body))
                if answer.hang is not None:
                    answer.hang.wait(PATIENCE)
                if answer.close:
                    self.close_connection = True
                    return
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers:
                        self.send_header(name, value)
                    self.send_header("content-length", "2")
                    self.end_headers()
                    self.wfile.write(b"{}")
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def url(self, **parameters: Any) -> str:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"sentry+http://abc123:s3cr3t@127.0.0.1:{self.port}/7" + (f"?{query}" if query else "")

    def _note(self, envelope: Envelope) -> Answer:
        with self._came:
            self.received.append(envelope)
            self._came.notify_all()
            return self.answers.popleft() if self.answers else Answer()

    def until(self, requests: int) -> list[Envelope]:
        """All requests, once there were so many."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.received) >= requests, PATIENCE), len(self.received)
            return list(self.received)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events, of all requests."""
        return [payload for one in self.received for header, payload in one.items if header["type"] == "event"]

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(PATIENCE)
        self._server.server_close()
