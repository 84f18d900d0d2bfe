"""The WSGI door: what PEP 3333 and the servers do."""

from __future__ import annotations

import gc
import io
import logging
import sys
from concurrent.futures import Future
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, get_current_span, use_span

from midwatch import Exchange, Hold, Outcome, Plugin, Reply, WSGIMiddleware, current
from midwatch.testing import Recorder, ScriptedApp, call_wsgi


class Iterable:
    """An application's iterable that says when it was closed."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self.closed = 0
        self._chunks = iter(chunks)
        self._error = error

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        if self._error is not None:
            raise self._error
        raise StopIteration

    def close(self) -> None:
        self.closed += 1


def serving(body: Any, status: str = "200 OK", headers: Any = (("content-type", "text/plain"),)) -> Any:
    """An application that answers with *body*."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, list(headers))
        return body

    return app


def start(environ: Any = None) -> tuple[dict[str, Any], list[Any], Any]:
    """Environ, what was started, and a start_response of a server without manners."""
    started: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        started.append((status, list(headers), exc_info))
        return started.append

    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/", **(environ or {})}, started, start_response


def test_closed_once_after_the_end() -> None:
    """The inner close() runs exactly once, however often the server closes."""
    body, recorder = Iterable(b"a", b"b"), Recorder()
    environ, _, start_response = start()

    watched = WSGIMiddleware(serving(body), recorder)(environ, start_response)
    assert list(watched) == [b"a", b"b"]
    for _ in range(3):
        watched.close()  # type: ignore[attr-defined]

    assert body.closed == 1
    assert recorder.exchange.outcome is Outcome.OK


def test_closed_before_the_first_chunk() -> None:
    """A client that left at once: no generator trick may lose the inner close()."""
    body, recorder = Iterable(b"a"), Recorder()
    environ, _, start_response = start()

    WSGIMiddleware(serving(body), recorder)(environ, start_response).close()  # type: ignore[attr-defined]

    assert body.closed == 1
    assert recorder.exchange.outcome is Outcome.ABORTED
    assert current() is None


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [
        pytest.param("HEAD", "200 OK", [], id="HEAD"),
        pytest.param("GET", "304 Not Modified", [], id="304"),
        pytest.param("GET", "204 No Content", [], id="204"),
        pytest.param("GET", "200 OK", [("Content-Length", "1")], id="all bytes sent"),
    ],
)
def test_servers_that_stop_asking_when_they_have_all(method: str, status: str, headers: Any) -> None:
    """Closing early is no departure where nothing is left to send."""
    recorder = Recorder()
    environ, _, start_response = start({"REQUEST_METHOD": method})

    body = WSGIMiddleware(serving(Iterable(b"a", b""), status, headers), recorder)(environ, start_response)
    if headers:
        assert next(iter(body)) == b"a"
    body.close()  # type: ignore[attr-defined]

    assert recorder.exchange.outcome is Outcome.OK


def test_body_that_nobody_closes() -> None:
    """A server closes what it does not finish; test clients only drop it, and the exchange ends all the same."""
    recorder = Recorder()
    environ, _, start_response = start()

    gc.disable()
    try:
        body = WSGIMiddleware(serving(Iterable(b"a")), recorder)(environ, start_response)
        del body
    finally:
        gc.enable()

    assert recorder.exchange.outcome is Outcome.OK


@pytest.mark.parametrize("chunks", [(b"ab", b"c", b"de"), (b"abcde",), ()])
def test_body_taken_in_pieces(chunks: tuple[bytes, ...]) -> None:
    """Whoever peeks at the first chunk, or stops a loop over the body, finds the rest where it was."""
    recorder = Recorder()
    environ, _, start_response = start()
    inner = Iterable(*chunks)
    body: Any = WSGIMiddleware(serving(inner), recorder)(environ, start_response)

    assert iter(body) is body
    taken = [next(body, b"")]
    for chunk in body:
        taken.append(chunk)
        break
    assert (inner.closed, recorder.exchanges) == (0, [])
    taken += body
    assert list(body) == []
    body.close()
    body.close()

    assert b"".join(taken) == b"".join(chunks)
    assert (inner.closed, recorder.exchange.outcome) == (1, Outcome.OK)
    assert recorder.exchange.bytes_out == sum(map(len, chunks))


def test_generator_around_us_that_is_closed() -> None:
    """`yield from` closes what it goes through, if that can be closed; what the application made is closed once."""
    recorder = Recorder()
    inner = Iterable(b"ab", b"c")
    app = WSGIMiddleware(serving(inner, headers=[("Content-Length", "3")]), recorder)

    def outside(environ: Any, start_response: Any) -> Any:
        yield from app(environ, start_response)

    environ, _, start_response = start()
    body = outside(environ, start_response)
    assert next(body) == b"ab"
    body.close()

    assert (inner.closed, recorder.exchange.outcome) == (1, Outcome.ABORTED)


def test_length_is_kept() -> None:
    """Servers derive Content-Length from a body of one chunk, by its len()."""
    environ, _, start_response = start()

    body = WSGIMiddleware(serving([b"abc"]), Recorder())(environ, start_response)
    assert len(body) == 1  # type: ignore[arg-type]
    assert list(body) == [b"abc"]

    environ, _, start_response = start()
    assert not hasattr(WSGIMiddleware(serving(Iterable()), Recorder())(environ, start_response), "__len__")


def test_file_wrapper_goes_through_untouched() -> None:
    """Only the server's own object can be sent with sendfile; the exchange is over when it is handed over."""
    recorder = Recorder()
    environ, _, start_response = start({"wsgi.file_wrapper": FileWrapper})
    wrapped = FileWrapper(io.BytesIO(b"data"))

    app = WSGIMiddleware(serving(wrapped, headers=[("content-length", "4")]), recorder)

    assert app(environ, start_response) is wrapped
    assert (recorder.exchange.bytes_out, recorder.exchange.outcome) == (4, Outcome.OK)


def test_write_callable(signals: Any) -> None:
    """The imperative way to send: counted, and passed on."""

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [("content-type", "text/plain")])
        write(b"one")
        write(b"two")
        return [b"three"]

    answer = call_wsgi(WSGIMiddleware(app, *signals.plugins()))

    assert answer.chunks == [b"one", b"two", b"three"]
    assert signals.lines[0]["http.response.body.size"] == 11


def test_write_to_a_client_that_left() -> None:
    """The server's OSError goes to the application, and the client is known to have left."""
    recorder = Recorder()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])(b"one")
        return []

    def refuse(data: bytes) -> None:
        raise BrokenPipeError

    environ, _, _ = start()
    with pytest.raises(BrokenPipeError):
        WSGIMiddleware(app, recorder)(environ, lambda status, headers, exc_info=None: refuse)

    assert recorder.exchange.outcome is Outcome.ABORTED
    assert "on_error" not in recorder.moments


def test_exc_info_replaces_the_response() -> None:
    """A second start_response with exc_info: passed on as it is, its headers get the moment again."""

    class Adds(Plugin):
        def on_response(self, exchange: Exchange) -> None:
            exchange.add_header("x-status", str(exchange.status))

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("content-type", "text/plain")])
        try:
            raise ValueError("late")
        except ValueError:
            start_response("500 Oops", [("content-type", "text/html")], sys.exc_info())
        return [b"sorry"]

    recorder = Recorder()
    answer = call_wsgi(WSGIMiddleware(app, Adds(), recorder))

    assert answer.status == 500
    assert answer.headers == [("content-type", "text/html"), ("x-status", "500")]
    assert recorder.exchange.outcome is Outcome.ERROR
    assert recorder.moments.count("on_response") == 2


def test_generator_that_starts_late() -> None:
    """start_response may be called at the first chunk."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("content-type", "text/plain")])
        yield b"late"

    recorder = Recorder()
    answer = call_wsgi(WSGIMiddleware(app, recorder))

    assert (answer.status, answer.body) == (200, b"late")
    assert recorder.moments == ["on_startup", "on_request", "on_response", "on_finish"]


def test_error_in_close() -> None:
    """The server hears of it, and so do the plugins."""

    class Bad(Iterable):
        def close(self) -> None:
            raise KeyError("close")

    recorder = Recorder()
    environ, _, start_response = start()
    body = WSGIMiddleware(serving(Bad(b"a")), recorder)(environ, start_response)
    list(body)
    with pytest.raises(KeyError):
        body.close()  # type: ignore[attr-defined]

    assert recorder.exchange.outcome is Outcome.ERROR
    assert recorder.moments[-2:] == ["on_error", "on_finish"]


def test_context_is_entered_for_each_chunk() -> None:
    """The exchange is current while a chunk is made and closed, and never while the server has control."""
    seen: list[Any] = []

    class Body(Iterable):
        def __next__(self) -> bytes:
            seen.append(current())
            return super().__next__()

        def close(self) -> None:
            seen.append(current())

    recorder = Recorder()
    environ, _, start_response = start()
    body = WSGIMiddleware(serving(Body(b"a", b"b")), recorder)(environ, start_response)
    for _ in body:
        assert current() is None
    body.close()  # type: ignore[attr-defined]

    assert seen == [recorder.exchange] * 4


def test_a_span_across_chunks_stays_current(caplog: pytest.LogCaptureFixture) -> None:
    """A generator that keeps a span open over its yields finds it again, and detaches without a complaint."""
    inner = NonRecordingSpan(SpanContext(1, 2, False, TraceFlags(1)))
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("content-type", "text/plain")])
        with use_span(inner):
            seen.append(get_current_span())
            yield b"a"
            seen.append(get_current_span())
            yield b"b"

    with caplog.at_level(logging.DEBUG):
        call_wsgi(WSGIMiddleware(app, Recorder()))

    assert seen == [inner, inner]
    assert [record for record in caplog.records if "detach" in record.message] == []


class Answers(Plugin):
    """Returns what it was given, in the moment it was given for."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def on_request(self, exchange: Exchange) -> Any:
        return self._answers.get("on_request")

    def on_response(self, exchange: Exchange) -> Any:
        return self._answers.get("on_response")


def failed() -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(RuntimeError("not stored"))
    return future


@pytest.mark.parametrize("generator", [True, False])
def test_response_replaced_when_a_hold_fails(generator: bool) -> None:
    """Strict auditing: what could not be made durable is not answered with a success. The app's body is closed."""
    inner = Iterable(b"secret")

    def late(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("content-type", "text/plain")])
        yield b"secret"

    app = late if generator else serving(inner)
    recorder = Recorder()
    hold = Hold(failed(), 1, otherwise=Reply(503, "try again"))

    answer = call_wsgi(WSGIMiddleware(app, recorder, Answers(on_response=hold)))

    assert (answer.status, answer.body) == (503, b"try again")
    assert recorder.exchange.status == 503
    if not generator:
        assert inner.closed == 1


def test_write_of_a_replaced_response_is_thrown_away() -> None:
    """The callable that the application got leads nowhere."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("content-type", "text/plain")])(b"secret")
        return [b"more"]

    hold = Hold(failed(), 1, otherwise=Reply(503, "try again"))
    answer = call_wsgi(WSGIMiddleware(app, Answers(on_response=hold)))

    assert (answer.status, answer.body) == (503, b"try again")


def test_status_without_reason_and_nonsense() -> None:
    """A status line of three digits is enough; one without any is none, and the server's to refuse."""
    recorder = Recorder()
    for status in ("204", "odd"):
        environ, started, start_response = start()
        body = WSGIMiddleware(serving([], status), recorder)(environ, start_response)
        list(body)
        body.close()  # type: ignore[attr-defined]
        assert started[0][0] == status

    assert [exchange.status for exchange in recorder.exchanges] == [204, None]


def test_two_doors_are_one_pass() -> None:
    """Wrapped twice: each plugin class is asked once; one that joins may answer."""
    outer, inner = Recorder(), Recorder()
    app = WSGIMiddleware(WSGIMiddleware(ScriptedApp().wsgi, inner, Answers(on_request=Reply(418, "teapot"))), outer)

    answer = call_wsgi(app)

    assert (answer.status, answer.body) == (418, b"teapot")
    assert (outer.exchange.status, inner.exchanges) == (418, [])


def test_paths_are_utf8_and_whole() -> None:
    """PEP 3333 hands bytes over as Latin-1; the mount point belongs to the path and not to the app's path."""
    recorder = Recorder()
    app = WSGIMiddleware(ScriptedApp().wsgi, recorder)

    call_wsgi(app, path="/caf\xe9", environ={"SCRIPT_NAME": "/r\xc3\xb6st"}, validate=False)
    call_wsgi(
        app, environ={"PATH_INFO": "/\xff\xfe", "REMOTE_PORT": "no", "SERVER_PROTOCOL": "HTTP/1.0"}, validate=False
    )

    first, second = recorder.exchanges
    assert (first.path, first.app_path) == ("/röst/café", "/café")
    assert second.path == "/\ufffd\ufffd"
    assert (second.peer, second.http_version) == (("127.0.0.1", 0), "1.0")


def test_peer_is_the_socket_s() -> None:
    """Also when what is inside of the door puts what a proxy said in its place, as Werkzeug's ProxyFix does."""
    recorder = Recorder()

    def app(environ: Any, start_response: Any) -> Any:
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = "203.0.113.9", "1"
        return serving([b"ok"])(environ, start_response)

    call_wsgi(WSGIMiddleware(app, recorder), environ={"REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "50412"})

    assert (recorder.exchange.peer, recorder.exchange.client) == (("192.0.2.7", 50412), "192.0.2.7")


def test_headers_and_query() -> None:
    """As the environ has them; Content-Type and Content-Length have keys of their own."""
    recorder = Recorder()
    call_wsgi(
        WSGIMiddleware(ScriptedApp().wsgi, recorder),
        "POST",
        query="a=1",
        headers=[("Content-Type", "text/plain"), ("X-One", "1"), ("Host", "[::1]:80")],
        body=b"12",
    )

    exchange = recorder.exchange
    assert exchange.query == "a=1"
    assert [exchange.header(name) for name in ("content-type", "x-one", "x-none")] == ["text/plain", "1", None]
    assert exchange.host == "[::1]"
    assert exchange.response_header("content-type") == "text/plain"
    assert exchange.response_header("x-none") is None
