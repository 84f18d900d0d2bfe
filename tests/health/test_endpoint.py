"""What pollers of all kinds get."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from midwatch.health import Check, HealthCheck, Result
from midwatch.service import Service
from midwatch.testing import Recorder, ScriptedApp, call_asgi

if TYPE_CHECKING:
    from midwatch.health.checks import CheckLike

PATHS = ("/health", "/health/live", "/health/ready", "/health/startup")
EVERYWHERE = ("live", "ready", "startup")
STRANGER = ("203.0.113.9", 50000)


def checked(status: str) -> HealthCheck:
    return HealthCheck(checks={"it": Check(lambda: status, EVERYWHERE)})


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(("status", "code"), [("pass", 200), ("warn", 200), ("fail", 503)])
def test_methods(served: Any, door: Any, document: Any, method: str, status: str, code: int) -> None:
    """GET, HEAD and OPTIONS get the same status and headers for the same health; HEAD gets no body."""
    app = served(checked(status))
    got = door.call(app, "GET", "/health")
    answer = door.call(app, method, "/health")
    assert answer.status == got.status == code
    assert document(got)["status"] == status
    assert answer.header("content-type") == got.header("content-type")
    assert answer.header("retry-after") == got.header("retry-after")
    assert answer.header("allow") == ("GET, HEAD, OPTIONS" if method == "OPTIONS" else None)
    if method == "HEAD":
        assert answer.body == b""
        assert int(answer.header("content-length") or 0) > 0
    else:
        assert document(answer)["status"] == status


def test_head_length(served: Any, door: Any) -> None:
    """HEAD carries the length of what GET sends, byte by byte."""
    app = served(checked("fail"))
    lengths = {door.call(app, method, "/health", peer=STRANGER).header("content-length") for method in ("GET", "HEAD")}
    assert lengths == {str(len(b'{"status":"fail"}'))}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
def test_other_methods(served: Any, door: Any, method: str) -> None:
    """Other methods are told which ones there are, and run no check."""
    ran: list[None] = []
    app = served(HealthCheck(checks={"it": lambda: ran.append(None)}))
    answer = door.call(app, method, "/health", **({} if door.name == "asgi" else {"validate": False}))
    assert (answer.status, answer.header("allow"), ran) == (405, "GET, HEAD, OPTIONS", [None])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_paths(served: Any, door: Any, document: Any, path: str, slash: str) -> None:
    """Each path answers with and without its slash, never with a redirect, and is one route."""
    recorder = Recorder()
    app = served(HealthCheck(), recorder)
    assert document(door.call(app, path=path + slash)) == {"status": "pass"}
    assert recorder.exchange.route == path


@pytest.mark.parametrize("path", ["/", "/healthy", "/health/", "/health/other", "//health", "/HEALTH"])
def test_elsewhere(served: Any, door: Any, path: str) -> None:
    """What is not a health path belongs to the application."""
    app = served(HealthCheck(path="/internal/health"))
    assert door.call(app, path=path).body == b"hello"


@pytest.mark.parametrize("path", ["/", "/up", "/up/"])
def test_own_path(served: Any, door: Any, document: Any, path: str) -> None:
    """Another path moves the groups too; the root is one, for HAProxy asks it by default."""
    recorder = Recorder()
    app = served(HealthCheck(path=path), recorder)
    document(door.call(app, path=path))
    assert document(door.call(app, path=path.rstrip("/") + "/ready")) == {"status": "pass"}
    routes = [exchange.route for exchange in recorder.exchanges]
    assert routes == [path.rstrip("/") or "/", path.rstrip("/") + "/ready"]


def test_mounted(served: Any, door: Any, document: Any) -> None:
    """Below a mount point the path is the application's own, and the route names both."""
    recorder = Recorder()
    app = served(HealthCheck(), recorder)
    if door.name == "asgi":
        answer = door.call(app, path="/api/health", scope={"root_path": "/api"})
    else:
        answer = door.call(app, path="/health", environ={"SCRIPT_NAME": "/api"})
    document(answer)
    assert recorder.exchange.route == "/api/health"


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_old_prober(served: Any, door: Any, document: Any, method: str) -> None:
    """HTTP/1.0 without a Host header is answered: HAProxy asks like that."""
    app = served(checked("pass"))
    version: dict[str, Any] = (
        {"scope": {"http_version": "1.0"}} if door.name == "asgi" else {"environ": {"SERVER_PROTOCOL": "HTTP/1.0"}}
    )
    assert document(door.call(app, method, "/health", headers=(), **version))["status"] == "pass"


def test_before_the_app(door: Any, document: Any) -> None:
    """The application is not asked, so neither its failures nor its middleware matter."""
    app = door.watch(ScriptedApp(error=RuntimeError("broken")), HealthCheck())
    assert document(door.call(app, path="/health")) == {"status": "pass"}


def test_websocket() -> None:
    """A websocket on a health path is the application's business."""
    from midwatch import ASGIMiddleware

    app = ASGIMiddleware(ScriptedApp().asgi, HealthCheck())
    answer = call_asgi(app, path="/health", scope={"type": "websocket"})
    assert answer.body == b"hello"


def test_groups(served: Any, door: Any, document: Any) -> None:
    """Each group asks its own checks; the whole asks all; a group without checks passes."""
    checks: dict[str, CheckLike] = {
        "loop": Check(lambda: "pass", ["live"]),
        "database": lambda: "fail",
        "model": Check(lambda: "warn", ("ready", "startup")),
        "report": Check(lambda: "warn", ()),
    }
    app = served(HealthCheck(checks=checks))
    seen = {path: document(door.call(app, path=path)) for path in PATHS}
    assert {path: (seen[path]["status"], list(seen[path]["checks"])) for path in PATHS} == {
        "/health": ("fail", ["loop", "database", "model", "report"]),
        "/health/live": ("pass", ["loop"]),
        "/health/ready": ("fail", ["database", "model"]),
        "/health/startup": ("warn", ["model"]),
    }
    bare = served(HealthCheck(checks={"database": lambda: False}))
    assert document(door.call(bare, path="/health/live")) == {"status": "pass"}


@pytest.mark.parametrize(
    ("accept", "text"),
    [
        ("text/plain", True),
        ("text/plain, text/*, */*", True),
        ("TEXT/PLAIN", True),
        ("text/plain;q=0.5, application/json;q=0.4", True),
        ("application/json, text/plain", False),
        ("application/health+json, text/plain;q=0.9", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("text/plain;q=0", False),
        ("text/plain;q=zero", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("status", ["pass", "fail"])
def test_text(served: Any, door: Any, document: Any, accept: str, text: bool, status: str) -> None:
    """Who prefers text gets one word, as Consul shows it; everybody else gets the document."""
    app = served(checked(status))
    answer = door.call(app, path="/health", headers=[("host", "testserver"), ("accept", accept)])
    assert answer.status == (200 if status == "pass" else 503)
    if text:
        assert (answer.body, answer.header("content-type")) == (status.encode(), "text/plain; charset=utf-8")
        assert answer.header("cache-control") == "no-store"
    else:
        assert document(answer)["status"] == status


def test_details(served: Any, door: Any, document: Any) -> None:
    """A direct peer from near sees who is asked, what it found, how long that took and why it is in trouble."""
    checks = {
        "queue": lambda: Result("warn", "backlog", 12_000, "messages"),
        "disk": lambda: Result("UP", "not shown", "plenty"),
        "database": lambda: None,
    }
    service = Service("orders", "1.4.2")
    app = served(HealthCheck(checks=checks, service=service))
    told = document(door.call(app, path="/health"))
    assert {key: told[key] for key in ("status", "serviceId", "version", "releaseId")} == {
        "status": "warn",
        "serviceId": "orders",
        "version": "1",
        "releaseId": "1.4.2",
    }
    found = {name: {**members[0], "time": None} for name, members in told["checks"].items()}
    took = found["database"].pop("observedValue")
    assert isinstance(took, float)
    assert found == {
        "queue": {
            "status": "warn",
            "time": None,
            "observedValue": 12_000,
            "observedUnit": "messages",
            "output": "backlog",
        },
        "disk": {"status": "pass", "time": None, "observedValue": "plenty"},
        "database": {"status": "pass", "time": None, "observedUnit": "s"},
    }


@pytest.mark.parametrize(
    ("peer", "header"),
    [
        (STRANGER, None),
        (None, None),
        (("10.1.2.3", 50000), "x-forwarded-for"),
        (("127.0.0.1", 50000), "forwarded"),
        (("127.0.0.1", 50000), "via"),
    ],
)
def test_strangers(served: Any, door: Any, document: Any, peer: tuple[str, int] | None, header: str | None) -> None:
    """Strangers, and whoever asks through a proxy, learn the status and nothing else."""
    plugin = HealthCheck(checks={"database": lambda: False}, service=Service("orders", "1.4.2"))
    app = served(plugin)
    headers = [("host", "testserver"), *([] if header is None else [(header, "for=10.0.0.1")])]
    assert document(door.call(app, path="/health", peer=peer, headers=headers)) == {"status": "fail"}


def test_allow(served: Any, door: Any, document: Any) -> None:
    """Who sees details is a setting: the networks given, and no others."""
    plugin = HealthCheck(checks={"database": lambda: True}, allow=["203.0.113.0/24"])
    app = served(plugin)
    assert "checks" in document(door.call(app, path="/health", peer=STRANGER))
    assert document(door.call(app, path="/health")) == {"status": "pass"}


SECRET = "postgresql://orders:hunter2@db.internal:5432/orders"


@pytest.mark.parametrize("accept", ["*/*", "text/plain"])
@pytest.mark.parametrize("peer", [("127.0.0.1", 50000), STRANGER])
@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_secrets(served: Any, door: Any, health_log: Any, accept: str, peer: tuple[str, int], path: str) -> None:
    """The message of an exception holds the password of the database: it goes to the log, and into no body."""

    def raises() -> None:
        raise ConnectionError(f"cannot connect to {SECRET}")

    async def raises_later() -> None:
        raise ConnectionError(SECRET) from ValueError(SECRET)

    checks = {"plain": raises, "async": raises_later, "nonsense": lambda: {SECRET}, "word": lambda: SECRET}
    app = served(HealthCheck(checks=checks))
    answer = door.call(app, path=path, peer=peer, headers=[("host", "testserver"), ("accept", accept)])
    assert answer.status == 503
    assert not any(part in repr(answer) for part in (SECRET, "hunter2", "db.internal"))
    assert f"cannot connect to {SECRET}" in {health_log.next().raised for _ in range(4)}


def test_odd_words(served: Any, door: Any, document: Any) -> None:
    """Whatever a check says becomes valid JSON of bounded size."""
    checks = {
        "surrogate": lambda: Result("warn", "\ud800\x00\x1b[2J"),
        "long": lambda: Result("warn", "x" * 100_000),
        "unit": lambda: Result("pass", observed=1, unit="\udcff"),
        "huge": lambda: Result("pass", observed=10**400),
    }
    app = served(HealthCheck(checks=checks))
    answer = door.call(app, path="/health")
    assert document(answer)["status"] == "warn"
    assert len(answer.body) < 4000
    assert list(json.loads(answer.body)["checks"]) == list(checks)


def test_no_number(served: Any, door: Any, document: Any) -> None:
    """What is observed may be no number that JSON has."""
    app = served(HealthCheck(checks={"nan": lambda: Result("pass", observed=float("nan"))}))
    assert document(door.call(app, path="/health"))["checks"]["nan"][0]["observedValue"] == "nan"
