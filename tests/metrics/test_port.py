"""The page on a port of its own: the same page, for the same peers, in bounded threads."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families as parse_text

from midwatch.metrics import LatencyMetrics, listener, port
from midwatch.metrics.collector import Shown
from midwatch.metrics.page import Page
from midwatch.metrics.port import MetricsPort
from midwatch.proxies import LOCAL, Networks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def page_of(value: float = 1.0, allow: Any = LOCAL) -> Page:
    registry = CollectorRegistry()
    Gauge("level", "Level.", registry=registry).set(value)
    return Page(Shown(registry), Networks(allow))


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "midwatch-metrics-port"}


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[str, int]]]:
    ports: list[MetricsPort] = []
    before = threads()

    def _serve(page: Page | None = None, listen: str = "127.0.0.1:0", **options: Any) -> tuple[str, int]:
        ports.append(MetricsPort(page or page_of(), listen, **options))
        ports[-1].start()
        assert ports[-1].address is not None
        return ports[-1].address

    yield _serve
    for each in ports:
        each.stop()
    for thread in threads() - before:
        thread.join(30)
        assert not thread.is_alive()


def ask(address: tuple[str, int], method: str = "GET", path: str = "/metrics", **headers: str) -> Any:
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=30)) as connection:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer: Any = connection.getresponse()
        answer.content = answer.read()
        return answer


def raw(address: tuple[str, int], sent: bytes) -> bytes:
    with socket.create_connection(address, 30) as connection:
        connection.sendall(sent)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


def test_the_page_is_the_same(serve: Any) -> None:
    """Format, part, compression and HEAD."""
    address = serve()
    answer = ask(address)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "level" in {family.name for family in parse_text(answer.content.decode())}
    assert ask(address, accept="application/openmetrics-text").content.endswith(b"# EOF\n")
    assert gzip.decompress(ask(address, accept_encoding="gzip").content).startswith(b"# HELP level")
    assert (
        ask(address, path="/metrics/?name[]=level").content == b"# HELP level Level.\n# TYPE level gauge\nlevel 1.0\n"
    )
    head = ask(address, "HEAD")
    assert (head.content, head.headers["vary"]) == (b"", "Accept, Accept-Encoding")
    assert int(head.headers["content-length"]) > 10


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/metricsx", 404), ("GET", "/health", 404), ("OPTIONS", "/metrics", 204),
     ("POST", "/metrics", 405), ("DELETE", "/metrics", 405), ("BREW", "/metrics", 405)],
)  # fmt: skip
def test_everything_else_is_refused(serve: Any, method: str, path: str, status: int) -> None:
    """This port has nothing else."""
    assert ask(serve(), method, path).status == status


@pytest.mark.parametrize(
    ("target", "status"),
    [("http://127.0.0.1:9464/metrics?name[]=level", 200), ("HTTP://[::1]/metrics/", 200), ("https://a/metrics", 200),
     ("http:///metrics", 404), ("http://a", 404), ("http://a?/metrics", 404), ("http://a/x/metrics", 404),
     ("ftp://a/metrics", 404), ("http:/metrics", 404), ("http://a/http://a/metrics", 404), ("a/metrics", 404),
     ("*", 404)],
)  # fmt: skip
def test_a_target_in_absolute_form_is_served(serve: Any, target: str, status: int) -> None:
    """As a server must accept it (RFC 9112, section 3.2.2)."""
    answer = raw(serve(), f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert answer.split(b" ", 2)[1] == str(status).encode()


@pytest.mark.parametrize("more", [1, 1000, 500_000])
def test_a_request_line_that_is_too_long_is_told_so(serve: Any, more: int) -> None:
    """Also who has sent more of it than anybody reads gets the answer, and no reset."""
    answer = raw(serve(), b"GET /metrics?" + b"x" * (listener.MAX_LINE + more) + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 414 ")
    assert answer.endswith(b"}")


def test_what_a_proxy_forwards_is_refused(serve: Any) -> None:
    """Here too the page is only for direct peers."""
    address = serve()
    assert ask(address, x_forwarded_for="10.0.0.1").status == 403
    assert ask(address, Via="1.1 proxy").status == 403
    assert ask(address, host="anything").status == 200


@pytest.mark.parametrize(
    "line", [b"x : y", b"no header", b"\xa0x: y", b"x: y\r\r", b"x: y\r z", b": y", b"x\x00: y", b"\x0bx: y"]
)
def test_a_line_that_is_no_header_hides_no_proxy(serve: Any, line: bytes) -> None:
    """What stands behind it would not be read."""
    answer = raw(serve(), b"GET /metrics HTTP/1.1\r\n" + line + b"\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n")
    assert answer.split(b" ", 2)[1] in {b"400", b"403"}, answer[:200]


def test_strangers_take_no_thread(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told so before they have asked, and hung up on."""
    address = serve(page_of(allow=["203.0.113.0/24"]))
    monkeypatch.setattr(threading.Thread, "start", None)
    received = raw(address, b"")
    assert received.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert received.endswith(b'"detail":"Metrics are only for direct peers."}')


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"\xff\xfe\x00\r\n\r\n",
        b"GET /metrics HTTP/x\r\n\r\n",
        b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"GET /metrics HTTP/1.1\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
        b"GET http://x/none HTTP/1.1\r\n\r\n",
    ],
)
def test_a_request_that_is_none_is_no_news(serve: Any, sent: bytes, capfd: Any, caplog: Any) -> None:
    """An error or nothing for the client, nothing on stderr or in the log, and the next one is served."""
    address = serve()
    with contextlib.suppress(OSError):
        received = raw(address, sent)
        assert not received or received.split()[1] in {b"400", b"404", b"414", b"431", b"505"}
    assert ask(address).status == 200
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_http_1_0_is_enough(serve: Any) -> None:
    """Without `Host`, as old probes ask."""
    received = raw(serve(), b"GET /metrics HTTP/1.0\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n" in received


def test_twenty_scrapes_are_one_render(serve: Any) -> None:
    """Whoever asks while a page is made gets that one."""
    entered, gate, calls = threading.Event(), threading.Event(), []

    class Gated:
        def collect(self) -> list[Any]:
            calls.append(1)
            entered.set()
            assert gate.wait(30)
            return []

    page = Page(Shown(Gated()), Networks(LOCAL))
    address = serve(page)
    waiting = threading.Semaphore(0)
    respond = page.respond

    def told(asked: Any) -> Any:
        found = respond(asked)
        waiting.release()
        return found

    page.respond = told  # type: ignore[method-assign]
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(ask, address) for _ in range(20)]
        for _ in answers:
            assert waiting.acquire(timeout=30)
        gate.set()
        assert {answer.result(30).status for answer in answers} == {200}
    assert len(calls) == 1


def test_each_worker_answers_for_all(tmp_path: Path) -> None:
    """Whichever the kernel picks; and when one is killed, what it has counted stays."""
    directory = tmp_path / "figures"
    directory.mkdir(0o700)
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
        workers = [_worker(directory, number) for _ in range(3)]
    try:
        query = "/metrics?name[]=jobs_total&name[]=midwatch_worker_open_fds"
        for _ in range(20):
            lines = ask(("127.0.0.1", number), path=query).content.decode().splitlines()
            assert "jobs_total 3.0" in lines
            assert sum(line.startswith("midwatch_worker_open_fds{") for line in lines) == 3
        os.kill(workers[0], signal.SIGKILL)
        os.waitpid(workers[0], 0)
        lines = ask(("127.0.0.1", number), path=query).content.decode().splitlines()
        assert "jobs_total 3.0" in lines
        assert sum(line.startswith("midwatch_worker_open_fds{") for line in lines) == 2
    finally:
        for worker in workers[1:]:
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)


def _worker(directory: Path, number: int) -> int:
    """A process that counts one job and serves the page."""
    ready = os.pipe()
    child = os.fork()
    if child == 0:
        metrics = LatencyMetrics(directory=directory, listen=f"127.0.0.1:{number}", registry=CollectorRegistry())
        metrics.store.counter("jobs", "Jobs.").add()
        metrics.on_startup()
        metrics.pulse.now()
        os.write(ready[1], b"y")
        threading.Event().wait(60)
        os._exit(1)
    assert os.read(ready[0], 1) == b"y"
    os.close(ready[0])
    os.close(ready[1])
    return child


def test_connections_are_bounded(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes on top is hung up on; when one ends there is room again."""
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 2)
    address = serve()
    with contextlib.ExitStack() as held:
        first, second = (held.enter_context(socket.create_connection(address, 30)) for _ in range(2))
        with contextlib.suppress(OSError):
            assert raw(address, b"") == b""
        first.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        while first.recv(65536):
            pass
        while True:  # Its thread has yet to say that it is done.
            with contextlib.suppress(OSError, http.client.HTTPException):
                if ask(address).status == 200:
                    break
        second.close()


def test_a_client_that_says_nothing_is_hung_up_on(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds."""
    monkeypatch.setattr(listener._Handler, "timeout", 0.01)
    assert raw(serve(), b"") == b""


def test_clients_that_ask_byte_by_byte_keep_nobody_out(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the request never: all connections are theirs until their time is up."""
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(listener, "PATIENCE", 0.5)
    monkeypatch.setattr(listener._Handler, "timeout", 30)
    address = serve()
    slow = [socket.create_connection(address) for _ in range(2)]
    try:
        for one in slow:
            one.sendall(b"GET /metrics HTTP/1.1\r\nx: ")
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for one in slow:
                with contextlib.suppress(OSError):
                    one.sendall(b"x")
            with contextlib.suppress(OSError, http.client.HTTPException):
                assert ask(address).status == 200
                break
            time.sleep(0.05)  # between two bytes
        else:
            pytest.fail("nobody else was served")
    finally:
        for one in slow:
            one.close()


def test_many_may_listen_and_each_answers(serve: Any) -> None:
    """Workers share the port; when one goes, the others have it."""
    host, number = serve()
    second = MetricsPort(page_of(2.0), f"{host}:{number}")
    second.start()
    seen: set[bytes] = set()
    while len(seen) < 2:
        seen.add(ask((host, number), path="/metrics?name[]=level").content[-4:])
    second.stop()
    assert seen == {b"1.0\n", b"2.0\n"}


def test_a_port_of_a_stranger_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """The service goes on, and has the port when the stranger has gone."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        ours = MetricsPort(page_of(), f"127.0.0.1:{number}")
        ours.start()
        ours.start()
        without = ours.address
    assert without is None
    (record,) = caplog.records
    assert record.getMessage() == (
        f"metrics.listen: cannot listen on 127.0.0.1 port {number}: another program has it; the service goes on"
    )
    ours.start()
    assert ours.address == ("127.0.0.1", number)
    assert ask(ours.address).status == 200
    ours.stop()


def test_an_address_of_another_machine_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """In words."""
    ours = MetricsPort(page_of(), "192.0.2.1:9464")
    ours.start()
    assert "Cannot assign requested address" in caplog.text


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_ipv6(serve: Any) -> None:
    """`[::1]`, and `[::]` for both families."""
    assert ask(serve(listen="[::1]:0")).status == 200
    _, number = serve(listen="[::]:0")
    assert ask(("127.0.0.1", number)).status == 200
    assert ask(("::1", number)).status == 200


@pytest.mark.parametrize("listen", ["", "9464", ":9464", "0.0.0.0", "0.0.0.0:", "0.0.0.0:x", "0.0.0.0:65536", "::1:80",
                                    "[127.0.0.1]:80", "[]:80", "a:-1", "a:٣", "0.0.0.0:0000009464"])  # fmt: skip
def test_an_address_that_is_none_stops_the_start(listen: str) -> None:
    """With an example of one."""
    with pytest.raises(ValueError, match=r"such as \"0\.0\.0\.0:9464\""):
        MetricsPort(page_of(), listen)


def test_a_forked_child_leaves_the_parent_s_and_opens_its_own(serve: Any) -> None:
    """What comes for the parent never waits in the child; after the parent has gone the child answers alone."""
    before = threads()
    ours = MetricsPort(page_of(1.0), "127.0.0.1:0")
    ours.start()
    assert ours.address is not None
    host, number = ours.address
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        fine = ours.address is None
        ours._listen, ours._page = (host, number), page_of(2.0)
        ours.start()
        os.write(ready[1], b"y" if fine and ours.address == (host, number) else b"n")
        os.close(done[1])
        os.read(done[0], 1)
        os._exit(0)
    os.close(done[0])
    assert os.read(ready[0], 1) == b"y"
    seen: set[bytes] = set()
    while len(seen) < 2:
        seen.add(ask((host, number), path="/metrics?name[]=level").content[-4:])
    ours.stop()
    for thread in threads() - before:
        thread.join(30)
    assert {ask((host, number), path="/metrics?name[]=level").content[-4:] for _ in range(20)} == {b"2.0\n"}
    os.close(done[1])
    os.waitpid(child, 0)
    os.close(ready[0])
    os.close(ready[1])
    with pytest.raises(OSError, match="refused"):
        ask((host, number))


SERVICE = """
import sys, time
from prometheus_client import CollectorRegistry
from midwatch.metrics.page import Page
from midwatch.metrics.port import MetricsPort
from midwatch.proxies import LOCAL, Networks
port = MetricsPort(Page(CollectorRegistry(), Networks(LOCAL)), "127.0.0.1:0")
port.start()
print(port.address[1], flush=True)
sys.stdin.read()
"""


def test_a_service_ends_though_it_listens() -> None:
    """Also with a client that holds a connection."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        number = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", number), 30):
            assert ask(("127.0.0.1", number)).status == 200
            process.stdin.close()
            assert process.wait(30) == 0


def test_out_of_file_descriptors_the_port_waits(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not turn in circles, and answers when there are some again."""
    address = serve()
    calls: list[float] = []
    real = socket.socket.accept

    def accept(this: socket.socket) -> Any:
        calls.append(time.monotonic())
        if len(calls) < 3:
            raise OSError(24, "Too many open files")
        return real(this)

    monkeypatch.setattr(socket.socket, "accept", accept)
    assert ask(address).status == 200
    assert calls[2] - calls[0] >= 0.2


def test_without_threads_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is left open."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    ours = MetricsPort(page_of(), "127.0.0.1:0")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        ours.start()
    assert ours.address is None
    assert port._ports


def test_a_page_that_raises_is_no_traceback(serve: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """The client is hung up on, and the failure is counted."""
    page = page_of()
    address = serve(page)

    def broken(asked: Any) -> Any:
        raise ValueError("mine")

    monkeypatch.setattr(Page, "respond", broken)
    with contextlib.suppress(OSError):
        assert raw(address, b"GET /metrics HTTP/1.0\r\n\r\n") == b""
    assert capfd.readouterr().err == ""
