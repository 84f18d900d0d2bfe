"""Registries by contract: real HTTP servers that keep what the documents of Consul and Eureka say that they keep."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from ..clock import Clock


class Peer:
    """What a registry knows, and what it was asked."""

    def __init__(self) -> None:
        self.services: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.down = False
        self.changed = threading.Condition()
        self.port = 0

    def until(self, done: Any) -> None:
        """Wait until *done* says so; looked at after each call."""
        with self.changed:
            assert self.changed.wait_for(done, 10), (self.calls, self.services)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> int:
        raise NotImplementedError


class Consul(Peer):
    """developer.hashicorp.com/consul/api-docs/agent: service and check."""

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> int:
        what, _, last = path.removeprefix("/v1/agent/").rpartition("/")
        name = unquote(last)
        known = self.services.get(name.removeprefix("service:"))
        if (method, path) == ("PUT", "/v1/agent/service/register"):
            # A service that is registered again keeps its maintenance, unless the checks are replaced.
            self.services[body["ID"]] = {
                **body,
                "maintenance": False,
                "status": body["Check"].get("Status", "critical"),
            }
            return 200
        if known is None:
            return 404
        match method, what:
            case "GET", "service":
                return 200
            case "PUT", "service/deregister":
                del self.services[name]
                return 200
            case "PUT", "service/maintenance":
                known["maintenance"] = query["enable"] == ["true"]
                return 200
            case "PUT", "check/update":
                known["status"] = body["Status"]
                return 200
        return 405


class Eureka(Peer):
    """Netflix/eureka wiki, "Eureka REST operations"; a status that is set outlasts a new registration."""

    def __init__(self) -> None:
        super().__init__()
        self.overridden: dict[str, str] = {}

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> int:
        parts = [unquote(part) for part in path.split("/")[1:]]
        if parts[:2] != ["eureka", "apps"]:
            return 404
        if method == "POST" and len(parts) == 3:
            instance = body["instance"]
            assert instance["app"] == parts[2]
            self.services[instance["instanceId"]] = instance
            return 204
        name = parts[3]
        if name not in self.services:
            return 404
        if parts[4:] == ["status"]:
            if method == "PUT":
                self.overridden[name] = query["value"][0]
            else:
                self.overridden.pop(name, None)
            return 200
        if method == "DELETE":
            del self.services[name]
            self.overridden.pop(name, None)
        return 200

    def status(self, name: str) -> str:
        status: str = self.services[name]["status"]
        return self.overridden.get(name, status)


def _serve(peer: Peer) -> Iterator[Peer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            parts = urlsplit(self.path)
            with peer.changed:
                status = 500 if peer.down else peer.answer(self.command, parts.path, parse_qs(parts.query), body)
                peer.calls.append(f"{self.command} {self.path}")
                peer.headers.append({name.lower(): value for name, value in self.headers.items()})
                peer.changed.notify_all()
            said = b"" if status == 204 else b"rpc error: secret-token"
            self.send_response(status)
            if status != 204:
                self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_PUT = do_POST = do_DELETE = handle_one

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    peer.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield peer
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def consul() -> Iterator[Peer]:
    yield from _serve(Consul())


@pytest.fixture
def eureka() -> Iterator[Peer]:
    yield from _serve(Eureka())


@pytest.fixture
def clock() -> Clock:
    return Clock()
