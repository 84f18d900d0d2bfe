"""Who may read the page, where it is, and by which method."""

from __future__ import annotations

import gzip
import json
import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as parse_text

from midwatch import ASGIMiddleware, WSGIMiddleware
from midwatch.metrics import LatencyMetrics
from midwatch.testing import ScriptedApp, call_asgi, call_wsgi


@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_the_page_is_one_route(door: Any, metrics: Any, scrape: Any, path: str) -> None:
    """With and without the slash it is the same page, and the application hears of neither."""
    called: list[bool] = []
    app = door.watch(ScriptedApp(before=lambda: called.append(True)), metrics)
    assert door.call(app, path=path).status == 200
    labels = {"http_route": "/metrics", "http_response_status_code": "200"}
    assert scrape(door.call, app).value("http_server_request_duration_seconds_count", **labels) == 1
    assert not called


@pytest.mark.parametrize("path", ["/metricsx", "/metrics/x", "/Metrics", "/x/metrics", "//metrics"])
def test_every_other_path_is_the_application_s(door: Any, metrics: Any, path: str) -> None:
    """A path that is only like ours is not ours."""
    assert door.call(door.watch(ScriptedApp(), metrics), path=path).body == b"hello"


def test_the_page_is_below_the_mount_point(metrics: Any) -> None:
    """Where the application is mounted, so is the page."""
    asgi = ASGIMiddleware(ScriptedApp().asgi, metrics)
    assert call_asgi(asgi, path="/api/metrics", scope={"root_path": "/api"}).body != b"hello"
    wsgi = WSGIMiddleware(ScriptedApp().wsgi, metrics)
    assert call_wsgi(wsgi, path="/metrics", environ={"SCRIPT_NAME": "/api"}).body != b"hello"


def test_path_none_serves_nothing(door: Any, registry: Any) -> None:
    """Whoever exposes the figures otherwise takes the collector."""
    metrics = LatencyMetrics(path=None, registry=registry)
    app = door.watch(ScriptedApp(), metrics)
    assert door.call(app, path="/metrics").body == b"hello"
    own = CollectorRegistry()
    own.register(metrics.collector)
    labels = {"http_request_method": "GET", "http_route": "unmatched", "http_response_status_code": "200"}
    assert own.get_sample_value("http_server_request_duration_seconds_count", {**labels, "error_type": ""}) == 1


def test_the_path_may_be_the_root(door: Any, registry: Any) -> None:
    """A server of its own for metrics needs no name for them."""
    app = door.watch(ScriptedApp(), LatencyMetrics(path="/", registry=registry))
    assert b"python_info" in door.call(app, path="/").body
    assert door.call(app, path="/metrics").body == b"hello"


def test_head_is_get_without_a_body(door: Any, metrics: Any) -> None:
    """The headers are those of the page (RFC 9110 section 9.3.2)."""
    answer = door.call(door.watch(ScriptedApp(), metrics), "HEAD", "/metrics")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.header("content-length") or 0) > 1000
    assert answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"


def test_a_page_is_compressed_for_who_accepts_that(door: Any, metrics: Any, read: Any) -> None:
    """The page is the same, and caches are told what it depends on (RFC 9110 section 12.5.5)."""
    app = door.watch(ScriptedApp(), metrics)
    plain = door.call(app, path="/metrics")
    packed = door.call(app, path="/metrics", headers=[("host", "x"), ("accept-encoding", "gzip;q=0.8, deflate")])
    assert (plain.header("content-encoding"), packed.header("content-encoding")) == (None, "gzip")
    assert plain.header("vary") == packed.header("vary") == "Accept, Accept-Encoding"
    assert len(packed.body) * 2 < len(plain.body)
    assert int(packed.header("content-length")) == len(packed.body)
    whole = parse_text(gzip.decompress(packed.body).decode())
    assert {family.name for family in whole} == {family.name for family in read(plain).families}


@pytest.mark.parametrize("accept_encoding", ["", "gzip"])
@pytest.mark.parametrize("accept", ["", "application/openmetrics-text"])
def test_head_says_what_get_would(door: Any, metrics: Any, accept: str, accept_encoding: str) -> None:
    """In each format, compressed or not."""
    app = door.watch(ScriptedApp(), metrics)
    headers = [("host", "x"), ("accept", accept), ("accept-encoding", accept_encoding)]
    get, head = (door.call(app, method, "/metrics", headers=headers) for method in ("GET", "HEAD"))
    assert head.body == b""
    names = ("content-type", "content-encoding", "vary", "cache-control")
    assert [head.header(name) for name in names] == [get.header(name) for name in names]
    assert int(head.header("content-length") or 0) > 100


def test_a_part_of_the_page(door: Any, metrics: Any, read: Any) -> None:
    """`name[]`, as in prometheus_client."""
    app = door.watch(ScriptedApp(), metrics)
    query = "name[]=python_info&name[]=http_server_request_duration_seconds_count&name[]=nothing"
    door.call(app)
    families = {family.name: family for family in read(door.call(app, path="/metrics", query=query)).families}
    assert set(families) == {"python_info", "http_server_request_duration_seconds"}
    names = {sample.name for sample in families["http_server_request_duration_seconds"].samples}
    assert names == {"http_server_request_duration_seconds_count"}


def test_an_endless_query_is_a_400(door: Any, metrics: Any) -> None:
    """It is read no further than a thousand parameters."""
    answer = door.call(door.watch(ScriptedApp(), metrics), path="/metrics", query="name[]=a&" * 2000)
    assert (answer.status, answer.header("content-type")) == (400, "application/problem+json")


def test_options_names_the_methods(door: Any, metrics: Any) -> None:
    """204 and `Allow` (RFC 9110 section 9.3.7)."""
    # The WSGI door sends a content type with a 204 too, which HTTP allows and wsgiref.validate does not.
    lenient = {"validate": False} if door.name == "wsgi" else {}
    answer = door.call(door.watch(ScriptedApp(), metrics), "OPTIONS", "/metrics", **lenient)
    assert (answer.status, answer.body, answer.header("allow")) == (204, b"", "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_not_allowed(door: Any, metrics: Any, method: str) -> None:
    """405 says which are (RFC 9110 section 15.5.6)."""
    answer = door.call(door.watch(ScriptedApp(), metrics), method, "/metrics")
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD, OPTIONS")
    assert json.loads(answer.body)["status"] == 405


STRANGERS = [
    {"peer": ("203.0.113.9", 4)},
    {"peer": ("127.0.0.1", 4), "headers": [("host", "x"), ("x-forwarded-for", "127.0.0.1")]},
    {"peer": ("10.1.1.1", 4), "headers": [("host", "x"), ("forwarded", "for=10.0.0.1")]},
    {"peer": None},
]


@pytest.mark.parametrize("options", STRANGERS)
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_strangers_learn_nothing(door: Any, metrics: Any, method: str, options: dict[str, Any]) -> None:
    """Only direct peers inside `allow` may read; others get a problem (RFC 9457) without a detail of ours."""
    answer = door.call(door.watch(ScriptedApp(), metrics), method, "/metrics", **options)
    assert (answer.status, answer.header("content-type")) == (403, "application/problem+json")
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "Metrics are only for direct peers.",
    }


def test_allow_says_who_may_read(door: Any, registry: Any) -> None:
    """Networks and peers without an address, as the settings have it."""
    app = door.watch(ScriptedApp(), LatencyMetrics(allow=["203.0.113.0/24", "unix"], registry=registry))
    statuses = [
        door.call(app, path="/metrics", peer=peer).status for peer in (("203.0.113.9", 1), None, ("127.0.0.1", 1))
    ]
    assert statuses == [200, 200, 403]


def test_a_refusal_is_logged_once_a_minute(
    door: Any, registry: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names who was refused and the setting that decides it; a log that fails changes no answer."""
    now = [0.0]
    app = door.watch(ScriptedApp(), LatencyMetrics(registry=registry, clock=lambda: now[0]))
    for at, peer in ((0.0, "203.0.113.1"), (59.9, "203.0.113.2"), (60.0, "203.0.113.3")):
        now[0] = at
        door.call(app, path="/metrics", peer=(peer, 1))
    now[0] = 120.0
    door.call(app, path="/metrics", peer=("10.0.0.7", 1), headers=[("host", "x"), ("via", "1.1 proxy")])
    now[0] = 180.0
    door.call(app, path="/metrics", peer=None)
    lines = [record.getMessage() for record in caplog.records if record.name == "midwatch"]
    assert ["203.0.113.1" in lines[0], "203.0.113.3" in lines[1], "10.0.0.7" in lines[2]] == [True, True, True]
    assert "forwarded the request" in lines[2]
    assert "without an address" in lines[3]
    assert len(lines) == 4
    assert all("metrics.allow" in line for line in lines)

    def broken(*args: object, **rest: object) -> None:
        raise OSError("disk full")

    now[0] = 240.0
    monkeypatch.setattr(logging.getLogger("midwatch"), "handle", broken)
    assert door.call(app, path="/metrics", peer=("203.0.113.1", 1)).status == 403
