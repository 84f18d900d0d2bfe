"""`RequestLog`: one line for each exchange, its fields, and who else gets to see it."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import logging.handlers
import pickle
import queue
import re
import threading
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pythonjsonlogger.json import JsonFormatter as TheirJsonFormatter

from midwatch import ASGIMiddleware, RequestLog, Tracing, current, flush
from midwatch.logs import configure_logging
from midwatch.logs.line import RequestLine
from midwatch.logs.record import ReadyRecord
from midwatch.plugin import failures
from midwatch.proxies import Proxies
from midwatch.service import Service
from midwatch.testing import Recorder, ScriptedApp, call_asgi

SERVICE = Service("shop", "1.2", "test", (("host.name", "a"),))
T = "0af7651916cd43dd8448eb211c80319c"
P = "b7ad6b7169203331"

FIELDS = [
    "timestamp",
    "level",
    "logger",
    "message",
    "service.name",
    "service.version",
    "deployment.environment.name",
    "trace_id",
    "span_id",
    "trace_flags",
    "request_id",
    "http.request.method",
    "url.scheme",
    "url.path",
    "http.route",
    "http.response.status_code",
    "http.server.request.duration",
    "time_to_first_byte",
    "http.request.body.size",
    "http.response.body.size",
    "client.address",
    "server.address",
    "user_agent.original",
    "outcome",
    "error.type",
]

many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def read_body(door: Any, error: Exception) -> Any:
    """An application that reads the body, names its route, answers and then raises."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        name_route()
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello", "more_body": True})
        raise error

    def wsgi(environ: Any, start_response: Any) -> Any:
        name_route()
        start_response("200 OK", [("content-type", "text/plain")])

        def body() -> Any:
            yield b"hello"
            raise error

        return body()

    return asgi if door.name == "asgi" else wsgi


def name_route() -> None:
    exchange = current()
    assert exchange is not None
    exchange.route = "/orders/{id}"


def test_every_field_in_its_order(door: Any, lines: Any) -> None:
    """Names, order, types and units are those that the design promises; nothing else is in the line."""
    recorder = Recorder()
    app = door.watch(read_body(door, KeyError("x")), Tracing(), RequestLog(service=SERVICE), recorder)
    headers = [("host", "shop.example:8080"), ("user-agent", "curl/8"), ("traceparent", f"00-{T}-{P}-01")]
    door.call(
        app, "POST", "/orders/7", headers=[*headers, ("x-request-id", "abc")], body=b"12345", query="token=secret"
    )
    exchange = recorder.exchange
    exchange_has_body = exchange.bytes_in > 0
    line = lines.one
    assert list(line) == [name for name in FIELDS if exchange_has_body or name != "http.request.body.size"]
    assert {name: value for name, value in line.items() if name in EXPECTED} == EXPECTED
    assert line["span_id"] == exchange.span_id
    assert line.get("http.request.body.size", 5) == 5
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])
    ended = exchange.started_at * 1e-9 + exchange.duration
    assert datetime.fromisoformat(line["timestamp"]).timestamp() == pytest.approx(ended, abs=1e-5)
    assert line["http.server.request.duration"] == pytest.approx(exchange.duration, abs=1e-6)
    assert exchange.first_byte is not None
    assert line["time_to_first_byte"] == pytest.approx(exchange.first_byte - exchange.started, abs=1e-6)


EXPECTED = {
    "level": "ERROR",
    "logger": "midwatch.request",
    "message": "POST /orders/7 200",
    "service.name": "shop",
    "service.version": "1.2",
    "deployment.environment.name": "test",
    "trace_id": T,
    "trace_flags": "01",
    "request_id": "abc",
    "http.request.method": "POST",
    "url.scheme": "http",
    "url.path": "/orders/7",
    "http.route": "/orders/{id}",
    "http.response.status_code": 200,
    "http.response.body.size": 5,
    "client.address": "127.0.0.1",
    "server.address": "shop.example",
    "user_agent.original": "curl/8",
    "outcome": "error",
    "error.type": "KeyError",
}


def test_what_is_unknown_is_left_out(door: Any, lines: Any) -> None:
    """Alone, without a trace, a peer or a header."""
    door.call(door.watch(ScriptedApp(chunks=()), RequestLog(service=Service())), headers=[], peer=None)
    line = lines.one
    assert list(line) == [
        "timestamp",
        "level",
        "logger",
        "message",
        "service.name",
        "http.request.method",
        "url.scheme",
        "url.path",
        "http.response.status_code",
        "http.server.request.duration",
        "time_to_first_byte",
        "http.response.body.size",
        "outcome",
    ]
    assert line["http.response.body.size"] == 0
    assert None not in line.values()


@pytest.mark.parametrize(
    ("app", "call", "level", "outcome", "message"),
    [
        (ScriptedApp(), {}, "INFO", "ok", "GET / 200"),
        (ScriptedApp(status=404), {}, "INFO", "ok", "GET / 404"),
        (ScriptedApp(status=500), {}, "ERROR", "error", "GET / 500"),
        (ScriptedApp(error=KeyError()), {}, "ERROR", "error", "GET / 500"),
        (ScriptedApp(error=KeyError(), error_after=1), {}, "ERROR", "error", "GET / 200"),
        (ScriptedApp(chunks=(b"a", b"b", b"c")), {"leave_after": 1}, "WARNING", "aborted", "GET / 200"),
    ],
)
def test_every_outcome_is_one_line(
    door: Any, lines: Any, app: ScriptedApp, call: Any, level: str, outcome: str, message: str
) -> None:
    """Its level says whether somebody should look, and at whom."""
    door.call(door.watch(app, RequestLog(service=SERVICE)), **call)
    line = lines.one
    assert (line["level"], line["outcome"], line["message"]) == (level, outcome, message)
    assert ("error.type" in line) == (outcome != "ok")


@pytest.mark.parametrize("outcome", ["incomplete", "cancelled"])
def test_outcomes_that_only_asgi_knows(lines: Any, outcome: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if outcome == "cancelled":
            raise asyncio.CancelledError

    call_asgi(ASGIMiddleware(app, RequestLog(service=SERVICE)))
    line = lines.one
    assert (line["level"], line["outcome"], line["error.type"]) == ("WARNING", outcome, outcome)
    assert line["message"] == "GET / -"
    assert "http.response.status_code" not in line
    assert "time_to_first_byte" not in line


def test_an_application_watched_twice_is_one_line(door: Any, lines: Any) -> None:
    door.call(door.watch(door.watch(ScriptedApp(), RequestLog()), RequestLog()))
    assert len(lines.all) == 1


def test_the_client_behind_a_proxy(door: Any, lines: Any) -> None:
    app = door.watch(ScriptedApp(), RequestLog(), proxies=Proxies(["127.0.0.0/8"]))
    door.call(app, headers=[("host", "x"), ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")])
    assert lines.one["client.address"] == "203.0.113.9"
    assert lines.one["url.scheme"] == "https"


HOSTILE = [
    "\r\n",
    "\n",
    "\x00",
    "\x1b[31m",
    "\x7f",
    "\x85",
    "\x9b2J",
    '"',
    "\\",
    '","level":"DEBUG',
    "\u2028",
    "\u2029",
    "\ud800",
    "é",
    "你",
]


@pytest.mark.parametrize("text", HOSTILE, ids=map(ascii, HOSTILE))
@pytest.mark.parametrize("place", ["path", "method", "user-agent", "host", "query"])
def test_hostile_text_is_one_valid_line(door: Any, lines: Any, place: str, text: str) -> None:
    """What a stranger writes stays inside its field, and no terminal acts on it."""
    options: dict[str, Any] = {"scope": {"path": f"/a{text}b"}} if place == "path" else {}
    if place == "method":
        options = {"method": f"G{text}"}
    elif place == "query":
        options = {"query": f"a={text.encode('ascii', 'ignore').decode()}"}
    elif place in {"user-agent", "host"}:
        raw = text.encode("utf-8", "surrogatepass").decode("latin-1")
        options = {"headers": [("host", "x"), (place, f"a{raw}b")][place == "host" :]}
    if door.name == "wsgi":
        options["validate"] = False
        if place == "path":
            raw = text.encode("utf-8", "surrogatepass").decode("latin-1")
            options = {"validate": False, "environ": {"PATH_INFO": f"/a{raw}b"}}
    door.call(door.watch(ScriptedApp(), RequestLog(service=SERVICE)), **options)
    line = lines.one
    assert line["level"] == "INFO"
    assert set(line) <= set(FIELDS)
    if place == "path" and text != "\ud800":
        assert line["url.path"] == f"/a{text}b"
    if place == "query":
        assert "?" not in line["url.path"]


@many
@given(st.text(max_size=40), st.text(max_size=20))
def test_any_path_and_method_are_one_valid_line(lines: Any, path: str, method: str) -> None:
    """As a server that checks nothing would hand them over."""
    lines.queued.clear()
    app = ASGIMiddleware(ScriptedApp().asgi, RequestLog(service=SERVICE))
    call_asgi(app, scope={"path": path, "method": method})
    assert set(lines.one) <= set(FIELDS)


@pytest.mark.parametrize("place", ["path", "method", "user-agent", "host"])
def test_what_strangers_write_is_cut(door: Any, lines: Any, place: str) -> None:
    """A request of 64 KiB is a short line all the same."""
    long = "a" * 65_536
    options: dict[str, Any] = {"path": {"path": f"/{long}"}, "method": {"method": long}}.get(
        place, {"headers": [("host", "x"), (place, long)][place == "host" :]}
    )
    door.call(
        door.watch(ScriptedApp(), RequestLog()), **options, **({"validate": False} if door.name == "wsgi" else {})
    )
    (text,) = lines.texts
    assert len(text) < 4000


SECRETS = ["authorization", "cookie", "proxy-authorization", "x-api-key", "referer", "x-forwarded-for", "x-anything"]


def test_no_secret_is_in_a_line(door: Any, lines: Any) -> None:
    """Neither query values nor any header but the two that are named."""
    headers = [("host", "x"), *((name, "hunter2") for name in SECRETS)]
    answer_headers = (("content-type", "text/plain"), ("set-cookie", "hunter2"))
    app = door.watch(ScriptedApp(headers=answer_headers), Tracing(), RequestLog())
    door.call(app, headers=headers, query="password=hunter2&token=hunter2")
    assert lines.one["outcome"] == "ok"
    assert "hunter2" not in lines.texts[0]


# Who else sees the record


def test_caplog_sees_it(door: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Level, message, logger and the fields as attributes."""
    with caplog.at_level(logging.INFO, "midwatch.request"):
        door.call(door.watch(ScriptedApp(status=503), Tracing(), RequestLog(service=SERVICE)), path="/a")
    (record,) = [record for record in caplog.records if record.name == "midwatch.request"]
    assert (record.levelname, record.levelno, record.getMessage()) == ("ERROR", logging.ERROR, "GET /a 503")
    assert record.__dict__["http.response.status_code"] == 503
    assert ("midwatch.request", logging.ERROR, "GET /a 503") in caplog.record_tuples
    assert "GET /a 503" in caplog.text


PLAIN = (
    "%(asctime)s|%(msecs)03d|%(created)f|%(relativeCreated)d|%(process)d|%(processName)s|%(thread)d|%(threadName)s|"
    "%(name)s|%(levelname)s|%(levelno)d|%(pathname)s|%(filename)s|%(module)s|%(funcName)s|%(lineno)d|%(message)s|"
    "%(msg)s|%(args)s|%(exc_info)s|%(url.path)s"
)


def test_a_plain_formatter_finds_every_attribute(door: Any) -> None:
    """A handler of the application's own, with whatever standard logging offers."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(PLAIN))
    logging.getLogger("midwatch").addHandler(handler)
    logging.getLogger("midwatch").setLevel(logging.INFO)
    door.call(door.watch(ScriptedApp(), RequestLog(service=SERVICE)), path="/a")
    values = stream.getvalue().rstrip("\n").split("|")
    assert len(values) == 21
    assert float(values[1]) == pytest.approx(float(values[2]) * 1000 % 1000, abs=1.5)
    assert values[5] == "MainProcess"
    assert values[6] == str(threading.get_ident())
    assert values[8:11] == ["midwatch.request", "INFO", "20"]
    assert values[16:] == ["GET /a 200", "GET /a 200", "None", "None", "/a"]


def test_formatters_in_other_styles(door: Any) -> None:
    streams = []
    for style, text in (("{", "{levelname} {message} {process}"), ("$", "$levelname $message $process")):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter(text, style=style))  # type: ignore[arg-type]
        logging.getLogger("midwatch").addHandler(handler)
        streams.append(stream)
    logging.getLogger("midwatch").setLevel(logging.INFO)
    door.call(door.watch(ScriptedApp(), RequestLog()))
    assert all(stream.getvalue().startswith("INFO GET / 200 ") for stream in streams)


def test_another_json_formatter_has_the_fields_once(door: Any) -> None:
    """As extra fields, which is where such formatters look."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TheirJsonFormatter())
    logging.getLogger("midwatch").addHandler(handler)
    logging.getLogger("midwatch").setLevel(logging.INFO)
    door.call(door.watch(ScriptedApp(), RequestLog(service=SERVICE)), path="/a")
    line = json.loads(stream.getvalue())
    assert line["message"] == "GET /a 200"
    assert line["url.path"] == "/a"
    assert stream.getvalue().count('"/a"') == 1


def test_the_same_line_to_several_handlers(door: Any, lines: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that looks before the worker does changes nothing for it."""
    stream = io.StringIO()
    logging.getLogger("midwatch").handlers.insert(0, logging.StreamHandler(stream))
    door.call(door.watch(ScriptedApp(), RequestLog(service=SERVICE)), path="/a")
    line = lines.one
    assert stream.getvalue() == "GET /a 200\n"
    assert line["message"] == "GET /a 200"
    assert [name for name in FIELDS if name in line] == list(line)
    assert re.fullmatch(r".*\.\d{6}Z", line["timestamp"])


def test_a_line_finished_in_two_threads_at_once_is_whole(lines: Any) -> None:
    """The worker and a handler of the application may both be first."""
    for _ in range(200):
        line = a_line()
        start = threading.Barrier(4)
        texts: list[str] = []

        def finish(line: RequestLine = line, start: threading.Barrier = start, texts: list[str] = texts) -> None:
            start.wait()
            texts.append(line.text())

        threads = [threading.Thread(target=finish) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(texts) == 4
        assert len(set(texts)) == 1


def a_line(**said: Any) -> RequestLine:
    from msgspec import UNSET

    return RequestLine(1_700_000_000.25, "INFO", "midwatch.request", UNSET, "shop", path="/a", method="GET", **said)


@pytest.mark.parametrize("seconds", [1_700_000_000.0, 1_700_000_000.5, 1_700_000_000.123456])
def test_a_timestamp_always_has_microseconds(read_line: Any, seconds: float) -> None:
    line = a_line()
    line.timestamp = seconds
    assert read_line(line.text())["timestamp"] == f"2023-11-14T22:13:20.{round(seconds % 1 * 1e6):06}Z"
    assert read_line(line.text()) == read_line(line.text())


def test_a_line_that_another_thread_is_finishing_is_finished_all_the_same(read_line: Any) -> None:
    """All but its message is made already."""
    from msgspec import UNSET

    line, other = a_line(status=200, server="x:1"), a_line(status=200, server="x:1")
    line.finish().message = UNSET
    assert read_line(line.text()) == read_line(other.text())


def test_half_finished_is_not_finished() -> None:
    """Whoever sees the message sees every other field as it will be."""
    seen: list[Any] = []

    class Watching(str):
        __slots__ = ()

        def __getitem__(self, item: Any) -> str:
            seen.append((line.message, line.timestamp))
            return "cut"

    line = a_line(user_agent=Watching("x"))
    line.text()
    ((message, timestamp),) = seen
    assert type(message) is not str
    assert type(timestamp) is not float


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("hostile")

    __repr__ = __str__


@pytest.mark.parametrize("row", range(6))
def test_a_line_with_odd_values_is_valid(read_line: Any, row: int) -> None:
    """A framework may say its route in a string of its own kind; one odd line must not cost its batch."""
    rows: list[dict[str, Any]] = [
        {"route": Text("/a")},
        {"status": Number(200)},
        {"route": Hostile()},
        {"user_agent": "\ud800"},
        {"bytes_in": 10**5000},
        {"duration": float("nan")},
    ]
    line = read_line(a_line(**rows[row]).text())
    assert line["url.path"] == "/a"
    if row == 0:
        assert line["http.route"] == "/a"
    if row == 1:
        assert line["http.response.status_code"] == 200


def test_a_filter_of_the_logger_can_drop_it(door: Any, lines: Any) -> None:
    """And finds in the record what it decides by."""
    seen: list[str] = []

    def only_errors(record: logging.LogRecord) -> bool:
        seen.append(record.getMessage())
        return bool(record.__dict__["url.path"] != "/health")

    logging.getLogger("midwatch.request").addFilter(only_errors)
    app = door.watch(ScriptedApp(), RequestLog())
    door.call(app, path="/health")
    door.call(app, path="/orders")
    assert [line["url.path"] for line in lines.all] == ["/orders"]
    assert seen == ["GET /health 200", "GET /orders 200"]


def test_a_filter_of_the_handler_can_drop_it(door: Any, lines: Any) -> None:
    """What it lets through is still made by the worker."""
    lines.handler.addFilter(lambda record: record.levelno >= logging.ERROR)
    door.call(door.watch(ScriptedApp(), RequestLog()))
    door.call(door.watch(ScriptedApp(status=500), RequestLog()))
    assert [type(line) for line in lines.queued] == [RequestLine]
    assert lines.one["level"] == "ERROR"


def test_a_level_keeps_it_quiet(door: Any, lines: Any) -> None:
    logging.getLogger("midwatch.request").setLevel(logging.WARNING)
    try:
        app = door.watch(ScriptedApp(), RequestLog())
        door.call(app)
        door.call(door.watch(ScriptedApp(status=500), RequestLog()))
    finally:
        logging.getLogger("midwatch.request").setLevel(logging.NOTSET)
    assert [line["level"] for line in lines.all] == ["ERROR"]


def ready() -> ReadyRecord:
    return ReadyRecord("midwatch.request", logging.INFO, "INFO", 1_700_000_000.25, a_line(status=200))


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))],
    ids=["copy", "deep", "pickle"],
)
def test_a_copy_is_a_record_like_any_other(duplicate: Any, read_line: Any) -> None:
    """With everything that was in the first one."""
    from midwatch.logs import JsonFormatter

    copied = duplicate(ready())
    assert isinstance(copied, logging.LogRecord)
    assert copied.getMessage() == "GET /a 200"
    assert copied.created == 1_700_000_000.25
    assert copied.msecs == 250
    copied.msg = "changed"
    assert copied.getMessage() == "changed"
    line = read_line(JsonFormatter(SERVICE).format(duplicate(ready())))
    assert line["url.path"] == "/a"
    assert line["timestamp"] == "2023-11-14T22:13:20.250000Z"
    assert line["message"] == "GET /a 200"


def test_a_record_has_what_records_have() -> None:
    """And nothing that they have not, but the fields."""
    record = ready()
    plain = logging.LogRecord("x", 20, "", 0, "x", None, None)
    assert set(vars(plain)) <= set(vars(record))
    assert set(vars(record)) - set(vars(plain)) == set(record.fields) - {"message"} | {"message"}
    assert record.threadName == threading.current_thread().name
    with pytest.raises(AttributeError, match="nothing_like_it"):
        record.nothing_like_it  # noqa: B018
    assert ready().fields["url.path"] == "/a"
    record.tenant = "a"
    assert vars(record)["tenant"] == "a"


def test_a_queue_in_between(door: Any, lines: Any) -> None:
    """The standard way to log from a thread: nothing is lost but where the line was made."""
    between: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s %(url.path)s"))
    listener = logging.handlers.QueueListener(between, handler)
    logging.getLogger("midwatch").addHandler(logging.handlers.QueueHandler(between))
    listener.start()
    door.call(door.watch(ScriptedApp(), RequestLog()), path="/a")
    listener.stop()
    assert stream.getvalue() == "INFO GET /a 200 /a\n"
    assert lines.one["url.path"] == "/a"


def test_a_handler_that_raises_does_not_reach_the_client(door: Any) -> None:
    """It is counted against the moment, and the answer is whole."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("broken")

    logging.getLogger("midwatch.request").addHandler(Broken())
    logging.getLogger("midwatch").setLevel(logging.INFO)
    answer = door.call(door.watch(ScriptedApp(), RequestLog()))
    assert (answer.status, answer.body, answer.error) == (200, b"hello", None)
    assert failures.pop("RequestLog.on_finish") == 1


def test_the_last_lines_are_written_at_shutdown(tmp_path: Any) -> None:
    """A server that stops right after an answer has the line of it."""
    path = tmp_path / "lines"
    configure_logging(to=[f"file://{path}"], service=SERVICE, root=False)
    app = ASGIMiddleware(ScriptedApp().asgi, RequestLog(service=SERVICE))
    call_asgi(app)
    app.lifecycle.stop()
    assert path.read_text().count('"midwatch.request"') == 1
    assert flush()
