"""`names="classic"` beside prometheus-fastapi-instrumentator on the same traffic: dashboards made for it go on."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Response
from prometheus_client import CollectorRegistry

import midwatch
from midwatch.testing import call_asgi

instrumentator = pytest.importorskip(
    "prometheus_fastapi_instrumentator", reason="prometheus-fastapi-instrumentator is not installed"
)

SETTINGS: dict[str, Any] = {
    "log": False,
    "trace": False,
    "errors": False,
    "audit": False,
    "health": False,
    "metrics": {"names": "classic", "directory": False},
}

TRAFFIC = [
    ("GET", "/orders/7", b"", 3),
    ("POST", "/orders/7", b"x" * 100, 2),
    ("GET", "/orders/13", b"", 1),
    ("GET", "/missing/13", b"", 2),
    ("GET", "/v1/items/9", b"", 2),
    ("GET", "/fails", b"", 1),
    ("DELETE", "/orders/7", b"", 1),
    ("GET", "/mounted/inner/3", b"", 1),
]


def application() -> FastAPI:
    app, router, mounted = FastAPI(), APIRouter(prefix="/v1"), FastAPI()

    @app.get("/orders/{number}")
    async def order(number: int) -> dict[str, int]:
        if number == 13:
            raise HTTPException(409)
        return {"order": number}

    @app.post("/orders/{number}", status_code=201)
    async def place(number: int) -> Response:
        return Response(b"y" * 500, 201)

    @router.get("/items/{number}")
    async def item(number: int) -> int:
        return number

    @mounted.get("/inner/{number}")
    async def inner(number: int) -> int:
        return number

    @app.get("/fails")
    async def fails() -> None:
        raise KeyError("fails")

    app.include_router(router)
    app.mount("/mounted", mounted)
    return app


def send(app: Any) -> None:
    for method, path, body, times in TRAFFIC:
        for _ in range(times):
            headers = [("host", "testserver"), *([("content-length", str(len(body)))] if body else [])]
            try:
                call_asgi(app, method, path, body=body, headers=headers)
            except KeyError:
                assert path == "/fails"


Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


@pytest.fixture(scope="module")
def both(read: Any) -> tuple[Samples, Samples]:
    """What theirs and ours show of the same traffic, that of the page itself left out."""
    theirs, ours = application(), application()
    instrumentator.Instrumentator(registry=CollectorRegistry(), excluded_handlers=["/metrics"]).instrument(
        theirs
    ).expose(theirs)
    midwatch.install(ours, SETTINGS)
    pages = []
    for app in (theirs, ours):
        send(app)
        page = read(call_asgi(app, path="/metrics"))
        samples: Samples = {}
        for family in page.families:
            for sample in family.samples:
                if sample.name.startswith("http_") and sample.labels.get("handler") != "/metrics":
                    samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
        pages.append(samples)
    return pages[0], pages[1]


def test_all_their_names_are_there(both: tuple[Samples, Samples]) -> None:
    theirs, ours = both
    assert {name for name in theirs if not name.endswith("_created")} <= set(ours)


@pytest.mark.parametrize(
    "name",
    ["http_requests_total", "http_request_size_bytes_count", "http_response_size_bytes_count",
     "http_request_duration_seconds_count", "http_request_duration_highr_seconds_count"],
)  # fmt: skip
def test_labels_and_values_are_the_same(both: tuple[Samples, Samples], name: str) -> None:
    theirs, ours = both
    assert ours[name] == theirs[name]


def test_sizes_are_the_same_but_for_the_500_that_they_do_not_see(both: tuple[Samples, Samples]) -> None:
    """Starlette answers for an exception outside of their middleware, and inside of ours."""
    theirs, ours = (samples["http_response_size_bytes_sum"] for samples in both)
    failed = (("handler", "/fails"),)
    assert (theirs.pop(failed), ours.pop(failed)) == (0, len("Internal Server Error"))
    assert ours == theirs


@pytest.mark.parametrize("name", ["http_request_duration_seconds_bucket", "http_request_duration_highr_seconds_bucket"])
def test_the_buckets_are_theirs(both: tuple[Samples, Samples], name: str) -> None:
    """Which of them a request falls into is a matter of time."""
    theirs, ours = both
    assert set(theirs[name]) <= set(ours[name])
