"""One trace over several services, read back from the collectors that all of them sent it to."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .received import outline
from .services import GUNICORN, UVICORN, Services

pytestmark = pytest.mark.live

CALLER = "b7ad6b7169203331"

CHAINS = {
    "/orders/7": """\
SERVER front: get /orders/{order}
  CLIENT front: get
    SERVER stock: get /stock/<int:item>
      CLIENT stock: connect
      CLIENT stock: select stock.db""",
    "/offers/7": """\
SERVER front: get /offers/{offer}
  CLIENT front: get
    SERVER stock: get /stock/<int:item>
      CLIENT stock: connect
      CLIENT stock: select stock.db""",
}


@pytest.fixture(scope="module")
def chain(to: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, bool], Any]]:
    """What the first service has answered, by path and by whether the caller had a trace; all have ended."""
    with Services(tmp_path_factory.mktemp("chain")) as services:
        stock = services.start(GUNICORN, "chain_flask", CHAIN_TO=to)
        front = services.start(UVICORN, "chain_fastapi", CHAIN_TO=to, CHAIN_STOCK=stock)
        answers = {
            (path, called): httpx.get(front + path, headers=from_caller() if called else {}).json()
            for path in CHAINS
            for called in (False, True)
        }
    yield answers


def from_caller() -> dict[str, str]:
    return {"traceparent": f"00-{secrets.token_hex(16)}-{CALLER}-01"}


@pytest.mark.parametrize("called", [False, True], ids=["root", "called"])
@pytest.mark.parametrize("path", CHAINS)
def test_fastapi_flask_sqlalchemy(chain: Any, collector: Any, path: str, called: bool) -> None:
    """One server span for each service; parents, kinds and names right; what the handlers saw is what was sent."""
    answer = chain[path, called]

    spans = collector.trace(answer["trace_id"], 5)

    assert outline(spans) == CHAINS[path]
    front, stock = [span for span in sorted(spans, key=lambda span: span.start) if span.kind == "SERVER"]
    assert (front.span_id, front.parent_id) == (answer["span_id"], CALLER if called else None)
    assert (stock.span_id, answer["stock"]["trace_id"]) == (answer["stock"]["span_id"], answer["trace_id"])
    assert answer["stock"]["left"] == 14
    assert front.duration >= stock.duration > 0
    assert (stock.tags["url.path"], stock.tags["http.response.status_code"]) == ("/stock/7", "200")


WORK = "SERVER meeting: get /meet/<int:number>\n  INTERNAL meeting: work {number}"


@pytest.fixture(scope="module")
def forked(to: str, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two requests that can only be answered by two workers."""
    preload = [*GUNICORN, "--preload", "--workers", "2"]
    return meet(tmp_path_factory.mktemp("forked"), preload, 2, CHAIN_TO=to, MEETING_BY="fork", MEETING_OF="2")


def test_forked_workers(forked: Any, collector: Any) -> None:
    """Made before the fork, the provider, its destinations and their worker serve in every child."""
    assert len({answer["pid"] for answer in forked}) == 2
    read_back(collector, forked)


@pytest.fixture(scope="module")
def greenlets(to: str, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two hundred requests at once in one thread: none is answered before all are there."""
    pytest.importorskip("gevent", reason="gevent is not installed")
    gevent = [*GUNICORN, "-k", "gevent"]
    return meet(tmp_path_factory.mktemp("gevent"), gevent, 200, CHAIN_TO=to, MEETING_BY="greenlet", MEETING_OF="200")


def test_greenlets(greenlets: Any, collector: Any) -> None:
    """No span of one request is below another's."""
    assert len({answer["pid"] for answer in greenlets}) == 1
    read_back(collector, greenlets)


def meet(folder: Any, server: list[str], requests: int, **env: str) -> list[dict[str, Any]]:
    """The answers to so many requests at once, by their number; the service has ended."""

    async def send(url: str) -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=requests)
        async with httpx.AsyncClient(timeout=30, limits=limits) as client:
            calls = [client.get(f"{url}/meet/{number}", headers=from_caller()) for number in range(requests)]
            return await asyncio.gather(*calls)

    with Services(folder) as services:
        answers = asyncio.run(send(services.start(server, "meeting_flask", **env)))
        assert {answer.status_code for answer in answers} == {200}
    assert [answer.request.headers["traceparent"][3:35] for answer in answers] == [
        answer.json()["trace_id"] for answer in answers
    ]
    return [answer.json() for answer in answers]


def read_back(collector: Any, answers: list[dict[str, Any]]) -> None:
    for number, answer in enumerate(answers):
        spans = collector.trace(answer["trace_id"], 2)
        assert outline(spans) == WORK.format(number=number)
        server, work = sorted(spans, key=lambda span: span.kind, reverse=True)
        assert (server.span_id, server.parent_id, work.span_id) == (answer["server"], CALLER, answer["work"])
