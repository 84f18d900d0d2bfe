"""Addresses of collectors, their parameters, and the variables that stand in for them."""

from __future__ import annotations

import contextlib
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.tracing.export import check_destination, options
from midwatch.tracing.export.address import Address
from midwatch.tracing.export.options import Options

OWN = Options()


@pytest.fixture(autouse=True)
def _nothing_told() -> None:
    options._told.clear()


@pytest.mark.parametrize(
    ("told", "url", "name"),
    [
        ("otlp://host", "http://host:4318/v1/traces", None),
        ("otlp://host/", "http://host:4318/v1/traces", None),
        ("otlp://host:80/base", "http://host:80/base/v1/traces", None),
        ("otlp://host/base/", "http://host:4318/base/v1/traces", None),
        ("otlp://host/v1/traces", "http://host:4318/v1/traces", None),
        ("otlp://host/base/v1/traces/", "http://host:4318/base/v1/traces", None),
        ("otlp://host/base/?exact=1", "http://host:4318/base/", "otlp://host/base/"),
        ("otlp://host?exact=1", "http://host:4318/", "otlp://host"),
        ("otlp://host?exact=0", "http://host:4318/v1/traces", "otlp://host"),
        ("otlps://host", "https://host:4318/v1/traces", None),
        ("otlps://host:443", "https://host:443/v1/traces", None),
        ("OTLP://Host", "http://Host:4318/v1/traces", "otlp://Host"),
        ("otlp://[::1]", "http://[::1]:4318/v1/traces", None),
        ("otlp://[::1]:9", "http://[::1]:9/v1/traces", None),
        ("otlp://host:", "http://host:4318/v1/traces", None),
        ("otlp://us%40er:p%2Fw@host", "http://us%40er:p%2Fw@host:4318/v1/traces", "otlp://host"),
        ("otlp://us@er:pw@host:1", "http://us@er:pw@host:1/v1/traces", "otlp://host:1"),
        ("zipkin://host", "http://host:9411/api/v2/spans", None),
        ("zipkin://host/", "http://host:9411/api/v2/spans", None),
        ("zipkins://host:443/own/path", "https://host:443/own/path", None),
    ],
)
def test_where_spans_go(told: str, url: str, name: str | None) -> None:
    """The default port and path are those of the protocol; the name shows no secrets."""
    address = Address.of(told)
    assert (address.url, address.name) == (url, name or told)
    assert address.options == OWN


def test_parameters() -> None:
    """Of a header, the value may hold anything that is percent-encoded, and a plus is a plus."""
    address = Address.of(
        "otlp://host/base?timeout=2.5&delay=0&queue=100&batch=50&compression=gzip"
        "&header.X-Key=a%20b%26c+d=&header.authorization=Bearer%20x&header.empty="
    )
    headers = (("x-key", "a b&c+d="), ("authorization", "Bearer x"), ("empty", ""))
    assert address.options == Options(2.5, 0.0, 100, 50, OWN.give_up, True, headers)
    assert type(address.options.queue) is int
    assert address.name == "otlp://host/base"


def test_a_batch_is_no_larger_than_the_queue() -> None:
    assert Address.of("otlp://host?queue=100").options.batch == 100


ZIPKIN = "batch, compression, delay, header.NAME, queue, timeout"
OTLP = "batch, compression, delay, exact, header.NAME, queue, timeout"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("tiemout=3", f"'tiemout' is no parameter; known are {OTLP}"),
        ("&", f"'' is no parameter; known are {OTLP}"),
        ("header=x", f"'header' is no parameter; known are {OTLP}"),
        ("x" * 500 + "=1", f"'{'x' * 40}' is no parameter; known are {OTLP}"),
        ("timeout=soon", "timeout is a number of seconds between 0.001 and 600"),
        ("timeout=0", "timeout is a number of seconds between 0.001 and 600"),
        ("timeout=nan", "timeout is a number of seconds between 0.001 and 600"),
        ("timeout=inf", "timeout is a number of seconds between 0.001 and 600"),
        ("timeout=", "timeout is a number of seconds between 0.001 and 600"),
        ("delay=-1", "delay is a number of seconds between 0 and 60"),
        ("queue=0", "queue is a whole number between 1 and 1000000"),
        ("queue=1.5", "queue is a whole number between 1 and 1000000"),
        ("queue=" + "9" * 5000, "queue is a whole number between 1 and 1000000"),
        ("batch=10001", "batch is a whole number between 1 and 10000"),
        ("compression=zstd", "compression is gzip or none"),
        ("exact=yes", "exact is 1 or 0"),
        ("header.Content-Length=5", "header.content-length: says what the body is, and is not yours to set"),
        ("header.=x", "header '': its name or its value cannot be one of HTTP's"),
        ("header.a%0Ab=x", "header 'a\\nb': its name or its value cannot be one of HTTP's"),
        ("header.x=a%0D%0Ab:secret", "header 'x': its name or its value cannot be one of HTTP's"),
        ("header.x=%E2%82%ACsecret", "header 'x': its name or its value cannot be one of HTTP's"),
    ],
)
def test_a_parameter_that_is_wrong(query: str, said: str) -> None:
    """Is named, with what is right, and without what may be secret."""
    with pytest.raises(ValueError) as raised:
        check_destination(f"otlp://user:secret@host:1/base?{query}")
    assert str(raised.value) == f"otlp://host:1/base: {said}"


def test_what_only_otlp_knows() -> None:
    with pytest.raises(ValueError, match=f"zipkin://host: 'exact' is no parameter; known are {ZIPKIN}"):
        check_destination("zipkin://host?exact=1")


@pytest.mark.parametrize(
    "url",
    ["otlp://", "otlp:///path", "otlp://:4318", "otlp://host:x", "otlp://user:secret/word@host", "otlp://[::1",
     "otlp://ho st", "otlp://host/\n", "zipkin://", "otlp://host:99999", "otlps://a\u2100secret"],
)  # fmt: skip
def test_no_host(url: str) -> None:
    with pytest.raises(ValueError, match="has no such host") as raised:
        check_destination(url)
    assert "secret" not in str(raised.value)


def test_a_fragment() -> None:
    """Half of a password, most likely."""
    with pytest.raises(ValueError, match='otlp://host/: an address has no fragment; write "#" as %23'):
        check_destination("otlp://host/#secret")


@pytest.mark.parametrize("url", ["memory", "console", "file:///tmp/none/spans.jsonl", "otlp://host", "zipkins://host"])
def test_what_is_right_opens_nothing(url: str) -> None:
    check_destination(url)


@pytest.mark.parametrize(
    "url", ["", "stdout", "http://user:secret@host", "otlp", "jaeger://host?key=secret", "file:spans", "file://host/x"]
)
def test_what_is_no_destination(url: str) -> None:
    """Says what is one."""
    with pytest.raises(ValueError, match="not a destination for spans; known are otlp://host:4318, ") as raised:
        check_destination(url)
    assert "secret" not in str(raised.value)


@given(st.text() | st.text().map("otlp://{}".format) | st.text().map("zipkin://host?{}".format))
def test_any_text(url: str) -> None:
    """Is a destination, or an error that says so; nothing else is raised."""
    with contextlib.suppress(ValueError):
        check_destination(url)


# The standard variables


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3", OWN._replace(timeout=3)),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000", OWN._replace(timeout=3)),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2.5", OWN._replace(timeout=2.5)),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "GZIP", OWN._replace(compressed=True)),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none", OWN),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            " X-Key = a%20b , c=d=e,",
            OWN._replace(headers=(("x-key", "a b"), ("c", "d=e"))),
        ),
        ("OTEL_BSP_SCHEDULE_DELAY", "5000", OWN._replace(delay=5)),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "2048", OWN._replace(queue=2048)),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100", OWN._replace(batch=100)),
        ("OTEL_BSP_EXPORT_TIMEOUT", "30000", OWN._replace(give_up=30)),
        ("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "3", OWN),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "  ", OWN),
    ],
)
def test_variables(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: Options) -> None:
    """A timeout in seconds or in milliseconds, as both are in use."""
    monkeypatch.setenv(variable, value)
    assert Address.of("otlp://host").options == expected


def test_zipkin_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "3000")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=b")
    assert Address.of("zipkin://host").options == OWN._replace(timeout=3)


def test_who_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address over variables, the specific over the general; headers are told apart by name."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "z=general")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "A=traces,b=traces")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    found = Address.of("otlp://host?timeout=3&compression=none&header.B=address").options
    assert found == OWN._replace(timeout=3, headers=(("a", "traces"), ("b", "address")))
    assert Address.of("otlp://host").options.timeout == 2


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "nan"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "1e400"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret"), ("OTEL_EXPORTER_OTLP_HEADERS", "=secret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=%0Asecret"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=\u20acsecret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=secret"), ("OTEL_EXPORTER_OTLP_HEADERS", "content-length=secret"),
        ("OTEL_BSP_SCHEDULE_DELAY", "x"), ("OTEL_BSP_SCHEDULE_DELAY", "61000"), ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1.5"), ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
    ],
)  # fmt: skip
def test_a_variable_that_is_wrong(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> None:
    """Is told once, and does not count."""
    monkeypatch.setenv(variable, value)
    for _ in range(3):
        check_destination("otlp://host")
        assert Address.of("otlp://host").options == OWN
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"{variable}: ")
    assert "secret" not in record.getMessage()
