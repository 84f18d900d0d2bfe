"""Whatever probes ask for is left out by objectives and rules about all routes."""

from __future__ import annotations

from typing import Any

import pytest

from midwatch import settings
from midwatch.health.checks import Check, load
from midwatch.health.engine import Engine
from midwatch.health.paths import endpoints
from midwatch.objectives.besides import besides
from midwatch.routes import route_pattern

GROUPS = ["live", "ready", "startup", "own"]


@pytest.mark.parametrize("path", ["/health", "/internal/health"])
@pytest.mark.parametrize("profile", ["health+json", "k8s", "spring"])
def test_every_route_of_health_is_left_out(path: str, profile: str) -> None:
    """Those of single checks too, which answer 503 as they should, whatever their group is called."""
    given: dict[str, Any] = {"path": path, "profile": profile}
    given["checks"] = {"database": {"call": lambda: True, "groups": GROUPS}}
    engine = Engine({"database": load("database", Check(lambda: True, GROUPS), 2.0, 10.0)})
    routes = {endpoint.route for endpoint in endpoints(path, engine.groups, profile).values()}
    left_out = [route_pattern(one) for one in besides(settings.load({"metrics": {}, "health": given}, "settings"))]
    assert len(routes) >= 9
    assert [route for route in sorted(routes) if not any(one.fullmatch(f"GET {route}") for one in left_out)] == []
    assert not any(one.fullmatch(f"GET {route}") for route in ("/orders/{number}", "/own2") for one in left_out)
