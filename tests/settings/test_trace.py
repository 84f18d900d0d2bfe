"""The section `trace`: what it takes, what it refuses and how it says so, and that it is really used."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace.export import ConsoleSpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from midwatch import install
from midwatch.cli import main
from midwatch.settings import SettingsError, load
from midwatch.settings.loading import in_force
from midwatch.settings.section import fields_of
from midwatch.settings.tracing import FORMATS, SampleSettings, TraceSettings
from midwatch.testing import Recorder, call_wsgi
from midwatch.tracing import Tracing, formats
from midwatch.tracing.arrival import formats_of

if TYPE_CHECKING:
    from midwatch.plugin import Plugin

exporter = InMemorySpanExporter()

PLACE = (
    'expected "otlp://host:4318", "zipkin://host:9411", "file:///path", "console", "memory", a callable or a'
    " SpanExporter, got "
)


async def asynchronous(exchange: object) -> bool:
    return True


class Awaitable:
    async def __call__(self, exchange: object) -> bool:
        return True


class Untold:
    def __getattr__(self, name: str) -> Any:
        raise OSError("gone")


class Half:
    def export(self, spans: Any) -> None: ...


def loaded(trace: dict[str, Any]) -> TraceSettings:
    settings = load({"trace": trace, "trusted_proxies": ["10.0.0.0/8"]})
    assert settings.trace is not None
    return settings.trace


def test_the_defaults() -> None:
    """Everything is kept, everybody is trusted, and nothing is sent anywhere."""
    trace = loaded({})
    assert trace == loaded(dict.fromkeys(fields_of(TraceSettings))) == TraceSettings()
    assert trace.sample == loaded({"sample": {}}).sample == SampleSettings()
    assert (trace.to, trace.trust, trace.accept, trace.send) == (
        (),
        "always",
        trace.accept,
        ("tracecontext", "baggage"),
    )
    assert trace.global_ is True


def test_formats_are_all_of_them() -> None:
    """They are spelled out, to be had without what they stand for."""
    assert tuple(formats.FORMATS) == FORMATS
    assert [one.name for one in formats_of(loaded({"accept": list(FORMATS)}).accept)] == list(FORMATS)


@pytest.mark.parametrize(
    ("trace", "name", "value"),
    [
        ({"to": ["otlp://collector"]}, "to", ("otlp://collector",)),
        ({"to": ["otlps://u:p@c:1/x?timeout=5&compression=gzip&header.authorization=Bearer%20x"]}, "to",
         ("otlps://u:p@c:1/x?timeout=5&compression=gzip&header.authorization=Bearer%20x",)),
        ({"to": ["otlp://c:1/x?exact=1", "zipkin://z", "zipkins://z:1/p", "console", "memory"]}, "to",
         ("otlp://c:1/x?exact=1", "zipkin://z", "zipkins://z:1/p", "console", "memory")),
        ({"to": ("file:///tmp/a.jsonl", print)}, "to", ("file:///tmp/a.jsonl", print)),
        ({"to": [exporter]}, "to", (exporter,)),
        ({"to": []}, "to", ()),
        ({"accept": []}, "accept", ()),
        ({"send": ["b3", "xray"]}, "send", ("b3", "xray")),
        ({"trust": "proxies"}, "trust", "proxies"),
        ({"trust": print}, "trust", print),
        ({"trust": "operator:truth"}, "trust", __import__("operator").truth),
        ({"exclude": ["(?i)/health", r"(a)\1", "(?P<x>a)", "(?P<x>b)"]}, "exclude",
         ("(?i)/health", r"(a)\1", "(?P<x>a)", "(?P<x>b)")),
        ({"propagate_to": ["*", ".Example.org", "api", "10.0.0.1", "[::1]"]}, "propagate_to",
         ("*", ".example.org", "api", "10.0.0.1", "[::1]")),
        ({"request_headers": ["X-Tenant"]}, "request_headers", ("x-tenant",)),
        ({"response_headers": ["Content-Type"]}, "response_headers", ("content-type",)),
        ({"sanitize_headers": ["x-.*"]}, "sanitize_headers", ("x-.*",)),
        ({"messages": True}, "messages", True),
        ({"operations": True}, "operations", True),
        ({"global": False}, "global_", False),
        ({"request_id": False}, "request_id", None),
        ({"sample": {"ratio": 1}}, "sample", SampleSettings(ratio=1.0)),
        ({"sample": {"ratio": 0, "parent": False}}, "sample", SampleSettings(ratio=0.0, parent=False)),
        ({"sample": {"routes": {"/": 0.5, "GET /a/{b}": 1, "POST  /x*": 0, "/<int:a>": 0.1}}}, "sample",
         SampleSettings(routes={"/": 0.5, "GET /a/{b}": 1.0, "POST  /x*": 0.0, "/<int:a>": 0.1})),
        ({"sample": {"per_second": 0.5}}, "sample", SampleSettings(per_second=0.5)),
        ({"sample": {"keep_errors": True, "keep_slower_than": 1}}, "sample",
         SampleSettings(keep_errors=True, keep_slower_than=1.0)),
    ],
)  # fmt: skip
def test_accepted(trace: dict[str, Any], name: str, value: Any) -> None:
    """Typed, and taken by what is made of it."""
    assert getattr(loaded(trace), name) == value
    if "to" not in trace:
        install(lambda environ, start_response: [], {"trace": {"global": False, **trace}, "log": {"to": ["stderr"]},
                                                     "trusted_proxies": ["10.0.0.0/8"]})  # fmt: skip


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ({"too": []}, ('too: unknown setting, did you mean "to"? known: accept, exclude, global, messages, operations,'
         " propagate_to, request_headers, request_id, response_headers, sample, sanitize_headers, send, to, trust")),
        ({"global_": True}, ('global_: unknown setting, did you mean "global"? known: accept, exclude, global,'
         " messages, operations, propagate_to, request_headers, request_id, response_headers, sample, sanitize_headers,"
         " send, to, trust")),
        ({"sample": {"rate": 0.1}}, ('sample.rate: unknown setting, did you mean "ratio"? known: keep_errors,'
         " keep_slower_than, parent, per_second, ratio, routes")),
        ({"sample": 0.1}, "sample: expected a dict of settings, got 0.1"),
        ({"sample": False}, "sample: expected a dict of settings, got False"),
        ({"sample": {"ratio": 10}}, "sample.ratio: expected a share from 0 to 1, got 10, did you mean 0.1?"),
        ({"sample": {"ratio": 2.5}}, "sample.ratio: expected a share from 0 to 1, got 2.5, did you mean 0.025?"),
        ({"sample": {"ratio": -1}}, "sample.ratio: expected a share from 0 to 1, got -1"),
        ({"sample": {"ratio": "0.1"}}, 'sample.ratio: expected a share from 0 to 1, got "0.1"'),
        ({"sample": {"ratio": True}}, "sample.ratio: expected a share from 0 to 1, got True"),
        ({"sample": {"ratio": float("nan")}}, "sample.ratio: expected a share from 0 to 1, got nan"),
        ({"sample": {"ratio": 10**400}}, "sample.ratio: expected a share from 0 to 1, got <a huge int>"),
        ({"sample": {"routes": ["/"]}}, "sample.routes: expected a dict of shares by route, got [...]"),
        ({"sample": {"routes": {"POST /orders/{id}": 5}}},
         'sample.routes["POST /orders/{id}"]: expected a share from 0 to 1, got 5, did you mean 0.05?'),
        ({"sample": {"routes": {"orders": 1}}}, ('sample.routes.orders: expected a route such as "POST /orders/{id}",'
         ' "/orders/{id}" or "/static/*", did you mean "/orders"?')),
        ({"sample": {"routes": {"a b c": 1}}}, ('sample.routes["a b c"]: expected a route such as "POST /orders/{id}",'
         ' "/orders/{id}" or "/static/*"')),
        ({"sample": {"routes": {"post /orders": 1}}}, ('sample.routes["post /orders"]: expected a route such as'
         ' "POST /orders/{id}", "/orders/{id}" or "/static/*", did you mean "POST /orders"?')),
        ({"sample": {"routes": {5: 1}}}, ('sample.routes[5]: expected a route such as "POST /orders/{id}",'
         ' "/orders/{id}" or "/static/*"')),
        ({"sample": {"per_second": 0}}, "sample.per_second: expected a number above 0, got 0"),
        ({"sample": {"per_second": float("inf")}}, "sample.per_second: expected a number above 0, got inf"),
        ({"sample": {"keep_errors": 1}}, "sample.keep_errors: expected True or False, got 1"),
        ({"sample": {"keep_slower_than": 5000}}, ("sample.keep_slower_than: expected a number of seconds above 0, up to"
         " 3600, got 5000, it is in seconds, not milliseconds")),
        ({"to": "memory"}, ('to: expected a list of URLs, "console", "memory", callables or SpanExporter objects, got'
         ' "memory", write ["memory"]')),
        ({"to": ["stdout"]}, f'to[0]: {PLACE}"stdout"'),
        ({"to": ["consol"]}, f'to[0]: {PLACE}"consol", did you mean "console"?'),
        ({"to": ["OTLP://c:4318"]}, f'to[0]: {PLACE}"OTLP://c:4318", did you mean "otlp://c:4318"?'),
        ({"to": ["oltp://c:4318"]}, f'to[0]: {PLACE}"oltp://c:4318", did you mean "otlp://c:4318"?'),
        ({"to": ["http://c:4318/v1/traces"]}, f'to[0]: {PLACE}"http://c:4318/v1/traces", did you mean "otlp://c:4318"?'),
        ({"to": ["https://u:p@c/x"]}, f'to[0]: {PLACE}"https://***@c/x", did you mean "otlps://***@c/x"?'),
        ({"to": ["zipkn://z"]}, f'to[0]: {PLACE}"zipkn://z", did you mean "zipkin://z"?'),
        ({"to": ["grpc://c:4317"]}, f'to[0]: {PLACE}"grpc://c:4317"'),
        ({"to": ["otlp://"]}, "to[0]: a destination for spans has no such host: expected otlp://host:4318 or the like"),
        ({"to": ["otlp://c:99999"]},
         "to[0]: a destination for spans has no such host: expected otlp://host:4318 or the like"),
        ({"to": ["otlp://c?timeout=x"]},
         "to[0]: otlp://c: timeout is a number of seconds between 0.001 and 600"),
        ({"to": [b"memory"]}, f"to[0]: {PLACE}<bytes>"),
        ({"to": [None]}, f"to[0]: {PLACE}None"),
        ({"to": [Untold()]}, f"to[0]: {PLACE}<tests.settings.test_trace:Untold>"),
        ({"to": [Half()]}, f"to[0]: {PLACE}<tests.settings.test_trace:Half>"),
        ({"to": [ConsoleSpanExporter]},
         "to[0]: expected an exporter, got the class ConsoleSpanExporter, write ConsoleSpanExporter(...)"),
        ({"to": [asynchronous]},
         "to[0]: expected a plain function, got a coroutine function, make it a plain function"),
        ({"to": [Awaitable()]},
         "to[0]: expected a plain function, got a coroutine function, make it a plain function"),
        ({"to": [print, print]}, "to[1]: <print> is in the list twice, remove one"),
        ({"accept": "b3"}, ('accept: expected a list of "tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray",'
         ' "ottrace", "cloudtrace", got "b3", write ["b3"]')),
        ({"accept": ["w3c"]}, ('accept[0]: expected "tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray",'
         ' "ottrace" or "cloudtrace", got "w3c"')),
        ({"send": ["B3"]}, ('send[0]: expected "tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray", "ottrace"'
         ' or "cloudtrace", got "B3", did you mean "b3"?')),
        ({"send": ["b3", "b3"]}, 'send[1]: "b3" is in the list twice, remove one'),
        ({"trust": "proxy"}, ('trust: expected "always", "proxies", "never", a callable or "module:callable", got'
         ' "proxy", did you mean "proxies"?')),
        ({"trust": True}, 'trust: expected "always", "proxies", "never", a callable or "module:callable", got True'),
        ({"trust": "zzz.nowhere:trust"}, "trust: there is no module zzz"),
        ({"trust": "operator:__name__"}, 'trust: operator:__name__ is "operator", which is no function'),
        ({"trust": "builtins:bool"}, "trust: builtins:bool is <bool>, which is no function"),
        ({"trust": asynchronous},
         "trust: expected a plain function, got a coroutine function, make it a plain function"),
        ({"trust": Awaitable()},
         "trust: expected a plain function, got a coroutine function, make it a plain function"),
        ({"exclude": ["["]},
         'exclude[0]: "[" is no regular expression: unterminated character set at position 0'),
        ({"exclude": ["[[a]"]}, 'exclude[0]: "[[a]" is no regular expression: Possible nested set at position 1'),
        ({"exclude": [""]}, 'exclude[0]: expected a regular expression, got ""'),
        ({"exclude": "/health"}, 'exclude: expected a list of regular expressions, got "/health", write ["/health"]'),
        ({"exclude": ["a{2}{3}"]}, 'exclude[0]: "a{2}{3}" is no regular expression: multiple repeat at position 4'),
        ({"sanitize_headers": [5]}, "sanitize_headers[0]: expected a regular expression, got 5"),
        ({"propagate_to": ["https://api.example/x"]}, ('propagate_to[0]: expected a host, ".example.org" for all below'
         ' it, or "*", got "https://api.example/x", did you mean "api.example"?')),
        ({"propagate_to": ["*.example.org"]}, ('propagate_to[0]: expected a host, ".example.org" for all below it, or'
         ' "*", got "*.example.org", did you mean ".example.org"?')),
        ({"propagate_to": ["a b"]},
         'propagate_to[0]: expected a host, ".example.org" for all below it, or "*", got "a b"'),
        ({"request_headers": ["a b"]},
         'request_headers[0]: expected the name of a header (RFC 9110 section 5.1), got "a b"'),
        ({"request_headers": ["X-A", "x-a"]}, 'request_headers[1]: "x-a" is in the list twice, remove one'),
        ({"messages": "yes"}, 'messages: expected True or False, got "yes"'),
        ({"global": 0}, "global: expected True or False, got 0"),
        ({"request_id": "a:b"},
         'request_id: expected the name of a header (RFC 9110 section 5.1) or False, got "a:b"'),
    ],
)  # fmt: skip
def test_refused(trace: dict[str, Any], message: str) -> None:
    """By path and reason, with the nearest right name or a remedy where there is one."""
    with pytest.raises(SettingsError) as caught:
        loaded(trace)
    (problem,) = caught.value.problems
    assert str(problem) == f"trace.{message}"
    assert problem.help.startswith("midwatch check --explain trace")


def test_an_expression_that_is_too_deep() -> None:
    with pytest.raises(SettingsError, match="is no regular expression"):
        loaded({"exclude": ["(" * 50_000]})


def test_proxies_that_nobody_named() -> None:
    """They would trust nobody, without a word."""
    with pytest.raises(SettingsError) as caught:
        load({"trace": {"trust": "proxies"}})
    (problem,) = caught.value.problems
    assert str(problem) == 'trace.trust: no proxies are known, name them in "trusted_proxies", or write "never"'
    assert problem.piece == ('"trace": {"trust": "proxies"}', 19, 9)
    assert load({"trace": {"trust": "never"}}).trace is not None


SECRETS = [
    "otlp://user:hunter2@collector:4318",
    "otlps://collector/x?header.authorization=Bearer%20hunter2&timeout=5",
    "zipkin://:hunter2@zipkin?header.x-key=hunter2",
]


def test_nothing_secret_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in the text of settings, nor in what is in force, nor in a message about something else."""
    given = {"trace": {"to": SECRETS}}
    settings = load(given)
    assert settings.trace is not None
    assert settings.trace.to == tuple(SECRETS)
    told = f"{settings!r} {settings} {settings.trace!r} {in_force(settings, given)}"
    for wrong in (
        [*SECRETS, 5],
        *([f"{url}#hunter2"] for url in SECRETS),
        *([url.replace("otlp", "otpl").replace("zipkin", "zipkn")] for url in SECRETS),
        ["https://user:hunter2@collector?x=hunter2"],
        ["otlp://collector?header.a%0ab=hunter2"],
        ["otlp://collector?header.a=hunter2%0a"],
        ["otlp://collector?secret=hunter2"],
    ):
        with pytest.raises(SettingsError) as caught:
            load({"trace": {"to": wrong}})
        told += str(caught.value)
    assert "hunter2" not in told
    assert "otlps://collector/x?header.authorization=***&timeout=***" in told


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    """`midwatch check` shows what is in force, masked, and which of it is given."""
    file = tmp_path / "settings.json"
    file.write_text('{"trace": {"to": ["otlp://u:hunter2@c:4318?header.a=hunter2"], "sample": {"ratio": 0.1}}}')
    assert main(["check", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "hunter2" not in shown
    assert "otlp://***@c:4318?header.a=***" in shown
    assert "trace.sample.ratio" in shown
    file.write_text('{"trace": {"sample": {"ratio": 10}}}')
    assert main(["check", str(file)]) == 2
    assert "did you mean 0.1?" in capsys.readouterr().err
    assert main(["check", "--explain", "trace.sample.routes"]) == 0
    assert "first that matches" in capsys.readouterr().out


# Through the door


def tracing_of(trace: dict[str, Any]) -> Tracing:
    settings = {"trace": {"global": False, **trace}, "log": {"to": ["stderr"]}, "trusted_proxies": ["10.0.0.0/8"]}
    app: Any = install(lambda environ, start_response: [], settings)
    return next(plugin for plugin in app.moments.plugins if isinstance(plugin, Tracing))


def wsgi(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("content-type", "text/plain"), ("x-answer", "42")])
    return [b"hello"]


def served(trace: dict[str, Any], *headers: tuple[str, str], path: str = "/orders") -> Any:
    spans: list[Any] = []
    plugins: list[Plugin] = [recorder := Recorder()]
    settings = {
        "trace": {"to": [spans.append], "global": False, **trace},
        "log": {"to": ["stderr"]},
        "plugins": plugins,
    }
    app = install(wsgi, settings)
    answer = call_wsgi(app, path=path, headers=[("host", "h"), *headers])
    return (spans[0] if spans else None), recorder.exchange, answer


def test_headers_are_really_captured() -> None:
    span, _, _ = served(
        {"request_headers": ["X-A", "X-B"], "response_headers": ["X-Answer"], "sanitize_headers": ["-b"]},
        ("x-a", "1"),
        ("x-b", "2"),
    )
    assert span.attributes["http.request.header.x-a"] == ["1"]
    assert span.attributes["http.request.header.x-b"] == ["[REDACTED]"]
    assert span.attributes["http.response.header.x-answer"] == ["42"]


@pytest.mark.parametrize(
    ("pattern", "path", "left_out"),
    [
        ("/health", "/health/live", True),
        ("(?i)/HEALTH", "/health", True),
        (r"/(a)\1$", "/aa", True),
        (r"/(a)\1$", "/ab", False),
        ("^/health", "/health", False),
        ("^http://h/health$", "/health", True),
    ],
)
def test_what_is_excluded(pattern: str, path: str, left_out: bool) -> None:
    """Each expression by itself, wherever it is found in the URL; what follows trails on as not sampled."""
    span, exchange, _ = served({"exclude": ["(?P<x>never)", pattern, "(?P<x>also never)"]}, path=path)
    assert (span is None) is left_out
    assert exchange.trace_flags == 2 + (not left_out)


def test_formats_and_request_id_are_used() -> None:
    b3 = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"
    span, exchange, answer = served({"accept": ["b3"], "request_id": "X-Id"}, ("b3", b3), ("x-id", "7"))
    assert (span.trace_id, exchange.request_id) == (b3[:32], "7")
    assert answer.header("x-id") == "7"
    span, exchange, answer = served({"accept": [], "request_id": False}, ("b3", b3), ("x-id", "7"))
    assert (span.parent_id, exchange.request_id, answer.header("x-request-id")) == (None, None, None)


def test_an_exporter_of_the_sdk() -> None:
    """An object that has been made takes spans in the background."""
    import midwatch

    exporter.clear()
    served({"to": [exporter]})
    assert midwatch.flush(20)
    (span,) = exporter.get_finished_spans()
    assert span.name == "GET"


@pytest.mark.parametrize("wanted", [True, False])
def test_global(wanted: bool) -> None:
    """Whether libraries find us."""
    script = f"""
import opentelemetry.trace as otel
from midwatch import install
from midwatch.testing import call_wsgi
from midwatch.tracing import TracerProvider
def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return []
call_wsgi(install(app, {{"trace": {{"global": {wanted}}}, "log": False}}))
assert isinstance(otel.get_tracer_provider(), TracerProvider) is {wanted}
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_nothing_is_made_that_nobody_asked_for() -> None:
    """Without sampling, requests pay for none."""
    plain = tracing_of({})
    assert (plain._sampler, plain._tail, plain._trusts, plain._captured) == (None, None, None, None)
    full = tracing_of({"sample": {"parent": False, "keep_errors": True}, "trust": "never", "request_headers": ["a"]})
    assert None not in (full._sampler, full._tail, full._trusts, full._captured)
