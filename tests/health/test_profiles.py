"""What probers of each kind are told: statuses, words, paths and documents that they understand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from midwatch.health import Check, HealthCheck, Result
from midwatch.health.report import PROFILES
from midwatch.service import Service

STRANGER = ("203.0.113.9", 50000)
EVERYWHERE = ("live", "ready", "startup")


class Leaving:
    draining = False


def said(status: str, **settings: Any) -> HealthCheck:
    check = Check(lambda: Result(status, f"says {status}"), EVERYWHERE)
    return HealthCheck(checks={"it": check, "other": lambda: True}, service=Service("unknown_service"), **settings)


def get(door: Any, app: Any, path: str, **options: Any) -> Any:
    path, _, query = path.partition("?")
    native = (
        {"scope": {"query_string": query.encode()}} if door.name == "asgi" else {"environ": {"QUERY_STRING": query}}
    )
    return door.call(app, path=path, **native, **options)


@pytest.mark.parametrize(
    ("profile", "codes"),
    [
        ("health+json", (200, 200, 503)),
        ("k8s", (200, 200, 503)),
        ("spring", (200, 200, 503)),
        ("consul", (200, 429, 503)),
        ("haproxy", (200, 200, 503)),
        ("gcp", (200, 200, 503)),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_statuses(served: Any, door: Any, profile: str, codes: tuple[int, ...], method: str) -> None:
    """Each prober gets the status that it takes for pass, warn and fail, by setting and by `?format=`."""
    for status, code in zip(("pass", "warn", "fail"), codes, strict=True):
        for health, path in (
            (said(status, profile=profile), "/health/ready"),
            (said(status), f"/health/ready?format={profile.replace('+', '%2B')}"),
            (said(status), f"/health/ready?format={profile}"),
        ):
            answer = get(door, served(health), path, method=method)
            assert (answer.status, answer.header("cache-control")) == (code, "no-store")
            assert (answer.header("retry-after") is not None) == (code == 503)
            assert answer.header("content-length") is not None


@pytest.mark.parametrize("profile", PROFILES)
def test_strangers(served: Any, door: Any, profile: str) -> None:
    """Strangers learn the state in any profile, and no name, reason or figure, whatever they ask for."""
    app = served(said("fail", profile=profile))
    plain = get(door, app, "/health/ready", peer=STRANGER)
    for query in ("verbose", "exclude=it", "verbose&exclude=it", "exclude=nobody"):
        answer = get(door, app, f"/health/ready?{query}", peer=STRANGER)
        assert answer.status == 503
        assert not any(word in answer.body for word in (b"says", b"other", b"nobody", b'"it"', b"]it"))
    assert len(plain.body) < 40
    assert door.call(app, path="/health/ready/it", peer=STRANGER).body == b"hello"


def test_kubernetes(served: Any, door: Any) -> None:
    """The paths and the lines of the servers of Kubernetes."""
    app = served(said("fail", profile="k8s"))
    for path in ("/readyz", "/livez", "/startupz", "/health/ready", "/readyz/"):
        answer = get(door, app, path)
        group = {"/livez": "live", "/startupz": "startup"}.get(path, "ready")
        other = "" if group != "ready" else "[+]other ok\n"
        assert answer.body.decode() == f"[-]it failed: says fail\n{other}{group} check failed\n"
        assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert get(door, app, "/readyz/other").body == b"ok"
    assert get(door, app, "/readyz/it").status == 503
    app = served(said("pass", profile="k8s"))
    assert get(door, app, "/readyz").body == b"ok"
    assert get(door, app, "/readyz?verbose").body == b"[+]it ok\n[+]other ok\nready check passed\n"
    assert get(door, app, "/livez/it").body == b"ok"
    assert get(door, app, "/livez/other").body == b"hello"
    assert get(door, served(said("pass")), "/readyz").body == b"hello"


def test_exclude(served: Any, door: Any, document: Any) -> None:
    """What is excluded does not count; a name that is none is told, and costs nothing."""
    app = served(said("fail", profile="k8s"))
    answer = get(door, app, "/readyz?exclude=it&exclude=nobody&verbose")
    assert answer.status == 200
    assert answer.body.decode() == (
        "[+]other ok\n[+]it excluded: ok\n"
        'warn: some health checks cannot be excluded: no matches for "nobody"\nready check passed\n'
    )
    app = served(said("fail"))
    told = document(get(door, app, "/health/ready?exclude=it&exclude=nobody"))
    assert (told["status"], list(told["checks"]), told["notes"]) == ("pass", ["other"], ["cannot be excluded: nobody"])
    assert document(get(door, app, "/health/ready"))["status"] == "fail"


def test_verbose(served: Any, door: Any) -> None:
    """`?verbose` gives a person lines to read, whoever has set what; who asks for JSON gets JSON."""
    app = served(said("warn"))
    assert get(door, app, "/health?verbose").body == b"[+]it warn: says warn\n[+]other ok\nhealth check passed\n"
    assert get(door, app, "/health?verbose=0").body.startswith(b"{")
    headers = [("host", "h"), ("accept", "application/json")]
    assert json.loads(get(door, app, "/health?verbose", headers=headers).body)["status"] == "warn"


def test_one_check(served: Any, door: Any, document: Any) -> None:
    """One check by its name."""
    app = served(said("fail"))
    assert document(get(door, app, "/health/ready/other")).keys() >= {"status", "checks"}
    assert list(document(get(door, app, "/health/ready/it"))["checks"]) == ["it"]
    assert get(door, app, "/health/ready/nobody").body == b"hello"


def test_spring(served: Any, door: Any) -> None:
    """The document of Spring Boot 3 Actuator, at its paths too."""
    health = HealthCheck(
        checks={"db": lambda: Result("fail", "refused", 3, "tries"), "disk": Check(lambda: "warn", scope="shared")},
        profile="spring",
        drain=(drain := Leaving()),
    )
    app = served(health)
    answer = get(door, app, "/health/readiness")
    assert answer.header("content-type") == "application/vnd.spring-boot.actuator.v3+json"
    told = json.loads(answer.body)
    assert (told["status"], set(told["components"])) == ("DOWN", {"db", "disk"})
    database = told["components"]["db"]
    del database["details"]["time"]
    assert database == {
        "status": "DOWN",
        "details": {"health": "fail", "observed": 3, "unit": "tries", "error": "refused"},
    }
    assert told["components"]["disk"]["status"] == "UP"
    assert json.loads(get(door, app, "/health/liveness").body) == {"status": "UP"}
    assert json.loads(get(door, app, "/health", peer=STRANGER).body) == {"status": "DOWN"}
    drain.draining = True
    assert json.loads(get(door, app, "/health/ready").body)["status"] == "OUT_OF_SERVICE"


def test_consul(served: Any, door: Any) -> None:
    """What Consul stores is short, and what fails stands first."""
    checks: dict[str, Any] = {f"check {number}": lambda: Result("warn", "x" * 900) for number in range(20)}
    checks["broken"] = lambda: Result("fail", "broken\nfor \x1b[31mgood")
    answer = get(door, served(HealthCheck(checks=checks, profile="consul")), "/health/ready")
    assert answer.body.startswith(b"fail\n[-]broken failed: broken for ?[31mgood\n[+]check 0 warn: xxx")
    assert len(answer.body) <= 4000


def test_haproxy(served: Any, door: Any) -> None:
    """While draining 404: with `disable-on-404` what is under way goes on."""
    drain = Leaving()
    app = served(said("pass", profile="haproxy", drain=drain))
    assert get(door, app, "/health/ready", method="OPTIONS").status == 200
    drain.draining = True
    for path, status in (("/health", 404), ("/health/ready", 404), ("/health/live", 200)):
        for method in ("GET", "HEAD", "OPTIONS"):
            assert get(door, app, path, method=method).status == status
    answer = get(door, app, "/health/ready")
    assert (answer.body, answer.header("retry-after")) == (b"draining", None)


def test_google(served: Any, door: Any) -> None:
    """A text that starts the same each time."""
    for status, body in (("pass", b"ok"), ("warn", b"ok"), ("fail", b"failed")):
        assert get(door, served(said(status, profile="gcp")), "/health").body == body


def test_unknown_format(served: Any, door: Any) -> None:
    """A prober that asks for what there is not is told what there is, and nothing of what it asked."""
    answer = get(door, served(said("pass")), "/health?format=%3Cspring%3E")
    assert (answer.status, answer.body) == (
        400,
        b"unknown format; known are health+json, k8s, spring, consul, haproxy, gcp",
    )
    assert get(door, served(said("pass")), "/health?t=1234&format=gcp").body == b"ok"


def test_unknown_profile() -> None:
    with pytest.raises(ValueError, match=r"health\.profile: 'sprng' is unknown; did you mean 'spring'\?"):
        HealthCheck(profile="sprng")


def test_rendered_once(served: Any, door: Any) -> None:
    """Pollers between two runs get the same bytes, rendered once; each view has its own."""
    asked: list[None] = []

    def block() -> tuple[Any, dict[str, int]]:
        asked.append(None)
        return "pass", {}

    now = [0.0]
    health = HealthCheck(checks={"it": lambda: True}, blocks={"counted": block}, clock=lambda: now[0])
    app = served(health)
    bodies = {get(door, app, "/health").body for _ in range(10)}
    assert (len(bodies), len(asked)) == (1, 1)
    now[0] += 2
    assert get(door, app, "/health").body in bodies
    assert len(asked) == 2
    for number in range(2000):
        get(door, app, f"/health?exclude={number}&format=k8s")
    assert len(health._rendered) < 10
