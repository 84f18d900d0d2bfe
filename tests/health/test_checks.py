"""What may stand for a check, and what the start says of everything else."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import pytest

from midwatch.health import Check, HealthCheck
from midwatch.health.checks import load
from midwatch.testing import ScriptedApp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULE = """
from midwatch.health import Check

def database():
    return True

async def cache():
    return "warn"

class Pool:
    def ping(self):
        return None

pool = Pool()
loop = Check(database, groups=("live",), timeout=0.25)
address = "localhost"

def needs(connection):
    return connection
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package = tmp_path / "midwatch_shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "health.py").write_text(MODULE)
    (package / "broken.py").write_text("1 / 0")
    (package / "needy.py").write_text("import midwatch_not_installed")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("midwatch_shop")]:
        del sys.modules[name]


@pytest.mark.usefixtures("shop")
def test_by_name(door: Any, document: Any) -> None:
    """Settings name checks: plain, async, methods of an object, a whole `Check`, or within one."""
    checks: dict[str, Any] = {
        "database": "midwatch_shop.health:database",
        "cache": "midwatch_shop.health:cache",
        "pool": "midwatch_shop.health:pool.ping",
        "loop": "midwatch_shop.health:loop",
        "again": Check("midwatch_shop.health:database", ("live", "startup")),
    }
    app = door.watch(ScriptedApp(), HealthCheck(checks=checks))
    seen = {
        group: document(door.call(app, path="/health/" + group)).get("checks", {})
        for group in ("live", "ready", "startup")
    }
    assert {group: list(names) for group, names in seen.items()} == {
        "live": ["loop", "again"],
        "ready": ["database", "cache", "pool"],
        "startup": ["again"],
    }


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "midwatch_shop.health",
            "'midwatch_shop.health' is not module:callable; did you mean \"midwatch_shop:health\"?",
        ),
        ("database", "'database' is no built-in check"),
        (":database", "':database' is not module:callable"),
        ("midwatch_shop.health:", "'midwatch_shop.health:' is not module:callable"),
        ("", "this is no built-in check"),
        (
            "midwatch_shop.helth:database",
            'there is no module midwatch_shop.helth; did you mean "midwatch_shop.health"?',
        ),
        (
            "midwatch_shpo.health:database",
            'there is no module midwatch_shpo; did you mean "midwatch_shop"?',
        ),
        ("midwatch_shop.zzz:database", "there is no module midwatch_shop.zzz"),
        ("midwatch_shop.health.deep:database", "there is no module midwatch_shop.health.deep"),
        (".health:database", "'.health:database' is not module:callable"),
        (
            "midwatch_shop.health:databse",
            'midwatch_shop.health has no databse; did you mean "database"?',
        ),
        ("midwatch_shop.health:pool.pong", 'midwatch_shop.health.pool has no pong; did you mean "ping"?'),
        ("midwatch_shop.health:xyzzy", "midwatch_shop.health has no xyzzy"),
        ("midwatch_shop.broken:database", "importing midwatch_shop.broken raised ZeroDivisionError: "),
        (
            "midwatch_shop.needy:database",
            "importing midwatch_shop.needy raised ModuleNotFoundError: No module named ",
        ),
        ("midwatch_shop.health:address", "'localhost' is no function, no Check and no 'module:callable'"),
        ("midwatch_shop.health:Pool", "<class 'midwatch_shop.health.Pool'> is no function"),
        ("midwatch_shop.health:needs", "a check is called without arguments: missing a required argument: 'connec"),
        (17, "17 is no function, no Check and no 'module:callable'"),
        (Check("midwatch_shop.health:databse"), 'midwatch_shop.health has no databse; did you mean "database"?'),
    ],
)
def test_wrong(given: Any, message: str) -> None:
    """What cannot be a check stops the start: where it stands, why, and the nearest right name."""
    with pytest.raises(ValueError) as caught:
        HealthCheck(checks={"database": given})
    assert str(caught.value).startswith(f"health.checks.database: {message}")


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (Check(bool, ("ready",)), "health.checks.it: <class 'bool'> is no function"),
        (Check(list, groups=("raedy",)), "health.checks.it: <class 'list'> is no function"),
        (Check(dir, ("raedy",)), "health.checks.it.groups: 'raedy' is unknown; did you mean 'ready'?"),
        (Check(dir, "ready"), "health.checks.it.groups: a list is needed, as in ['ready']"),
        (Check(dir, [None]), "health.checks.it.groups: None is unknown"),  # type: ignore[list-item]
        (Check(dir, timeout=0), "health.checks.it.timeout: 0 is not a number of seconds above 0"),
        (Check(dir, timeout=-1.5), "health.checks.it.timeout: -1.5 is not a number"),
        (Check(dir, timeout=math.inf), "health.checks.it.timeout: inf is not a number"),
        (Check(dir, timeout=math.nan), "health.checks.it.timeout: nan is not a number"),
        (Check(dir, timeout="2"), "health.checks.it.timeout: '2' is not a number"),  # type: ignore[arg-type]
        (Check(dir, timeout=True), "health.checks.it.timeout: True is not a number"),
    ],
)
def test_wrong_check(check: Check, message: str) -> None:
    """A `Check` is read at start as well."""
    with pytest.raises(ValueError) as caught:
        HealthCheck(checks={"it": check})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "health"}, "health.path: 'health' is not a path"),
        ({"path": "/health?deep"}, "health.path: '/health?deep' is not a path"),
        ({"path": "/he alth"}, "health.path: '/he alth' is not a path"),
        ({"path": "/health\n"}, "health.path: '/health\\n' is not a path"),
        ({"allow": "10.0.0.0/8"}, "health.allow: a list is needed, as in ['10.0.0.0/8']"),
        ({"allow": ["10.0.0.0/99"]}, "health.allow: '10.0.0.0/99' does not appear to be an IPv4 or IPv6 network"),
        ({"timeout": 0}, "health.timeout: 0 is not a number of seconds above 0"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], message: str) -> None:
    """The other settings too."""
    with pytest.raises(ValueError) as caught:
        HealthCheck(**settings)
    assert str(caught.value).startswith(message)


def test_timeouts() -> None:
    """A check has its own time, or that of all."""
    assert load("it", dir, 3).timeout == 3.0
    assert load("it", Check(dir), 3).timeout == 3.0
    assert load("it", Check(dir, timeout=1), 3).timeout == 1.0


class Silent:
    """A callable that does not tell its arguments."""

    __signature__ = "none"

    def __call__(self) -> bool:
        return True


def test_silent() -> None:
    """Some callables do not tell what they take; they are believed."""
    silent = Silent()
    assert load("it", silent, 1).call is silent
