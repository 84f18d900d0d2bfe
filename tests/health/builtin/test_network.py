"""`tcp`, `dns`, `http`: real servers, well and ill behaved."""

from __future__ import annotations

import socket
import threading

import pytest
from opentelemetry import context

from midwatch.health.builtin import builtin
from midwatch.health.builtin.dial import End, dial
from midwatch.health.builtin.http import HTTP

from .conftest import look
from .peers import Authority, floods, resets, says, serving, silent, trickles

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answers(status: str, more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\n\r\n".encode()


class TestTCP:
    def test_something_listens(self) -> None:
        with serving(silent) as port:
            assert look(f"tcp://127.0.0.1:{port}").status == "pass"

    def test_a_port_that_refuses_is_said_to(self, nobody: int) -> None:
        found = look(f"tcp://127.0.0.1:{nobody}")
        assert found.status == "fail"
        assert found.output == "Connection refused"

    @pytest.mark.usefixtures("_ipv6")
    @pytest.mark.parametrize("kind", ["tcp://[::1]:{}", "http://[::1]:{}/#status=204"])
    def test_an_address_of_ipv6(self, kind: str) -> None:
        with serving(says(answers("204 No Content")), host="::1") as port:
            assert look(kind.format(port)).status == "pass"
            assert look(kind.format(port).replace("[::1]", "127.0.0.1")).output == "Connection refused"

    def test_a_full_backlog_ends_in_time(self) -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            waiting = [socket.create_connection(("127.0.0.1", port), 5)]
            try:
                found = look(f"tcp://127.0.0.1:{port}?timeout=0.1")
            finally:
                for one in waiting:
                    one.close()
        assert (found.status, found.output) == ("fail", "timed out")

    def test_an_address_behind_one_that_refuses_is_tried(self, monkeypatch: pytest.MonkeyPatch, nobody: int) -> None:
        with serving(silent) as port:
            found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", one)) for one in (nobody, port)]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
            dial("two.example", 1, End(5)).close()

    def test_a_name_without_any_address_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: [])
        assert look("tcp://none.example:1").output == "the name has no address"


class TestDNS:
    def test_a_name_that_is_known(self) -> None:
        found = look("dns://localhost")
        assert found.status == "pass"
        assert found.observed in range(1, 100)

    @pytest.mark.parametrize("kind", ["dns://{}", "tcp://{}:5432", "redis://:not-a-secret@{}", "http://{}/"])
    def test_a_name_that_is_not(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*args: object, **options: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known: nowhere.example")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        found = look(kind.format("nowhere.example"))
        assert found.status == "fail"
        assert found.output == "the name is not known"

    def test_a_server_of_names_that_is_away_is_told_apart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(*args: object, **options: object) -> None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

        monkeypatch.setattr(socket, "getaddrinfo", away)
        assert look("dns://nowhere.example").output == "the name cannot be looked up now"

    @pytest.mark.parametrize("kind", ["dns://{}", "tcp://{}:5432", "redis://:not-a-secret@{}", "http://{}/"])
    def test_a_name_without_any_address(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: [])
        found = look(kind.format("nowhere.example"))
        assert (found.status, "nowhere" in str(found)) == ("fail", False)

    def test_a_name_that_cannot_be_one(self) -> None:
        found = look(f"dns://{'a' * 70}.example")
        assert found.status == "fail"


class TestHTTP:
    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            (OK, "pass"),
            (answers("204 No Content"), "pass"),
            (answers("302 Found", "Location: http://127.0.0.1:1/\r\n"), "pass"),
            (answers("404 Not Found"), "fail"),
            (answers("503 Service Unavailable"), "fail"),
        ],
    )
    def test_2xx_and_3xx_pass(self, answer: bytes, status: str) -> None:
        with serving(says(answer)) as port:
            assert look(f"http://127.0.0.1:{port}/ping").status == status

    def test_one_status_may_be_asked_for(self) -> None:
        with serving(says(answers("401 Unauthorized"))) as port:
            assert look(f"http://127.0.0.1:{port}/#status=401").status == "pass"
        with serving(says(OK)) as port:
            found = look(f"http://127.0.0.1:{port}/#status=204")
            assert (found.status, found.output) == ("fail", "answers 200")

    def test_it_asks_as_the_url_says_and_who_we_are(self) -> None:
        heard: list[bytes] = []

        def script(connection: socket.socket) -> None:
            heard.append(connection.recv(4096))
            connection.sendall(OK)

        with serving(script) as port:
            assert look(f"http://us%40er:p%3Aw@127.0.0.1:{port}/ping?deep=1#status=200").status == "pass"
        lines = heard[0].decode().lower().split("\r\n")
        assert lines[0] == "get /ping?deep=1 http/1.1"
        assert any(line.startswith("user-agent: midwatch/") for line in lines)
        assert f"host: 127.0.0.1:{port}" in lines
        assert b"Basic dXNAZXI6cDp3" in heard[0]
        assert not any(line.startswith("traceparent") for line in lines)

    def test_it_is_not_traced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[object] = []

        def look_around(self: HTTP) -> None:
            seen.append(context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY))
            raise OSError

        monkeypatch.setattr(HTTP, "look", look_around)
        builtin("http://127.0.0.1:1/")()
        assert seen == [True]
        assert context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY) is None

    @pytest.mark.parametrize(
        ("script", "output"),
        [
            (silent, "timed out"),
            (resets, "Connection reset by peer"),
            (says(b"SSH-2.0-OpenSSH_9.2\r\n"), "BadStatusLine"),
        ],
    )
    def test_servers_that_are_none(self, script: object, output: str) -> None:
        with serving(script) as port:  # type: ignore[arg-type]
            found = look(f"http://127.0.0.1:{port}/#timeout=0.2")
        assert (found.status, found.output) == ("fail", output)

    def test_a_header_that_trickles_ends_in_time(self, stopped: threading.Event) -> None:
        with serving(trickles(b"HTTP/1.1 200 OK\r\nx: y\r\n", stopped)) as port:
            assert look(f"http://127.0.0.1:{port}/#timeout=0.2").status == "fail"
            stopped.set()

    @pytest.mark.parametrize(
        ("start", "piece", "status"),
        [
            (b"HTTP/1.1 200 OK\r\n\r\n", b"x", "pass"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x", "pass"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", "pass"),
            (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", "fail"),
        ],
    )
    def test_what_trickles_ends_in_time(
        self, stopped: threading.Event, start: bytes, piece: bytes, status: str
    ) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(4096)
            connection.sendall(start)
            while not stopped.wait(0.02):
                connection.sendall(piece)

        with serving(script) as port:
            assert look(f"http://127.0.0.1:{port}/#timeout=0.2").status == status
            stopped.set()

    @pytest.mark.parametrize("line", [b"1", b"5;"])
    def test_the_size_of_a_chunk_has_no_end(self, line: bytes) -> None:
        start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + line
        with serving(floods(start + b"1" * 65536)) as port:
            assert look(f"http://127.0.0.1:{port}/").status == "pass"

    def test_a_redirect_to_itself_is_not_followed(self) -> None:
        asked: list[bytes] = []

        def script(connection: socket.socket) -> None:
            asked.append(connection.recv(4096))
            connection.sendall(answers("302 Found", "Location: /\r\n"))

        with serving(script) as port:
            assert look(f"http://127.0.0.1:{port}/").status == "pass"
        assert len(asked) == 1

    def test_headers_without_end_are_not_read(self) -> None:
        with serving(floods(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000)) as port:
            assert look(f"http://127.0.0.1:{port}/").status == "fail"

    def test_a_body_without_end_is_not_read(self) -> None:
        with serving(floods(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 65536)) as port:
            assert look(f"http://127.0.0.1:{port}/").status == "pass"

    def test_headers_that_are_none_are_not_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """urllib3 would say what it cannot read, with the URL, whose path may be a secret."""
        odd = "HTTP/1.1 200 OK\r\nX-Ä: ö\r\nÜ\r\nContent-Length: 0\r\n\r\n".encode()
        caplog.set_level("DEBUG")
        with serving(says(odd)) as port:
            assert look(f"http://127.0.0.1:{port}/not-a-secret#timeout=0.2").status == "pass"
        assert caplog.messages == []

    def test_a_status_counts_though_the_body_breaks_off(self) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")

        with serving(script) as port:
            assert look(f"http://127.0.0.1:{port}/").status == "pass"

    def test_a_certificate_that_we_are_told_to_trust(self, authority: Authority) -> None:
        with serving(says(OK), authority.context(30)) as port:
            assert look(f"https://localhost:{port}/#ca={authority.ca}").status == "pass"
        with serving(says(OK), authority.context(30, "other.example")) as port:
            place = f"https://localhost:{port}/#ca={authority.ca}"
            assert look(place).output == "the certificate is for another name"
            assert look(f"{place}&servername=other.example").status == "pass"

    def test_a_certificate_that_nobody_signed(self, authority: Authority) -> None:
        with serving(says(OK), authority.context(30)) as port:
            found = look(f"https://127.0.0.1:{port}/")
        assert found.status == "fail"
        assert found.output is not None
        assert found.output.startswith("the certificate is not trusted: ")
