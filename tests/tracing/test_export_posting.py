"""One POST: what it sends, how it takes answers of every kind, and that it ends in time."""

from __future__ import annotations

import base64
import gzip
import itertools
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from midwatch.delivery import Later, Refused
from midwatch.posting import Poster
from midwatch.posting.answer import pause_of

from .export_double import LONG, Answer, Collector, collecting


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def to(collector: Collector, path: str = "/in", user: str = "", **options: Any) -> Poster:
    options = {"headers": {}, "timeout": LONG, **options}
    return Poster(f"http://{user}{collector.at}{path}", **options)


# What is sent


def test_a_body_and_its_answer(collector: Collector) -> None:
    """With the headers that were asked for, and our name."""
    collector.usual = Answer(200, b"answer")
    poster = to(collector, "/in?key=value", headers={"Content-Type": "text/plain", "X-Key": "a b"})
    assert poster.post(b"body") == b"answer"
    (request,) = collector.requests
    assert (request.path, request.body) == ("/in?key=value", b"body")
    assert request.headers == {
        "host": collector.at,
        "accept-encoding": "identity",
        "content-length": "4",
        "content-type": "text/plain",
        "x-key": "a b",
        "user-agent": f"midwatch/{version('midwatch')}",
    }


def test_the_connection_is_kept(collector: Collector) -> None:
    """One for all requests, whatever was answered, as long as the answer was read to its end."""
    collector.answers = [Answer(200), Answer(503), Answer(400, b"x" * 100_000), Answer(200, b"y" * 100_000)]
    poster = to(collector)
    for expected in (None, Later, Refused, None, None):
        if expected is None:
            poster.post(b"body")
        else:
            with pytest.raises(expected):
                poster.post(b"body")
    assert len({request.client for request in collector.requests}) == 1
    assert len(collector.requests) == 5


def test_a_connection_that_was_closed_meanwhile(collector: Collector) -> None:
    """The server's own business; the next request has a new one."""
    collector.answers = [Answer(headers={"connection": "close"})]
    poster = to(collector)
    poster.post(b"1")
    poster.post(b"2")
    assert [request.body for request in collector.requests] == [b"1", b"2"]


def test_gzip(collector: Collector) -> None:
    """Really compressed, and told so."""
    to(collector, gzip=True).post(b"body" * 1000)
    (request,) = collector.requests
    assert request.headers["content-encoding"] == "gzip"
    assert len(request.body) < 100
    assert gzip.decompress(request.body) == b"body" * 1000


def test_a_view_of_bytes_and_a_large_body(collector: Collector) -> None:
    """Whole, though it goes in pieces; the view is free again."""
    body = bytearray(range(256)) * 4096
    to(collector).post(memoryview(body))
    body.clear()
    assert collector.requests[0].body == bytes(range(256)) * 4096


def test_credentials_in_the_url(collector: Collector) -> None:
    """Are basic authentication, unless a header says otherwise."""
    to(collector, user="us%40er:p%3Ass@").post(b"")
    to(collector, user="user:pass@", headers={"Authorization": "Bearer x"}).post(b"")
    to(collector, user="user@").post(b"")
    sent = [request.headers["authorization"] for request in collector.requests]
    assert base64.b64decode(sent[0].removeprefix("Basic ")) == b"us@er:p:ss"
    assert sent[1] == "Bearer x"
    assert base64.b64decode(sent[2].removeprefix("Basic ")) == b"user:"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/", "http://", "http:///path", "host:80", "http://host:x/", "http://host:99999/", "http://[::1/",
        "http://user:secret/word@host/", "http://host/a b", "http://host/\n", "",
    ],
)  # fmt: skip
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="expected http://") as raised:
        Poster(url, {})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"), [("a b", "c"), ("", "c"), ("a\n", "c"), ("a", "c\r\nd: e"), ("a", "\u20ac")]
)
def test_a_header_that_is_none(name: str, value: str) -> None:
    """Nothing can be smuggled in."""
    with pytest.raises(ValueError, match="cannot be one of HTTP's"):
        Poster("http://host/", {name: value})


# Answers


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_success(collector: Collector, status: int) -> None:
    collector.usual = Answer(status, b"" if status == 204 else b"x")
    assert to(collector).post(b"body") == (b"" if status == 204 else b"x")


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308, 400, 401, 404, 413, 418, 499, 500, 501, 505, 599])
def test_refused(collector: Collector, status: int) -> None:
    """Never tried again; a redirect is not followed."""
    collector.usual = Answer(status, b"" if status == 304 else b"why", {"location": "/elsewhere"})
    with pytest.raises(Refused) as raised:
        to(collector, "/in?key=secret", user="user:secret@").post(b"body")
    said = "" if status == 304 else " why"
    assert str(raised.value) == f"http://{collector.at}/in: {status}{said}"
    assert len(collector.requests) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        (None, 0), ("7", 7), (" 7 ", 7), ("0", 0), ("86400", 86400), ("86401", 0), ("-5", 0), ("1.5", 0), ("soon", 0),
        ("9" * 5000, 0), ("", 0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", 0),
        ("Fri, 99 Foo 2030", 0),
    ],
)  # fmt: skip
def test_later(collector: Collector, status: int, after: str | None, seconds: float) -> None:
    """As long as it says; what cannot be meant is not obeyed."""
    collector.usual = Answer(status, b"busy", {} if after is None else {"retry-after": after})
    with pytest.raises(Later) as raised:
        to(collector).post(b"body")
    assert raised.value.seconds == seconds
    assert str(raised.value) == f"http://{collector.at}/in: {status} busy"


def test_later_by_a_date() -> None:
    assert 3595 < pause_of(formatdate(time.time() + 3600, usegmt=True)) <= 3600
    assert 3595 < pause_of(formatdate(time.time() + 3600, localtime=True)) <= 3600


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d .{0,9}"))
def test_any_retry_after(told: str) -> None:
    assert 0 <= pause_of(told) <= 86_400


def test_a_message_is_short_and_printable(collector: Collector) -> None:
    collector.usual = Answer(400, b"\x1b[31mred\r\n\0 \xff\xfe" + b"x" * 1000)
    with pytest.raises(Refused) as raised:
        to(collector).post(b"body")
    assert str(raised.value).isprintable()
    assert str(raised.value).startswith(f"http://{collector.at}/in: 400 ?[31mred ? ??xxx".replace("??", "\ufffd\ufffd"))
    assert len(str(raised.value)) < 300


# Bad answers


def announced(length: int, sent: int) -> Answer:
    """A success that says it is *length* bytes long, and ends after *sent* of them."""

    def send(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % length)
        for _ in range(sent // 65_536):
            connection.sendall(b"x" * 65_536)
        connection.sendall(b"x" * (sent % 65_536))

    return Answer(raw=send)


def test_an_answer_of_a_hundred_megabytes(collector: Collector) -> None:
    """Is not read; what follows goes over a new connection."""
    sent: list[int] = []

    def send(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"x" * 1_000_000)
            sent.append(1)

    collector.answers = [Answer(raw=send)]
    poster = to(collector)
    assert len(poster.post(b"body")) == 4 << 20
    assert poster.post(b"body") == b"{}"
    assert len({request.client for request in collector.requests}) == 2
    assert len(sent) < 50


def test_an_answer_without_end(collector: Collector) -> None:
    """Chunk after chunk."""

    def send(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in itertools.count():
            connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")

    collector.answers = [Answer(raw=send)]
    assert len(to(collector).post(b"body")) == 4 << 20


@pytest.mark.parametrize(("length", "sent"), [(100, 50), (100_000, 70_000), (5, 0)])
def test_an_answer_that_ends_too_early(collector: Collector, length: int, sent: int) -> None:
    """Has said success: sending the body again would double it."""
    collector.answers = [announced(length, sent)]
    assert len(to(collector).post(b"body")) <= sent
    assert to(collector).post(b"body") == b"{}"


@pytest.mark.parametrize(
    "raw", [b"", b"HTTP/1.1 2", b"nonsense\r\n\r\n", b"HTTP/1.1 999999 X\r\n\r\n", b"\0" * 100_000]
)
def test_no_answer(collector: Collector, raw: bytes) -> None:
    """Is trouble with the connection, after which one tries again."""
    collector.usual = Answer(raw=lambda connection: connection.sendall(raw))
    with pytest.raises(ConnectionError, match=f"http://{collector.at}/in: "):
        to(collector).post(b"body")


@pytest.mark.parametrize("piece", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"x: y\r\n", b""])
def test_an_answer_that_drips(collector: Collector, piece: bytes) -> None:
    """Byte after byte, for ever; the time of all of them together is what counts."""
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"" if piece.startswith(b"H") else b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.02):
            connection.sendall(piece)

    collector.usual = Answer(raw=drip)
    with pytest.raises(ConnectionError, match=r": (TimeoutError|ReadTimeoutError|BadStatusLine|LineTooLong|HTTPExc)"):
        to(collector, timeout=0.3).post(b"body")
    over.set()


def test_a_body_that_drips(collector: Collector) -> None:
    """Success was said; what came in time is the answer."""
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx")
        while not over.wait(0.02):
            connection.sendall(b"x")

    collector.usual = Answer(raw=drip)
    assert len(to(collector, timeout=0.3).post(b"body")) < 1000
    over.set()


def test_nobody_reads_the_body() -> None:
    """A listener that accepts and does nothing holds a sender no longer than it wants to be held."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        poster = Poster(f"http://127.0.0.1:{listening.getsockname()[1]}/", {}, timeout=0.3)
        with pytest.raises(ConnectionError, match=r"TimeoutError|timed out"):
            poster.post(b"x" * 50_000_000)


def test_nobody_is_there() -> None:
    """Neither at the port nor of that name."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(
        ConnectionError, match=f"^http://127.0.0.1:{port}/: ConnectionRefusedError: Connection refused$"
    ):
        Poster(f"http://user:secret@127.0.0.1:{port}/?key=secret", {}).post(b"")


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path, collector: Collector) -> None:
    """Is refused; with TLS, who answers is checked."""
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "cert", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl makes no certificate here")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    served: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        for _ in range(2):
            connection, _ = listening.accept()
            with connection:
                try:
                    with server.wrap_socket(connection, server_side=True) as secure:
                        told = secure.recv(65_536)
                        while told and not told.endswith(b"body"):  # What is not read makes a reset of the end.
                            told += secure.recv(65_536)
                        served.append(told)
                        secure.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                except OSError:
                    served.append(b"")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        url = f"https://localhost:{listening.getsockname()[1]}/in"
        with pytest.raises(ConnectionError, match="certificate"):
            Poster(url, {}, LONG).post(b"body")
        trusting = Poster(url, {}, LONG)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(tmp_path / "cert"))
            assert trusting.post(b"body") == b"ok"
        thread.join(LONG)
    assert served[0] == b""
    assert served[1].startswith(b"POST /in HTTP/1.1\r\n")


# Proxies


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> Iterator[pytest.MonkeyPatch]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://us%40er:secret@{collector.at}")
    yield monkeypatch


def test_a_proxy_is_asked(proxied: pytest.MonkeyPatch, collector: Collector) -> None:
    """With the whole URL, and its own credentials."""
    assert Poster("http://collector.example:4318/v1/traces", {"x": "y"}, LONG).post(b"body") == b"{}"
    (request,) = collector.requests
    assert request.path == "http://collector.example:4318/v1/traces"
    assert (request.headers["host"], request.headers["x"]) == ("collector.example:4318", "y")
    assert request.headers["proxy-authorization"] == "Basic " + base64.b64encode(b"us@er:secret").decode()


def test_a_proxy_for_all(proxied: pytest.MonkeyPatch, collector: Collector) -> None:
    proxied.delenv("HTTP_PROXY")
    proxied.setenv("ALL_PROXY", collector.at)
    Poster("http://collector.example/", {}, LONG).post(b"body")
    assert collector.requests[0].path == "http://collector.example/"


@pytest.mark.parametrize(
    "exempt", ["*", "127.0.0.1", "x, 127.0.0.1 ", "127.0.0.0/8", "10.0.0.0/8,127.0.0.0/30", "nonsense/x,127.0.0.1"]
)
def test_no_proxy(proxied: pytest.MonkeyPatch, collector: Collector, exempt: str) -> None:
    """By name, by address and by network."""
    proxied.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    proxied.setenv("NO_PROXY", exempt)
    to(collector).post(b"body")
    assert collector.requests[0].path == "/in"


def test_a_proxy_that_is_not_there(proxied: pytest.MonkeyPatch) -> None:
    """Is trouble with the connection, of which no credential is told."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for proxy in (f"http://user:secret@127.0.0.1:{port}", "socks9://user:secret@127.0.0.1:1"):
        proxied.setenv("HTTP_PROXY", proxy)
        with pytest.raises(ConnectionError) as raised:
            Poster("http://collector.example/", {}, LONG).post(b"body")
        assert "secret" not in str(raised.value)


# Tracing


def test_the_call_is_not_traced(collector: Collector) -> None:
    """By an instrumentation of urllib3; the application's own calls are."""
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    instrumentor = URLLib3Instrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        before = context.get_current()
        to(collector).post(b"body")
        assert context.get_current() is before
        assert not memory.get_finished_spans()
        assert "traceparent" not in collector.requests[0].headers
        import urllib3

        urllib3.PoolManager().request("POST", f"http://{collector.at}/", body=b"")
        assert len(memory.get_finished_spans()) == 1
    finally:
        instrumentor.uninstrument()
