"""Every figure that the examples ask Prometheus for is on our page."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from asgiref.testing import ApplicationCommunicator
from fastapi import FastAPI, WebSocket

import midwatch

EXAMPLES = Path(__file__).parents[1] / "examples"

OF_THE_MACHINE = ("cgroup_", "midwatch_audit_dropped")
"""Only where the kernel has them; only once something was dropped."""

_metric = re.compile(r"\b(?:http_server|event_loop|thread_pool|process|python|cgroup|health|midwatch)_[a-z0-9_]+\b")

_ours_in_labels = re.compile(r'"[^"]*"|\[[^\]]*\]|by \([^)]*\)')


def _names(expression: str) -> set[str]:
    """Metrics that *expression* asks for, without what stands in quotes, in brackets or behind `by`."""
    return set(_metric.findall(_ours_in_labels.sub("", expression)))


def _dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / "grafana" / "dashboard.json").read_text())
    return found


def _queries() -> dict[str, list[str]]:
    """Expressions by the file that they are in."""
    found: dict[str, list[str]] = {}
    panels = _dashboard()["panels"]
    found["dashboard"] = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    rules = (EXAMPLES / "prometheus" / "rules.yml").read_text()
    found["rules"] = [rules]
    # Its own names for what an adapter makes of them are no metrics of ours.
    for file in ("keda-scaledobject", "prometheus-adapter-rule"):
        text = (EXAMPLES / "kubernetes" / f"{file}.yaml").read_text()
        lines = [line for line in text.splitlines() if not re.match(r"\s*(#|as:)", line)]
        found[file] = ["\n".join(lines).replace('"http_server', "http_server")]
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the samples of a service on which everything is on, after some traffic."""
    folder = tmp_path_factory.mktemp("service")
    app = FastAPI()

    @app.get("/orders/{number}")
    async def order(number: int) -> dict[str, int]:
        return {"order": 1 // number}

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    settings = {
        "service": {"name": "orders"},
        "log": {"to": [f"file://{folder}/log.jsonl"]},
        "audit": {"store": f"sqlite:///{folder}/audit.db"},
        "metrics": {"shed": {"match": ["GET /orders/{number}"]}},
        "health": {"checks": {"fine": lambda: True}},
        "trusted_proxies": ["127.0.0.0/8"],
    }
    midwatch.install(app, settings)
    return _shown(asyncio.run(_visited(app)))


async def _visited(app: FastAPI) -> str:
    """The page, after a start and a visit."""
    connected: Any = cast("Any", ApplicationCommunicator)
    lifespan = connected(app, {"type": "lifespan", "state": {}})
    await lifespan.send_input({"type": "lifespan.startup"})
    await lifespan.receive_output(10)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://orders") as client:
        await client.get("/orders/1")
        await client.get("/orders/0")
        await client.get("/health/ready")
        scope = {"type": "websocket", "path": "/talk", "headers": [], "query_string": b"", "client": ("127.0.0.1", 1)}
        socket = connected(app, scope)
        await socket.send_input({"type": "websocket.connect"})
        await socket.receive_output(10)
        await socket.receive_output(10)
        await socket.wait(10)
        text = (await client.get("/metrics")).text
    await lifespan.send_input({"type": "lifespan.shutdown"})
    await lifespan.receive_output(10)
    return text


def _shown(text: str) -> set[str]:
    """Names of all series that the families of a page have or may have."""
    names: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        names.add(name)
        if kind in {"histogram", "summary"}:
            names |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"}
    return names


@pytest.mark.parametrize("where", ["dashboard", "rules", "keda-scaledobject", "prometheus-adapter-rule"])
def test_every_figure_is_shown(page: set[str], where: str) -> None:
    asked = {name for query in _queries()[where] for name in _names(query)}
    assert asked
    assert sorted(name for name in asked - page if not name.startswith(OF_THE_MACHINE)) == []


def test_hpa_reads_what_the_adapter_makes() -> None:
    """The names that one file gives are those that the other asks for."""
    hpa = (EXAMPLES / "kubernetes" / "hpa.yaml").read_text()
    adapter = (EXAMPLES / "kubernetes" / "prometheus-adapter-rule.yaml").read_text()
    asked = set(re.findall(r"metric: \{name: (\w+)\}", hpa))
    assert asked == {"http_server_concurrency", "http_server_saturation_ratio"}
    assert all(name in adapter for name in asked)


def test_recorded_names() -> None:
    """The dashboard shows what the rules record."""
    rules = (EXAMPLES / "prometheus" / "rules.yml").read_text()
    asked = set(re.findall(r"midwatch:\w+:\w+", json.dumps(_dashboard())))
    assert asked
    assert all(f"record: {name}\n" in rules for name in asked)


def test_dashboard_is_sound() -> None:
    """No two panels share an id or a place, every query goes to the chosen data source and the chosen service."""
    panels = _dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        mine = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not mine & cells, panel["title"]
        cells |= mine
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert 'job=~"$job"' in target["expr"]
