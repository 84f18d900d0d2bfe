"""Who comes by a proxy on this machine is a stranger, whatever the server makes of the headers that say so."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from midwatch import WSGIMiddleware
from midwatch.headers import FORWARDING
from midwatch.health import HealthCheck
from midwatch.health.drain import Drain
from midwatch.testing import ScriptedApp, call_wsgi

waitress = pytest.importorskip("waitress.server")

Ask = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(params=[{}, {"trusted_proxy": "127.0.0.1", "trusted_proxy_headers": "x-forwarded-for"}])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Asks an application behind waitress, which removes such headers unless it is told whom to trust."""
    drain = Drain()
    app = WSGIMiddleware(ScriptedApp().wsgi, drain, HealthCheck(drain=drain, checks={"it": lambda: True}))
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=2, **request.param)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            server.asyncore.loop(timeout=0.02, count=1, map=server._map)

    thread = threading.Thread(target=serve)
    thread.start()

    def ask(method: str, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", server.effective_port, timeout=20)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, json.loads(body)

    yield ask
    over.set()
    thread.join(20)
    server.task_dispatcher.shutdown()
    for open_still in list(server._map.values()):
        open_still.close()
    app.lifecycle.stop()


def test_the_machine_itself_is_no_stranger(ask: Ask) -> None:
    assert "checks" in ask("GET", "/health")[1]
    assert ask("POST", "/health/drain?seconds=60")[0] == 202
    assert ask("DELETE", "/health/drain")[0] == 200


def test_who_comes_by_a_proxy_is_one(ask: Ask) -> None:
    for name in FORWARDING:
        header = {name: "for=127.0.0.1" if name == "forwarded" else "127.0.0.1"}
        assert ask("GET", "/health", **header) == (200, {"status": "pass"}), name
        assert [ask(method, "/health/drain", **header)[0] for method in ("GET", "POST", "DELETE")] == [403] * 3, name
    assert ask("GET", "/health/drain")[1]["draining"] is False


@pytest.mark.parametrize("odd", [None.__str__, lambda: None, "text", 5])
def test_where_nobody_can_tell(odd: object) -> None:
    """As of another version of that server: then nobody passes for the machine."""
    app = WSGIMiddleware(ScriptedApp().wsgi, Drain())
    answer = call_wsgi(app, "POST", "/health/drain", environ={"waitress.client_disconnected": odd})
    assert answer.status == 403
