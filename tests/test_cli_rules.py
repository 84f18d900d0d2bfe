"""`midwatch rules`: rules and scrape configuration from the settings."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from midwatch.cli import main
from midwatch.objectives.promql import CLASSIC

yaml: Any = pytest.importorskip("yaml", reason="PyYAML, which reads what is printed, is not installed")

EXAMPLES = Path(__file__).parents[1] / "examples" / "prometheus"

OBJECTIVES = {"orders": {"match": ["GET /orders/{id}"], "within": 0.25, "target": 0.999}}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


def _run(capsys: pytest.CaptureFixture[str], settings: dict[str, Any], *arguments: str) -> tuple[int, str, str]:
    Path("settings.json").write_text(json.dumps(settings))
    code = main(["rules", "settings.json", *arguments])
    out, words = capsys.readouterr()
    return code, out, words


def _rules(out: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(out)["groups"] for rule in group["rules"]]


def test_the_example_is_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """examples/prometheus/rules.yml stays what the command makes of the settings beside it."""
    assert main(["rules", str(EXAMPLES / "settings.json")]) == 0
    assert capsys.readouterr().out == (EXAMPLES / "rules.yml").read_text()


def test_objectives(capsys: pytest.CaptureFixture[str]) -> None:
    """Every objective is recorded over seven windows, and has four alerts; the job is the service's name."""
    code, out, words = _run(capsys, {"service": {"name": "shop"}, "metrics": {"objectives": OBJECTIVES}})
    assert (code, words) == (0, "1 objective\n")
    rules = _rules(out)
    recorded = [rule["record"].rpartition("ratio_rate")[2] for rule in rules if "record" in rule]
    assert recorded == ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]
    burns = [rule for rule in rules if rule.get("alert", "").startswith("MidwatchObjectiveBurns")]
    assert [(rule["labels"]["severity"], rule["labels"]["long_window"]) for rule in burns] == [
        ("page", "1h"),
        ("page", "6h"),
        ("ticket", "1d"),
        ("ticket", "3d"),
    ]
    assert all('job="shop"' in rule["expr"] for rule in rules)
    assert "> 14.4 * 0.001" in burns[0]["expr"]


def test_low_targets_have_limits_that_can_be_reached(capsys: pytest.CaptureFixture[str]) -> None:
    """No burn rate is above 10 where the target is 0.9: half of that is fast."""
    _, out, _ = _run(capsys, {"metrics": {"objectives": {"batch": {"target": 0.9}}}})
    expressions = [rule["expr"] for rule in _rules(out) if rule.get("alert") == "MidwatchObjectiveBurnsFast"]
    assert all("> 5 * 0.1" in expression for expression in expressions)


def test_what_is_off_is_not_watched(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, words = _run(capsys, {"audit": False, "health": False})
    names = {rule.get("alert", "") for rule in _rules(out)}
    assert "MidwatchTargetDown" in names
    assert not any("Audit" in name or "Health" in name for name in names)
    assert words.startswith("no objectives in metrics.objectives; no service.name and no --job:")
    assert "job=" not in out
    assert "{}" not in out


def test_classic_names(capsys: pytest.CaptureFixture[str]) -> None:
    """Under the classic names their bounds hold, which are few."""
    slow = {"orders": {"match": ["GET /orders/{id}"], "within": 0.5, "target": 0.999}}
    code, out, _ = _run(capsys, {"metrics": {"names": "classic", "objectives": slow}})
    assert code == 0
    assert "http_request_duration_seconds_bucket" in out
    assert "http_server_request_duration" not in out
    code, out, words = _run(capsys, {"metrics": {"names": "classic", "objectives": OBJECTIVES}})
    assert (code, out) == (2, "")
    assert "the nearest are 0.1 and 0.5" in words


def test_classic_bounds() -> None:
    """They are those that are shown."""
    from midwatch.metrics.classic import LOW

    assert CLASSIC.bounds == LOW


def test_no_such_bound(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no bucket could tell, nothing is printed, and the nearest bounds are named."""
    wrong = {"orders": {"within": 0.3}}
    code, out, words = _run(capsys, {"metrics": {"objectives": wrong}})
    assert (code, out) == (2, "")
    assert "the nearest are 0.25 and 0.5" in words
    assert _run(capsys, {"metrics": {"buckets": [0.1, 0.3], "objectives": wrong}})[0] == 0


def test_wrong_settings(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, words = _run(capsys, {"metrics": {"objektives": {}}})
    assert (code, out) == (2, "")
    assert 'did you mean "objectives"?' in words
    assert _run(capsys, {"metrics": False})[0] == 2
    assert main(["rules", "nowhere.json"]) == 2


def test_scrape(capsys: pytest.CaptureFixture[str]) -> None:
    """The page's path and port, the service's name as job."""
    code, out, _ = _run(capsys, {"service": {"name": "shop"}, "metrics": {"path": "/internal"}}, "--scrape")
    assert code == 0
    (config,) = yaml.safe_load(out)["scrape_configs"]
    assert config["job_name"] == "shop"
    assert config["metrics_path"] == "/internal"
    assert config["static_configs"] == [{"targets": ["shop:8000"]}]
    settings = {"metrics": {"path": False, "listen": "0.0.0.0:9464"}}
    _, out, _ = _run(capsys, settings, "--scrape")
    assert yaml.safe_load(out)["scrape_configs"][0]["static_configs"] == [{"targets": ["localhost:9464"]}]
    _, out, _ = _run(capsys, settings, "--scrape", "--job", "a b", "--at", "x:1", "--at", "y:2")
    (config,) = yaml.safe_load(out)["scrape_configs"]
    assert (config["job_name"], config["static_configs"]) == ("a b", [{"targets": ["x:1", "y:2"]}])
    assert _run(capsys, {"metrics": {"path": False}}, "--scrape")[0] == 2


def test_hostile_names(capsys: pytest.CaptureFixture[str]) -> None:
    """Names with quotes, braces and templates of Prometheus stay names."""
    name = 'a"b\\c {{ $value }} #: \u00e9'
    _, out, _ = _run(capsys, {"metrics": {"objectives": {name: {}}}}, "--job", 'shop"} or up{x="')
    rules = _rules(out)
    recorded = next(rule for rule in rules if "record" in rule)
    assert recorded["labels"]["objective"] == name
    assert 'job="shop\\"} or up{x=\\""' in recorded["expr"]
    alert = next(rule for rule in rules if rule.get("alert") == "MidwatchObjectiveBurnsFast")
    assert '{{ "{{" }} $value }}' in alert["annotations"]["summary"]


def test_probes_are_no_users(capsys: pytest.CaptureFixture[str]) -> None:
    """What is about all routes leaves out those of health and metrics, wherever they are."""
    asked: list[tuple[dict[str, Any], str]] = [
        ({}, "/metrics|/health|/health/.*"),
        ({"metrics": {"path": False}, "health": {"path": "/internal/h"}}, "/internal/h|/internal/h/.*"),
        (
            {"health": {"profile": "k8s"}},
            "/metrics|/health|/health/.*|/livez|/livez/.*|/readyz|/readyz/.*|/startupz|/startupz/.*",
        ),
        ({"health": False}, "/metrics"),
    ]
    for settings, routes in asked:
        code, out, words = _run(capsys, settings)
        assert code == 0, words
        assert f'http_route!~"{routes}"' in out


def test_promtool_takes_hostile_names(capsys: pytest.CaptureFixture[str], promtool: str) -> None:
    """The real parser of rules agrees."""
    for names in ("otel", "classic"):
        objectives = {'a"b\\c {{ $value }}': {}, "b": {"match": ["GET /a.b/{x}", "/c+d/*"], "within": 1.0}}
        _run(capsys, {"metrics": {"names": names, "objectives": objectives}}, "--job", 'shop"} or up{x="')
        main(["rules", "settings.json", "--job", 'x"} or rate('])
        Path("rules.yml").write_text(capsys.readouterr().out)
        done = subprocess.run([promtool, "check", "rules", "rules.yml"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def promtool() -> str:
    unpacked = Path(__file__).parents[1] / ".venv/prometheus/prometheus/usr/bin/promtool"
    found = str(unpacked) if unpacked.exists() else shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not there; `python -m tests.live.fetch_prometheus` fetches it")
    return found


def test_addresses_are_for_the_scrape_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    """Rules name no address: who gives one wanted something else."""
    code, out, words = _run(capsys, {"service": {"name": "shop"}}, "--at", "shop:8000")
    assert (code, out) == (2, "")
    assert words == "error: --at: is for --scrape: rules name no address\n  help: midwatch rules --help\n"
