"""One line per unhandled exception, and an answer where nobody else gives one."""

from __future__ import annotations

import json
import logging
import secrets
from typing import Any

import pytest

from midwatch import verdict
from midwatch.errors import ErrorReport, fingerprint
from midwatch.exchange import current
from midwatch.frameworks import Framework
from midwatch.service import Service
from midwatch.testing import Answer, ScriptedApp, call_asgi, call_wsgi
from midwatch.tracing.server import Tracing


class Refused(Exception):
    """An application's own exception."""


def fail(error: BaseException) -> Any:
    def before() -> None:
        raise error

    return before


def test_an_exception_is_one_line_with_the_request_it_belongs_to(door: Any, lines: Any) -> None:
    """An exception is one line that names the service, the request, the group and the exception."""
    error = ValueError("no such size")
    report = ErrorReport(service=Service("orders", "1.4.2", "production"), clock=lambda: 1_700_000_000.25)
    app = door.watch(ScriptedApp(before=fail(error)), Tracing(), report)
    answer = door.call(app, "POST", "/orders/7", headers=[("host", "testserver"), ("x-request-id", "abc-1")])
    line = lines.one
    assert answer.error is error
    assert line["timestamp"] == "2023-11-14T22:13:20.250000Z"
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "midwatch.error", "ValueError: no such size")
    assert line["service.name"] == "orders"
    assert line["service.version"] == "1.4.2"
    assert line["deployment.environment.name"] == "production"
    assert len(line["trace_id"]) == 32
    assert len(line["span_id"]) == 16
    assert line["trace_flags"] == "03"
    assert line["request_id"] == "abc-1"
    assert (line["http.request.method"], line["url.path"]) == ("POST", "/orders/7")
    assert line["error.fingerprint"] == fingerprint(error)
    assert line["error.count"] == 1
    assert (line["exception.type"], line["exception.message"]) == ("ValueError", "no such size")
    assert line["exception.stacktrace"].startswith("Traceback (most recent call last):\n")
    assert line["exception.stacktrace"].endswith("    raise error\nValueError: no such size")
    innermost = line["exception.frames"][-1]
    assert innermost["function"] == "fail.<locals>.before"
    assert innermost["file"].endswith("tests/errors/test_report.py")
    assert innermost["in_app"] is True
    assert type(innermost["line"]) is int
    assert line["exception.frames"][0]["in_app"] is False
    assert "http.route" not in line
    assert "exception.chain" not in line
    assert "exception.group" not in line
    assert "exception.notes" not in line


def test_an_exception_in_the_middle_of_a_stream_is_one_line(door: Any, lines: Any) -> None:
    """An exception after the first chunk is reported, and the response is left as it was sent."""
    error = Refused("half way")
    answer = door.call(door.watch(ScriptedApp(chunks=(b"a", b"b"), error=error, error_after=1), ErrorReport()))
    assert answer.error is error
    assert (answer.status, answer.body) == (200, b"a")
    assert lines.one["exception.type"].endswith(".Refused")


def test_an_exception_of_a_background_task_is_one_line(lines: Any) -> None:
    """An exception after the last byte is reported."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await ScriptedApp().asgi(scope, receive, send)
        raise Refused("mail server down")

    from midwatch import ASGIMiddleware

    answer = call_asgi(ASGIMiddleware(app, ErrorReport()))
    assert (answer.status, answer.body) == (200, b"hello")
    assert lines.one["exception.message"] == "mail server down"


def test_an_answer_leaves_no_line(door: Any, lines: Any) -> None:
    """A response is no exception, whatever its status."""
    assert door.call(door.watch(ScriptedApp(status=404), ErrorReport())).status == 404
    assert lines.all == []


def test_a_client_that_leaves_is_no_error(door: Any, lines: Any) -> None:
    """The server's OSError for a client that left is not reported."""
    app = door.watch(ScriptedApp(chunks=(b"a", b"b", b"c")), ErrorReport())
    assert door.call(app, leave_after=1).body == b"a"
    assert lines.all == []


def test_causes_are_told_nearest_first(door: Any, lines: Any) -> None:
    """The chain names each cause with its relation, and the stack has their text first."""

    def before() -> None:
        try:
            try:
                {}["size"]  # type: ignore[index]
            except KeyError:
                int("seven")
        except ValueError as error:
            raise Refused("cannot order") from error

    door.call(door.watch(ScriptedApp(before=before), ErrorReport()))
    line = lines.one
    assert line["exception.chain"] == [
        {"type": "ValueError", "message": "invalid literal for int() with base 10: 'seven'", "relation": "cause"},
        {"type": "KeyError", "message": "'size'", "relation": "context"},
    ]
    text = line["exception.stacktrace"]
    places = [
        text.index(part)
        for part in ("KeyError: 'size'", "During handling", "ValueError: invalid", "direct cause", "Refused: cannot")
    ]
    assert places == sorted(places)


def test_a_group_is_told_with_its_members(door: Any, lines: Any) -> None:
    """The members of a group are nested, with notes and causes of their own."""
    noted = ValueError("one")
    noted.add_note("while pricing")
    caused = Refused("two")
    caused.__cause__ = KeyError("three")
    error = ExceptionGroup("several", [noted, ExceptionGroup("inner", [caused])])
    error.add_note("in checkout")
    door.call(door.watch(ScriptedApp(before=fail(error)), ErrorReport()))
    line = lines.one
    assert line["exception.type"] == "ExceptionGroup"
    assert line["exception.notes"] == ["in checkout"]
    group = line["exception.group"]
    assert group["count"] == 2
    first, second = group["members"]
    assert first == {"type": "ValueError", "message": "one", "notes": ["while pricing"]}
    assert (second["type"], second["group"]["count"]) == ("ExceptionGroup", 1)
    (inner,) = second["group"]["members"]
    assert inner["type"].endswith(".Refused")
    assert inner["chain"] == [{"type": "KeyError", "message": "'three'", "relation": "cause"}]
    text = line["exception.stacktrace"]
    assert "  | ValueError: one\n  | while pricing\n" in text
    assert "  |   | KeyError: 'three'\n" in text
    assert text.index("in checkout") < text.index("1 of 2") < text.index("2 of 2")


@pytest.mark.parametrize("kind", [ValueError, Refused])
def test_two_doors_around_one_application_leave_one_line(door: Any, lines: Any, kind: type[Exception]) -> None:
    """An exception that passes two doors is reported by the first that sees it."""
    error = kind("twice")
    inner = door.watch(ScriptedApp(before=fail(error)), ErrorReport())
    answer = door.call(door.watch(inner, ErrorReport()))
    assert answer.error is error
    assert lines.one["error.count"] == 1


@pytest.mark.parametrize("kind", [ValueError, Refused])
def test_an_application_called_in_process_leaves_one_line(door: Any, lines: Any, kind: type[Exception]) -> None:
    """An exception that goes through the exchange of another application, with plugins of its own, is one line."""
    from midwatch import WSGIMiddleware

    error = kind("from below")
    stock = WSGIMiddleware(ScriptedApp(before=fail(error)).wsgi, ErrorReport())

    def before() -> None:
        below = call_wsgi(stock, path="/stock").error
        assert below is not None
        raise below

    answer = door.call(door.watch(ScriptedApp(before=before), ErrorReport()), path="/shop")
    assert answer.error is error
    assert lines.one["url.path"] == "/stock"


def test_an_object_is_reported_once_in_one_exchange(door: Any, lines: Any) -> None:
    """A framework may note one exception, then another, then let the first out: two lines."""
    first, second = ValueError("first"), ValueError("second")

    def before() -> None:
        exchange = current()
        assert exchange is not None
        verdict.fail(exchange, first)
        verdict.fail(exchange, second)
        raise first

    door.call(door.watch(ScriptedApp(before=before), ErrorReport()))
    assert [line["exception.message"] for line in lines.all] == ["first", "second"]


def test_the_same_bug_counts_up(door: Any, lines: Any) -> None:
    """Two exceptions of one bug have one fingerprint and count 1, 2."""

    def before() -> None:
        raise Refused(secrets.token_hex())

    app = door.watch(ScriptedApp(before=before), ErrorReport())
    door.call(app)
    door.call(app)
    first, second = lines.all
    assert first["error.fingerprint"] == second["error.fingerprint"]
    assert [first["error.count"], second["error.count"]] == [1, 2]


def test_what_the_logger_does_not_want_is_counted_all_the_same(door: Any, lines: Any) -> None:
    """A logger that is silent for a while costs lines, not counts."""

    def before() -> None:
        raise Refused

    app = door.watch(ScriptedApp(before=before), ErrorReport())
    logger = logging.getLogger("midwatch.error")
    logger.setLevel(logging.CRITICAL)
    try:
        door.call(app)
    finally:
        logger.setLevel(logging.NOTSET)
    door.call(app)
    assert lines.one["error.count"] == 2
    assert lines.one["message"].endswith(".Refused")


def test_variables_never_leave(door: Any, lines: Any) -> None:
    """A secret in a local variable of any frame, of a cause or of a group's member is in no line."""
    canary = secrets.token_hex()

    def member(password: str) -> ValueError:
        try:
            raise ValueError(len(password))
        except ValueError as error:
            return error

    def before() -> None:
        card = {"number": canary}
        try:
            raise KeyError(len(card))
        except KeyError as error:
            raise ExceptionGroup("several", [member(canary), member(canary)]) from error

    door.call(door.watch(ScriptedApp(before=before), ErrorReport()))
    assert lines.one["exception.chain"][0]["type"] == "KeyError"
    assert canary not in lines.texts[0]
    assert canary not in logging.Formatter().format(lines.records[0])


def test_a_plain_formatter_shows_the_stack(door: Any, lines: Any) -> None:
    """A text handler writes one line for the message, then the stack; nothing keeps the exception alive."""
    door.call(door.watch(ScriptedApp(before=fail(ValueError("bad\r\nINFO all is well"))), ErrorReport()))
    (record,) = lines.records
    head, stack, *_ = logging.Formatter().format(record).split("\n")
    assert head == "ValueError: bad\\x0d\\nINFO all is well"
    assert stack == "Traceback (most recent call last):"
    assert record.exc_info is None


def asked(door: Any, app: Any, **options: Any) -> Answer:
    answer: Answer = door.call(app, headers=[("host", "testserver"), ("x-request-id", "abc-1")], **options)
    return answer


def test_a_bare_application_that_raised_is_answered_for(door: Any, lines: Any) -> None:
    """The client gets problem details with the request id and no detail; the exception still leaves."""
    error = ValueError("the password is swordfish")
    answer = asked(door, door.watch(ScriptedApp(before=fail(error)), Tracing(), ErrorReport()))
    assert answer.error is error
    assert answer.status == 500
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-request-id") == "abc-1"
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "request_id": "abc-1",
        "trace_id": lines.one["trace_id"],
    }


def test_without_tracing_the_answer_has_no_ids(door: Any) -> None:
    """What is unknown is left out of the answer."""
    answer = door.call(door.watch(ScriptedApp(before=fail(ValueError())), ErrorReport()))
    assert sorted(json.loads(answer.body)) == ["status", "title", "type"]


def test_an_exception_that_is_kept_and_raised_again(door: Any, lines: Any) -> None:
    """An object that is raised again in another request is another error, and answered for."""
    app = door.watch(ScriptedApp(before=fail(ValueError("kept"))), ErrorReport())
    assert [door.call(app).status, door.call(app).status] == [500, 500]
    assert [line["error.count"] for line in lines.all] == [1, 2]


def test_respond_server_leaves_the_answer_to_the_server(door: Any, lines: Any) -> None:
    """With respond="server" nothing is answered, and the exception is reported."""
    answer = door.call(door.watch(ScriptedApp(before=fail(ValueError())), ErrorReport(respond="server")))
    assert answer.status is None
    assert isinstance(answer.error, ValueError)
    assert len(lines.all) == 1


def test_a_framework_answers_by_itself(door: Any, lines: Any) -> None:
    """Where a framework answers for exceptions, Midwatch does not."""

    class Answers(Framework):
        answers = True

        def route(self, native: Any) -> str | None:
            return "/orders/{id}"

    app = door.watch(ScriptedApp(before=fail(ValueError())), ErrorReport(), framework=Answers())
    assert door.call(app).status is None
    assert lines.one["http.route"] == "/orders/{id}"


def test_respond_is_checked() -> None:
    """A wrong value stops the start."""
    with pytest.raises(ValueError, match="respond: 'client' is none of framework, problem"):
        ErrorReport(respond="client")


def test_a_log_handler_that_raises_costs_the_client_nothing(door: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The client is answered, the application's exception leaves, and the failure is told."""
    error = ValueError("the bug")

    def broken(record: logging.LogRecord) -> bool:
        raise RuntimeError("disk full")

    logger = logging.getLogger("midwatch.error")
    logger.addFilter(broken)
    try:
        answer = door.call(door.watch(ScriptedApp(before=fail(error)), ErrorReport()))
    finally:
        logger.removeFilter(broken)
    assert (answer.status, answer.error) == (500, error)
    from midwatch.plugin import failures

    assert failures["LogLine.take"] > 0


def test_which_files_are_the_applications_can_be_told(door: Any, lines: Any) -> None:
    """With in_app given, it decides."""
    door.call(door.watch(ScriptedApp(error=ValueError()), ErrorReport(in_app=lambda file: file.endswith("parts.py"))))
    own = {frame["file"] for frame in lines.one["exception.frames"] if frame["in_app"]}
    assert own == {"midwatch/testing/parts.py"}
