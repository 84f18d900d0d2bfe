"""The standard variables of tracing: good, bad and hostile; the dict wins over them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch import install
from midwatch.settings import Settings, load
from midwatch.settings.environment import VARIABLES
from midwatch.settings.loading import in_force
from midwatch.settings.tracing import FORMATS, SampleSettings, TraceSettings
from midwatch.testing import Recorder, call_asgi, call_wsgi
from midwatch.tracing.policy import policy

if TYPE_CHECKING:
    from midwatch.plugin import Plugin

Environment = dict[str, str]
PREFIX = "OTEL_EXPORTER_OTLP_"
CAPTURE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`told(variables)`: what `trace` is by them, and by no dict."""

    def told(variables: Environment, given: dict[str, Any] | None = None) -> TraceSettings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        trace = load({"trace": given} if given is not None else None).trace
        assert trace is not None
        return trace

    return told


@pytest.mark.parametrize(
    ("variables", "setting", "expected"),
    [
        ({"OTEL_PROPAGATORS": "b3"}, "accept", ("b3",)),
        ({"OTEL_PROPAGATORS": " tracecontext , baggage,,xray "}, "send", ("tracecontext", "baggage", "xray")),
        ({"OTEL_PROPAGATORS": ",".join(FORMATS)}, "accept", FORMATS),
        ({"OTEL_PROPAGATORS": "none"}, "accept", ()),
        ({"OTEL_PROPAGATORS": "none"}, "send", ()),
        ({"OTEL_PROPAGATORS": ""}, "accept", ("tracecontext", "baggage")),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, "sample", SampleSettings(parent=False)),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "sample", SampleSettings(ratio=0.0, parent=False)),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_on"}, "sample", SampleSettings()),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, "sample", SampleSettings(ratio=0.0)),
        ({"OTEL_TRACES_SAMPLER": " ParentBased_TraceIdRatio ", "OTEL_TRACES_SAMPLER_ARG": " 0.25 "}, "sample",
         SampleSettings(ratio=0.25)),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, "sample",
         SampleSettings(ratio=0.0, parent=False)),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, "sample", SampleSettings(ratio=1.0, parent=False)),
        ({"OTEL_TRACES_SAMPLER_ARG": "0.5"}, "sample", SampleSettings()),
        ({f"{PREFIX}ENDPOINT": "http://collector:4318"}, "to", ("otlp://collector:4318",)),
        ({f"{PREFIX}ENDPOINT": "https://u:p@collector:1/base/"}, "to", ("otlps://u:p@collector:1/base/",)),
        ({f"{PREFIX}ENDPOINT": "http://collector"}, "to", ("otlp://collector:80",)),
        ({f"{PREFIX}ENDPOINT": "https://[::1]"}, "to", ("otlps://[::1]:443",)),
        ({f"{PREFIX}ENDPOINT": "http://general:1", f"{PREFIX}TRACES_ENDPOINT": "http://traces:2/whole"}, "to",
         ("otlp://traces:2/whole?exact=1",)),
        ({f"{PREFIX}TRACES_ENDPOINT": "https://traces"}, "to", ("otlps://traces:443?exact=1",)),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "to", ("otlp://localhost:4318",)),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "to", ("zipkin://localhost:9411/api/v2/spans",)),
        ({"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_ZIPKIN_ENDPOINT": "https://z/api/v2/spans"}, "to",
         ("zipkins://z:443/api/v2/spans",)),
        ({"OTEL_TRACES_EXPORTER": "console, otlp,otlp"}, "to", ("console", "otlp://localhost:4318")),
        ({"OTEL_TRACES_EXPORTER": "none"}, "to", ()),
        ({"OTEL_TRACES_EXPORTER": "none", f"{PREFIX}ENDPOINT": "http://c:4318"}, "to", ()),
        ({"OTEL_EXPORTER_ZIPKIN_ENDPOINT": "http://z"}, "to", ()),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "health, /metrics$"}, "exclude", ("health", "/metrics$")),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "a", "OTEL_PYTHON_FLASK_EXCLUDED_URLS": "b,(?i)c"}, "exclude",
         ("a", "b", "(?i)c")),
        ({"OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "a", "OTEL_PYTHON_STARLETTE_EXCLUDED_URLS": "b",
          "OTEL_PYTHON_DJANGO_EXCLUDED_URLS": "c"}, "exclude", ("a", "b", "c")),
        ({f"{CAPTURE}SERVER_REQUEST": "X-Tenant, accept"}, "request_headers", ("x-tenant", "accept")),
        ({f"{CAPTURE}SERVER_RESPONSE": "Content-Type"}, "response_headers", ("content-type",)),
        ({f"{CAPTURE}SANITIZE_FIELDS": ".*session.*,set-cookie"}, "sanitize_headers", (".*session.*", "set-cookie")),
    ],
)  # fmt: skip
def test_what_a_variable_sets(
    told: Any, caplog: pytest.LogCaptureFixture, variables: Environment, setting: str, expected: Any
) -> None:
    assert getattr(told(variables), setting) == expected
    assert caplog.records == []


@pytest.mark.parametrize(
    ("variables", "setting", "expected", "named", "words"),
    [
        ({"OTEL_PROPAGATORS": "b3,w3c"}, "accept", ("b3",), "OTEL_PROPAGATORS", "w3c is ignored; known are"),
        ({"OTEL_PROPAGATORS": "w3c"}, "accept", ("tracecontext", "baggage"), "OTEL_PROPAGATORS", "w3c is ignored"),
        ({"OTEL_PROPAGATORS": "B3"}, "accept", ("tracecontext", "baggage"), "OTEL_PROPAGATORS", "B3 is ignored"),
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote"}, "sample", SampleSettings(), "OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ({"OTEL_TRACES_SAMPLER": "parentbased_"}, "sample", SampleSettings(), "OTEL_TRACES_SAMPLER", "is ignored"),
        *[
            ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": text}, "sample",
             SampleSettings(ratio=1.0), "OTEL_TRACES_SAMPLER_ARG", "no number from 0 to 1")
            for text in ("1.1", "-0.1", "nan", "inf", "10%", "0,1", "x" * 10_000)
        ],
        ({f"{PREFIX}ENDPOINT": "collector:4318"}, "to", (), f"{PREFIX}ENDPOINT", "no http:// or https:// URL"),
        ({f"{PREFIX}ENDPOINT": "ftp://collector"}, "to", (), f"{PREFIX}ENDPOINT", "no http:// or https:// URL"),
        ({f"{PREFIX}ENDPOINT": "http://"}, "to", (), f"{PREFIX}ENDPOINT", "no such host"),
        ({f"{PREFIX}ENDPOINT": "http://c:0"}, "to", (), f"{PREFIX}ENDPOINT", "no http:// or https:// URL"),
        ({f"{PREFIX}ENDPOINT": "http://c:99999"}, "to", (), f"{PREFIX}ENDPOINT", "no http:// or https:// URL"),
        ({f"{PREFIX}ENDPOINT": "http://[c"}, "to", (), f"{PREFIX}ENDPOINT", "no http:// or https:// URL"),
        ({f"{PREFIX}ENDPOINT": "http://a b:1"}, "to", (), f"{PREFIX}ENDPOINT", "no such host"),
        ({f"{PREFIX}ENDPOINT": "http://c:1?key=hunter2"}, "to", ("otlp://c:1",), f"{PREFIX}ENDPOINT", "after its path"),
        ({f"{PREFIX}TRACES_ENDPOINT": "nowhere", f"{PREFIX}ENDPOINT": "http://c:1"}, "to", (),
         f"{PREFIX}TRACES_ENDPOINT", "is ignored"),
        ({f"{PREFIX}ENDPOINT": "http://c:1", f"{PREFIX}PROTOCOL": "grpc"}, "to", ("otlp://c:1",), f"{PREFIX}PROTOCOL",
         "grpc is not spoken"),
        ({f"{PREFIX}ENDPOINT": "http://c:1", f"{PREFIX}TRACES_PROTOCOL": "thrift"}, "to", ("otlp://c:1",),
         f"{PREFIX}TRACES_PROTOCOL", "thrift is not spoken"),
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "to", (), "OTEL_TRACES_EXPORTER", "jaeger is ignored; known are"),
        ({"OTEL_TRACES_EXPORTER": "console,x"}, "to", ("console",), "OTEL_TRACES_EXPORTER", "x is ignored"),
        ({"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_ZIPKIN_ENDPOINT": "zipkin:9411"}, "to", (),
         "OTEL_EXPORTER_ZIPKIN_ENDPOINT", "no http:// or https:// URL"),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "[,ok"}, "exclude", ("ok",), "OTEL_PYTHON_EXCLUDED_URLS", "[ is ignored"),
        ({"OTEL_PYTHON_FLASK_EXCLUDED_URLS": "(" * 5000}, "exclude", (), "OTEL_PYTHON_FLASK_EXCLUDED_URLS", "ignored"),
        ({f"{CAPTURE}SERVER_REQUEST": "X-.*,x-a"}, "request_headers", ("x-a",), f"{CAPTURE}SERVER_REQUEST", "no name"),
        ({f"{CAPTURE}SERVER_RESPONSE": "a b"}, "response_headers", (), f"{CAPTURE}SERVER_RESPONSE", "no name"),
        ({f"{CAPTURE}SANITIZE_FIELDS": "*"}, "sanitize_headers", (), f"{CAPTURE}SANITIZE_FIELDS", "is ignored"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(
    told: Any,
    caplog: pytest.LogCaptureFixture,
    variables: Environment,
    setting: str,
    expected: Any,
    named: str,
    words: str,
) -> None:
    """A warning names the variable, and the rest counts; nothing secret is repeated."""
    assert getattr(told(variables), setting) == expected
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(named)
    assert words in line.replace("what follows its path", "after its path")
    assert len(line) < 300
    assert "hunter2" not in line
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_the_dict_wins(told: Any) -> None:
    """Setting by setting, also with what means nothing at all."""
    variables = {
        "OTEL_PROPAGATORS": "b3",
        "OTEL_TRACES_SAMPLER": "traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.5",
        f"{PREFIX}ENDPOINT": "http://collector:4318",
        "OTEL_PYTHON_EXCLUDED_URLS": "/health",
        f"{CAPTURE}SERVER_REQUEST": "x-a",
    }
    trace = told(
        variables, {"accept": ["xray"], "sample": {"ratio": 0.1}, "to": [], "exclude": [], "request_headers": ["x-b"]}
    )
    assert (trace.accept, trace.send) == (("xray",), ("b3",))
    assert trace.sample == SampleSettings(ratio=0.1, parent=False)
    assert (trace.to, trace.exclude, trace.request_headers) == ((), (), ("x-b",))
    trace = told({}, {"to": None, "sample": {"keep_errors": True}})
    assert trace.to == ("otlp://collector:4318",)
    assert trace.sample == SampleSettings(ratio=0.5, parent=False, keep_errors=True)


def test_what_is_off_stays_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the dict, or by the variable for it; that one gives way to a dict that says anything."""
    monkeypatch.setenv(f"{PREFIX}ENDPOINT", "http://collector:4318")
    assert load({"trace": False}).trace is None
    for text, off in (("true", True), (" TRUE ", True), ("1", False), ("yes", False), ("false", False), ("", False)):
        monkeypatch.setenv("OTEL_SDK_DISABLED", text)
        assert (load(None).trace is None) is off
        assert load({"trace": {}}).trace is not None


def test_where_each_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """`midwatch check` tells the variable."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    monkeypatch.setenv(f"{PREFIX}TRACES_ENDPOINT", "http://u:hunter2@c:1/x")
    monkeypatch.setenv("OTEL_PYTHON_FLASK_EXCLUDED_URLS", "a")
    origins = {setting.path: setting for setting in in_force(load(None), None)}
    assert origins["trace.sample.ratio"][1:] == (0.5, "OTEL_TRACES_SAMPLER_ARG")
    assert origins["trace.sample.parent"][1:] == (False, "OTEL_TRACES_SAMPLER")
    assert origins["trace.to"][1:] == (["otlp://***@c:1/x?exact=***"], f"{PREFIX}TRACES_ENDPOINT")
    assert origins["trace.exclude"][1:] == (["a"], "OTEL_PYTHON_FLASK_EXCLUDED_URLS")
    assert origins["trace.messages"][1:] == (False, "default")


# Anything

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
pieces = st.lists(
    st.sampled_from(["otlp", "zipkin", "console", "b3", ",", "http://", "https://", "c", ":", "4318", "/", "?", "#",
                     "@", "[", "]", "=", "%0a", " ", "parentbased_", "traceidratio", "0.5", "\n", "(", "*", "x-a"]),
    max_size=8,
).map("".join)  # fmt: skip
known = [name for name in VARIABLES if name.startswith("OTEL_") and "LIMIT" not in name]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(known), texts | pieces, max_size=5))
def test_any_value(caplog: pytest.LogCaptureFixture, variables: Environment) -> None:
    """Nothing that a variable may hold stops the start."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        caplog.clear()
        loaded = load(None)
        assert isinstance(loaded, Settings)
        in_force(loaded, None)
        install(wsgi, {"log": {"to": ["stderr"]}, "trace": {"global": False}})
        assert all(len(record.getMessage()) < 1000 for record in caplog.records)


# Through the door


def wsgi(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("content-type", "text/plain"), ("x-answer", "42")])
    return [b"hello"]


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-answer", b"42")]})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture(params=["asgi", "wsgi"])
def serve(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One request to an application that is installed with these variables."""
    app, call = (asgi, call_asgi) if request.param == "asgi" else (wsgi, call_wsgi)

    def serve(variables: Environment, *headers: tuple[str, str], path: str = "/orders") -> tuple[Any, Any]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        recorder = Recorder()
        spans: list[Any] = []
        plugins: list[Plugin] = [recorder]
        trace = {"to": [spans.append], "global": False}
        installed = install(app, {"trace": trace, "log": {"to": ["stderr"]}, "plugins": plugins})
        assert call(installed, path=path, headers=[("host", "h"), *headers]).status == 200
        # A machine that is busy makes background work of what follows the last byte.
        return recorder.exchange, [span for span in spans if span.name != "background"]

    return serve


B3 = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"


def test_formats_are_used(serve: Any) -> None:
    exchange, _ = serve({"OTEL_PROPAGATORS": "b3multi"}, ("b3", f"{B3}-1"))
    assert exchange.trace_id == B3[:32]
    assert [one.name for one in policy.send] == ["b3multi"]
    exchange, _ = serve({"OTEL_PROPAGATORS": "none"}, ("b3", f"{B3}-1"))
    assert exchange.trace_id != B3[:32]
    assert policy.send == ()


@pytest.mark.parametrize(
    ("sampler", "argument", "caller", "kept"),
    [
        ("always_off", "", "1", 0),
        ("always_on", "", "0", 1),
        ("parentbased_always_off", "", "1", 1),
        ("parentbased_always_on", "", "0", 0),
        ("parentbased_traceidratio", "0", "", 0),
        ("parentbased_traceidratio", "1", "", 1),
        ("parentbased_traceidratio", "0", "1", 1),
        ("traceidratio", "0", "1", 0),
        ("traceidratio", "nonsense", "0", 1),
    ],
)
def test_the_sampler_is_used(serve: Any, sampler: str, argument: str, caller: str, kept: int) -> None:
    variables = {"OTEL_PROPAGATORS": "b3", "OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    exchange, spans = serve(variables, ("b3", f"{B3}-{caller}".rstrip("-")))
    assert (exchange.trace_flags & 1, len(spans)) == (kept, kept)
    assert exchange.trace_id == B3[:32]


def test_exclusions_are_used(serve: Any) -> None:
    variables = {"OTEL_PYTHON_EXCLUDED_URLS": "(?i)HEALTH,[,client/.*/info", "OTEL_PYTHON_FLASK_EXCLUDED_URLS": "x$"}
    for path, kept in (("/health/live", 0), ("/client/7/info", 0), ("/x", 0), ("/xy", 1)):
        assert len(serve(variables, path=path)[1]) == kept


def test_headers_are_used(serve: Any) -> None:
    variables = {
        f"{CAPTURE}SERVER_REQUEST": "X-A,x-b,x-.*",
        f"{CAPTURE}SERVER_RESPONSE": "X-Answer",
        f"{CAPTURE}SANITIZE_FIELDS": "B$,[",
    }
    _, (span,) = serve(variables, ("x-a", "1"), ("x-b", "2"), ("x-c", "3"))
    assert {name: value for name, value in span.attributes.items() if ".header." in name} == {
        "http.request.header.x-a": ["1"],
        "http.request.header.x-b": ["[REDACTED]"],
        "http.response.header.x-answer": ["42"],
    }


def test_disabled_is_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    recorder = Recorder()
    call_wsgi(install(wsgi, {"log": {"to": ["stderr"]}, "plugins": [recorder]}))
    assert (recorder.exchange.span, recorder.exchange.trace_id) == (None, None)


SENDS = """
import gzip, json, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
import os
import midwatch
from midwatch.testing import call_wsgi
from midwatch.tracing import sequel

sequel.WORTH = 3600.0  # However slow this machine is, nothing goes on after the answer.

class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers["content-encoding"] == "gzip":
            body = gzip.decompress(body)
        spans = [s for r in json.loads(body)["resourceSpans"] for s in r["scopeSpans"]]
        names = self.headers["x-key"], self.headers["x-other"], self.headers["content-encoding"]
        print(self.path, *names, sum(len(s["spans"]) for s in spans), flush=True)
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *args): ...

collector = HTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=collector.serve_forever, daemon=True).start()
for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
    if name in os.environ:
        os.environ[name] = os.environ[name].replace("PORT", str(collector.server_port))

def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return []

installed = midwatch.install(app, {"log": {"to": ["stderr"], "level": "WARNING", "root": False}})
for _ in range(5):
    call_wsgi(installed)
assert midwatch.flush(20)
"""
GATHER = {"OTEL_BSP_SCHEDULE_DELAY": "60000"}
BASE = {f"{PREFIX}ENDPOINT": "http://127.0.0.1:PORT"}


@pytest.mark.parametrize(
    ("variables", "printed", "warned"),
    [
        (BASE, ["/v1/traces None None None 5"], []),
        ({f"{PREFIX}ENDPOINT": "http://127.0.0.1:PORT/base/"}, ["/base/v1/traces None None None 5"], []),
        ({f"{PREFIX}TRACES_ENDPOINT": "http://127.0.0.1:PORT"}, ["/ None None None 5"], []),
        ({f"{PREFIX}TRACES_ENDPOINT": "http://127.0.0.1:PORT/whole"}, ["/whole None None None 5"], []),
        ({**BASE, f"{PREFIX}HEADERS": "x-key=a%20b, X-Other = c"}, ["/v1/traces a b c None 5"], []),
        ({**BASE, f"{PREFIX}HEADERS": "x-key=a", f"{PREFIX}TRACES_HEADERS": "x-other=c"},
         ["/v1/traces None c None 5"], []),
        ({**BASE, f"{PREFIX}COMPRESSION": "gzip"}, ["/v1/traces None None gzip 5"], []),
        ({**BASE, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2"},
         ["/v1/traces None None None 2", "/v1/traces None None None 2", "/v1/traces None None None 1"], []),
        ({**BASE, f"{PREFIX}HEADERS": "x-key", f"{PREFIX}TIMEOUT": "soon", f"{PREFIX}COMPRESSION": "zip",
          "OTEL_BSP_MAX_QUEUE_SIZE": "-1", "OTEL_BSP_SCHEDULE_DELAY": "x", "OTEL_BSP_EXPORT_TIMEOUT": "",
          "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1e3"},
         ["/v1/traces None None None 5"],
         [f"{PREFIX}HEADERS", f"{PREFIX}TIMEOUT", f"{PREFIX}COMPRESSION", "OTEL_BSP_MAX_QUEUE_SIZE",
          "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"]),
    ],
)  # fmt: skip
def test_what_is_sent(variables: Environment, printed: list[str], warned: list[str]) -> None:
    """To a collector that really listens, as the variables say; what means nothing is told and does not count."""
    environment = {**os.environ, **GATHER, **variables}
    command = [sys.executable, "-c", SENDS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == printed
    lines = [line for line in done.stderr.splitlines() if "midwatch.request" not in line]
    assert [name for name in warned if any(name in line for line in lines)] == warned
    assert bool(lines) is bool(warned), lines


LIMITS = """
from midwatch.testing import ScriptedApp, call_wsgi
from midwatch import WSGIMiddleware
from midwatch.tracing import Tracing
from opentelemetry.trace import get_current_span
import midwatch
spans = []
def before():
    with midwatch.span("work") as span:
        for number in range(200):
            span.set_attribute(f"a{number}", "x" * 100)
            span.add_event("e")
            span.add_link(midwatch.current().span.get_span_context())
        try:
            with midwatch.span("inner"):
                raise KeyError("x")
        except KeyError:
            pass
call_wsgi(WSGIMiddleware(ScriptedApp(before=before).wsgi, Tracing(to=[spans.append])))
inner, span, server = spans
print(len(span.attributes), len(span.events), len(span.links), len(span.attributes["a0"]), len(inner.events))
"""


@pytest.mark.parametrize(
    ("variables", "printed", "warned"),
    [
        ({}, "128 128 128 100 1", ""),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "5", "OTEL_SPAN_EVENT_COUNT_LIMIT": "6",
          "OTEL_SPAN_LINK_COUNT_LIMIT": "7", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "8"}, "5 6 7 8 1", ""),
        ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "9"}, "9 128 128 100 1", ""),
        ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "9", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "4"}, "4 128 128 100 1", ""),
        ({"OTEL_SPAN_EVENT_COUNT_LIMIT": "-1"}, "128 128 128 100 1", "OTEL_SPAN_EVENT_COUNT_LIMIT"),
        ({"OTEL_SPAN_LINK_COUNT_LIMIT": "many"}, "128 128 128 100 1", "OTEL_SPAN_LINK_COUNT_LIMIT"),
        ({"OTEL_SPAN_EVENT_COUNT_LIMIT": "9" * 50}, "128 128 128 100 1", "OTEL_SPAN_EVENT_COUNT_LIMIT"),
        ({"OTEL_SPAN_EVENT_COUNT_LIMIT": "0"}, "128 0 128 100 0", ""),
        ({"OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "logs"}, "128 128 128 100 0", ""),
        ({"OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "logs/dup"}, "128 128 128 100 1", ""),
        ({"OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "nonsense"}, "128 128 128 100 1", ""),
    ],
)  # fmt: skip
def test_what_is_read_once(variables: Environment, printed: str, warned: str) -> None:
    """The limits of spans, and whether exceptions are events, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITS],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == printed
    assert warned in done.stderr
    assert bool(warned) is bool(done.stderr)
