"""What the tests of anchors share: a server that takes a POST, and checkpoints to publish."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from midwatch.audit.anchors import Published
from midwatch.audit.checkpoints import Payload, digest, root_of
from midwatch.audit.stores import Checkpoint

NOW = 1_767_225_600_123_456_000

LONG = 20.0
"""Seconds after which a test hangs."""


def checkpoint(n: int, previous: str = "", *, text: str = "orders") -> Checkpoint:
    root = root_of([]).hex()
    payload = Payload(text, n, NOW + n * 1000, previous, [], {"events": 0, "streams": 0}, [], root).data()
    return Checkpoint(n, NOW + n * 1000, payload, digest(payload), b"\x01" * 64, "key-1")


def published(n: int, *, text: str = "orders") -> Published:
    return Published.of(checkpoint(n, text=text), text)


class Notary:
    """Takes POSTs, and answers as told."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.bodies: list[bytes] = []
        self.status = 200
        self.open = threading.Event()
        self.open.set()
        notary = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = notary.status
                with notary.changed:
                    notary.bodies.append(body)
                    notary.changed.notify_all()
                notary.open.wait(LONG)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/checkpoints"

    def wait(self, happened: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(happened, LONG)

    def stop(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def notary() -> Iterator[Notary]:
    made = Notary()
    yield made
    made.stop()
