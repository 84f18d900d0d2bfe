"""A collector in a process of its own: takes OTLP over HTTP, counts spans, and fails as often as it is told to."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .processes import Broken, command

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Receiver", "Taken", "main", "receiver"]

FATES: Final = ("503", "429", "close", "tear")
"""What a failing collector does: refuses, asks for a pause, hangs up before or within its answer."""


class Taken(msgspec.Struct):
    """Requests that it has seen, those that it failed, and the spans of those that it took."""

    requests: int = 0
    failed: int = 0
    spans: int = 0


class Receiver:
    """A collector that runs; ask it what it has taken when it is over."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self.port = port
        self.taken = Taken()

    def stop(self) -> None:
        """Have it end and tell."""
        self.taken = msgspec.json.decode(self._process.communicate("\n", timeout=30)[0], type=Taken)


@contextmanager
def receiver(failing: float = 0.0) -> Iterator[Receiver]:
    """
    A collector that fails a share of its requests.

    Raises:
        Broken: it did not start.
    """
    process = subprocess.Popen(
        command("receiver", str(failing)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise Broken(f"receiver: ended with {process.wait(timeout=30)}; its words are above")
    started = Receiver(process, int(line))
    try:
        yield started
    finally:
        if process.poll() is None:
            started.stop()


def main(failing: float) -> int:
    """Serve until stdin has a line, then print what was taken; or until it ends."""
    taken, lock, chance = Taken(), Lock(), random.Random(11)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with lock:
                taken.requests += 1
                fate = chance.choice(FATES) if chance.random() < failing else "200"
                taken.failed += fate != "200"
            if fate in {"200", "tear"}:
                # Its status says that it has taken them, whatever becomes of the rest of the answer.
                count = _spans(body, self.headers)
                with lock:
                    taken.spans += count
            if fate == "close":
                self.close_connection = True
            elif fate == "tear":
                self.close_connection = True
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{")
            else:
                self._answer(int(fate))

        def _answer(self, status: int) -> None:
            self.send_response(status)
            if status == 429:
                self.send_header("retry-after", "0")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    if sys.stdin.readline():  # Else who started us has gone, and nobody reads.
        print(msgspec.json.encode(taken).decode())
    return 0


def _spans(body: bytes, headers: Any) -> int:
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if "json" in headers["content-type"]:
        resources = msgspec.json.decode(body)["resourceSpans"]
        return sum(len(scope["spans"]) for resource in resources for scope in resource["scopeSpans"])
    return 0
