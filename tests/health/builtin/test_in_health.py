"""Built-in checks as settings name them: what pollers and the log are told, and what takes the service out."""

from __future__ import annotations

import logging
import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event

from midwatch.health import Check, HealthCheck
from midwatch.health.checks import load
from midwatch.logs.formatter import JsonFormatter

from .peers import Script, resets, says, serving, silent

CANARY = "c4n4ry"

WORDS = "w0rds"
"""What a server says: it is in the log, and told to nobody."""

VIEWS = (
    "/health", "/health?verbose", "/health/ready?verbose", "/health?format=spring", "/health?format=consul",
    "/health?format=k8s", "/health?format=haproxy",
)  # fmt: skip

SPECS = {
    "tcp": f"tcp://ann:{CANARY}@127.0.0.1:{{port}}?timeout=0.2",
    "http": f"http://ann:{CANARY}@127.0.0.1:{{port}}/{CANARY}?token={CANARY}#timeout=0.2",
    "https": f"https://ann:{CANARY}@127.0.0.1:{{port}}/{CANARY}#timeout=0.2",
    "tls": f"tls://ann:{CANARY}@127.0.0.1:{{port}}?timeout=0.2",
    "redis": f"redis://ann:{CANARY}@127.0.0.1:{{port}}/1?timeout=0.2",
    "rediss": f"rediss://ann:{CANARY}@127.0.0.1:{{port}}/1?timeout=0.2",
    "postgresql": f"postgresql://ann:{CANARY}@127.0.0.1:{{port}}/orders?application_name={CANARY}#timeout=0.2",
    "async": f"postgresql+psycopg_async://ann:{CANARY}@127.0.0.1:{{port}}/orders?passfile={CANARY}",
    "sqlite": f"sqlite:////{CANARY}/orders.db",
}


@pytest.mark.parametrize(
    "script",
    [
        None,
        silent,
        resets,
        says(b"-ERR w0rds\r\n" * 3),
        says(b"HTTP/1.1 503 w0rds\r\nLocation: http://w0rds/\r\nContent-Length: 5\r\n\r\nw0rds"),
        says(b"E\x00\x00\x00\x10SFATAL\x00Mw0rds\x00\x00"),
        says(os.urandom(64)),
    ],
)
def test_no_password_is_told_to_anybody(
    served: Any, door: Any, nobody: int, caplog: pytest.LogCaptureFixture, script: Script | None
) -> None:
    caplog.set_level(logging.DEBUG)
    if script is None:
        said = answers(served, door, nobody, SPECS)
    else:
        # For silence, libpq waits two seconds at the least.
        specs = {name: spec for name, spec in SPECS.items() if script is not silent or "postgresql" not in spec}
        with serving(script) as port:
            said = answers(served, door, port, specs)
    for thread in threading.enumerate():
        if thread.name == "midwatch-health-log":
            thread.join(10)
    assert said[0][0] == 503
    for _, text in said:
        assert CANARY not in text
        assert WORDS not in text
        assert "OperationalError:" not in text
    lines = "".join(map(JsonFormatter().format, caplog.records))
    assert CANARY not in caplog.text
    assert CANARY not in lines
    assert '"exception.type":"sqlalchemy.exc.OperationalError"' in lines or script is silent


def answers(served: Any, door: Any, port: int, specs: dict[str, str]) -> list[tuple[int, str]]:
    health = HealthCheck(checks={name: spec.format(port=port) for name, spec in specs.items()}, timeout=4)
    app = served(health)
    found = [door.call(app, path=path.partition("?")[0], query=path.partition("?")[2]) for path in VIEWS]
    assert not re.search("Traceback", str([answer.body for answer in found]))
    return [(answer.status, answer.body.decode() + str(answer.headers)) for answer in found]


def test_the_log_has_what_the_driver_said(served: Any, nobody: int, health_log: Any, tmp_path: Path) -> None:
    """Of URLs and of engines, as of callables: clients are told the class alone."""
    engine = create_engine(f"sqlite:///{tmp_path}/{WORDS}/orders.db")
    checks: dict[str, Any] = {"url": f"postgresql://ann:{CANARY}@127.0.0.1:{nobody}/orders", "engine": engine}
    served(HealthCheck(checks=checks))
    lines = {line.text.split()[1].rstrip(":"): line for line in (health_log.next() for _ in checks)}
    assert {line.text.partition(": ")[2] for line in lines.values()} == {"fail (OperationalError), was unknown"}
    assert str(nobody) in str(lines["url"].raised)
    assert "unable to open database file" in str(lines["engine"].raised)
    engine.dispose()


def test_the_log_has_no_password_of_an_error(served: Any, health_log: Any) -> None:
    """A URL in the message of a driver is shown without it."""
    engine = create_engine("sqlite://")

    @event.listens_for(engine, "do_connect")
    def connect(*args: Any) -> None:
        raise OSError(f"cannot connect to postgresql://ann:{CANARY}@db.example/orders")

    served(HealthCheck(checks={"db": engine}))  # type: ignore[dict-item]
    line = health_log.next()
    assert CANARY in str(line.raised), "as it came, for who writes it without our formatter"
    assert "db.example/orders" in line.json
    assert CANARY not in line.json
    engine.dispose()


def test_what_all_instances_share_takes_none_of_them_out(served: Any, door: Any, nobody: int) -> None:
    health = HealthCheck(checks={"db": f"tcp://127.0.0.1:{nobody}", "room": "disk:/?warn=100&fail=100"})
    app = served(health)
    assert door.call(app, path="/health").status == 503
    assert door.call(app, path="/health/ready").status == 200


def test_unless_the_settings_say_so(served: Any, door: Any, nobody: int) -> None:
    for check in (f"tcp://127.0.0.1:{nobody}?scope=local", Check(f"tcp://127.0.0.1:{nobody}", gate=True)):
        app = served(HealthCheck(checks={"db": check}))
        assert door.call(app, path="/health/ready").status == 503


def test_what_belongs_to_live_and_what_does_not() -> None:
    assert load("room", Check("disk:/", ("live",)), 2.0).gates
    with pytest.raises(ValueError, match="does not belong into 'live'"):
        load("db", Check("tcp://db:5432", ("live",)), 2.0)


def test_what_is_late_takes_nothing_out() -> None:
    for spec in ("loop", "threads", "deliveries"):
        assert not load(spec, spec, 2.0).gates
    assert load("fds", "fds", 2.0).gates


def test_a_wrong_one_is_named_with_its_setting() -> None:
    with pytest.raises(ValueError, match=r"^health\.checks\.cache: .*did you mean 'redis'\?$"):
        load("cache", f"reddis://ann:{CANARY}@cache", 2.0)


def test_an_engine_of_the_application_is_a_check(served: Any, door: Any, document: Any, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/orders.db")
    app = served(HealthCheck(checks={"db": engine}))  # type: ignore[dict-item]
    assert document(door.call(app, path="/health"))["checks"]["db"][0]["scope"] == "shared"
    engine.dispose()
