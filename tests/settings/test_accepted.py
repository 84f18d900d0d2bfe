"""What is accepted, what it becomes, and that the reference tells it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from midwatch.settings import Settings, load
from midwatch.settings.health import CheckSettings
from midwatch.settings.loading import in_force
from midwatch.settings.reference import complete_example, find, markdown, rows
from midwatch.testing import Recorder

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"

recorder = Recorder()


def test_no_settings() -> None:
    """No settings, an empty dict, and None for everything all mean the defaults."""
    assert load(None) == load({}) == load(dict.fromkeys(Settings.__struct_fields__)) == Settings()
    assert load({"log": {"to": None}, "health": {"checks": {"database": None}}}) == Settings()


@pytest.mark.usefixtures("orders")
def test_every_documented_setting() -> None:
    """The example of the reference holds every setting there is, and is accepted."""
    example = complete_example()
    settings = load(example)
    named = re.compile(r"\.(NAME|ITEM)\.").search
    leaves = {row.path for row in rows() if row.example is not None and not named(row.path)}
    assert {setting.path for setting in in_force(settings, example)} == leaves
    assert all(setting.origin == "given" for setting in in_force(settings, example))
    assert set(example["health"]["checks"]["stock"]) == set(CheckSettings.__struct_fields__)
    assert settings.health is not None
    assert settings.health.checks["database"].groups is None
    assert settings.health.checks["stock"].groups == ("ready", "startup")
    assert settings.health.checks["stock"].timeout == 0.5
    assert settings.metrics is not None
    assert settings.metrics.path == "/internal/metrics"
    assert [type(plugin).__name__ for plugin in settings.plugins] == ["SlowOrders"]


@pytest.mark.parametrize("section", ["trace", "log", "errors", "metrics", "audit", "health"])
def test_off(section: str) -> None:
    """False switches any of the six off."""
    assert getattr(load({section: False}), section) is None


@pytest.mark.usefixtures("orders")
def test_typed() -> None:
    """Values are typed and spelled one way, whichever was given."""
    settings = load(
        {
            "trusted_proxies": ["10.1.2.3", "unix"],
            "trace": {"to": ["file://localhost/tmp/a%20b.jsonl", print], "request_id": False},
            "log": {"level": "debug", "to": ("stderr",), "root": False},
            "metrics": {"path": False, "buckets": [1, 2.5]},
            "plugins": [recorder, "orders.watch:ready"],
            "health": {"checks": {"smallest": min}},
        }
    )
    assert settings.trusted_proxies == ("10.1.2.3/32", "unix")
    assert settings.trace is not None
    assert settings.log is not None
    assert settings.metrics is not None
    assert settings.trace.to == ("file:///tmp/a%20b.jsonl", print)
    assert settings.trace.request_id is None
    assert (settings.log.level, settings.log.to, settings.log.root) == ("DEBUG", ("stderr",), False)
    assert (settings.metrics.path, settings.metrics.buckets) == (None, (1.0, 2.5))
    assert settings.plugins[0] is recorder
    assert type(settings.plugins[1]).__name__ == "SlowOrders"
    with pytest.raises(AttributeError):
        settings.log.level = "INFO"  # type: ignore[misc]


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard variables give what the dict does not."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,service.version=1,deployment.environment.name=test")
    origins = {setting.path: setting for setting in in_force(load(None), None)}
    assert origins["service.name"][1:] == ("a", "OTEL_RESOURCE_ATTRIBUTES")
    assert origins["service.environment"][1:] == ("test", "OTEL_RESOURCE_ATTRIBUTES")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "b")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "TRUE")
    given_settings = {"service": {"version": "2"}}
    settings = load(given_settings)
    assert settings.trace is None
    origins = {setting.path: setting for setting in in_force(settings, given_settings)}
    assert origins["service.name"][1:] == ("b", "OTEL_SERVICE_NAME")
    assert origins["service.version"][1:] == ("2", "given")
    assert origins["trace"][1:] == (False, "OTEL_SDK_DISABLED")
    assert settings.service.known()[:3] == ("b", "2", "test")
    assert load({"trace": {}}).trace is not None
    monkeypatch.setenv("OTEL_SDK_DISABLED", "1")
    assert load(None).trace is not None


def test_reference_is_up_to_date() -> None:
    """docs/settings.md is what `midwatch settings --markdown` prints."""
    assert PAGE.read_text() == markdown()


def test_reference_is_whole() -> None:
    """Every setting is described, and named in a path that a message may show."""
    for row in rows():
        assert row.meaning.endswith(".")
        assert find(row.path)[0] == row
    assert find("trace.to[0]")[0].path == "trace.to"
    assert find("health.checks.database.timeout")[0].path == "health.checks.NAME.timeout"
    assert not find("log.feilds")
