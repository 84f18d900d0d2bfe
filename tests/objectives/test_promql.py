"""Matchers of routes: what they choose is what the objective is about."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from midwatch.objectives import Objective
from midwatch.objectives.promql import CLASSIC, OTEL, matcher, objective_error

pieces = st.sampled_from(
    ["/", "orders", "{id}", "<int:id>", "*", ".", "-", "{rest:path}", "<path:rest>", "a+b", "$", "(x)", "é", "{", "\\"]
)
templates = st.lists(pieces, min_size=1, max_size=5).map("".join)


def _chooses(expression: str, method: str, route: str) -> bool:
    """Whether some matchers of the expression choose such a series (RE2 is a subset of Python's for these)."""
    for inner in re.findall(r"_count\{(.*?)\}\[5m\]", expression):
        found = re.findall(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"', inner)
        values = {"http_request_method": method, "http_route": route, "error_type": ""}
        unescaped = [(label, how, re.sub(r"\\(.)", r"\1", text)) for label, how, text in found]
        if all(
            (re.fullmatch(text, values[label], re.DOTALL) is not None) == (how == "=~")
            if how.endswith("~")
            else (values[label] == text) == (how == "=")
            for label, how, text in unescaped
        ):
            return True
    return False


@given(st.lists(st.tuples(st.sampled_from(["", "GET ", "POST "]), templates), min_size=1, max_size=3), templates)
def test_routes(routes: list[tuple[str, str]], route: str) -> None:
    """Prometheus chooses the routes that the objective is about, a route by its own template above all."""
    match = tuple(f"{method}/{path}" for method, path in routes)
    objective = Objective("orders", match)
    expression = objective_error(objective, OTEL, "5m", "", ())
    for method, asked in [("GET", f"/{route}"), *((method.strip() or "PUT", f"/{path}") for method, path in routes)]:
        assert objective.about(method, asked) is _chooses(expression, method, asked)


def test_expression() -> None:
    """Bad is what is not good, also where nothing is; nothing at all is neither."""
    objective = Objective("orders", ("GET /orders/{id}",), 1.0)
    assert objective_error(objective, OTEL, "5m", 'job="shop"', ()) == (
        "1 - (\n"
        '  sum(rate(http_server_request_duration_seconds_bucket{job="shop",http_request_method="GET",'
        'http_route=~"/orders/[^/]+",error_type="",le="1.0"}[5m])) or vector(0)\n'
        ")\n"
        '/ sum(rate(http_server_request_duration_seconds_count{job="shop",http_request_method="GET",'
        'http_route=~"/orders/[^/]+",error_type!~"aborted|overflow"}[5m]))'
    )


def test_classic() -> None:
    """Under the classic names, whose latencies do not tell errors apart, errors are taken off."""
    expression = objective_error(Objective("orders", ("POST /orders",), 0.25), CLASSIC, "1h", "", ())
    assert 'http_request_duration_seconds_bucket{method="POST",handler="/orders",le="0.25"}[1h]' in expression
    assert 'http_requests_total{method="POST",handler="/orders",status=~"5.*"}[1h]' in expression


def test_all_routes() -> None:
    objective = Objective("all")
    assert 'http_route!~"/metrics|/health/.*"' in objective_error(objective, OTEL, "5m", "", ["/metrics", "/health/*"])
    assert '_count{error_type=""}' in objective_error(objective, OTEL, "5m", "", [])


@given(st.text(min_size=1))
def test_labels_are_quoted(text: str) -> None:
    """No name ends its own quotes."""
    inner = matcher("job", text).removeprefix('job="').removesuffix('"')
    assert re.fullmatch(r'(?:[^"\\\n]|\\["\\n])*', inner)
