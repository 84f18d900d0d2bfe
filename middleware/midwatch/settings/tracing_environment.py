"""
The section `trace` by the standard variables.

What cannot be understood is warned of and ignored: a variable may be meant for another program.
"""

from __future__ import annotations

import logging
import os
import re
from typing import Any, Final
from urllib.parse import urlsplit

from .patterns import NO_EXPRESSION
from .tracing import FORMATS

__all__ = ["TRACE_VARIABLES", "trace_settings"]

logger = logging.getLogger("midwatch")

PROPAGATORS: Final = "OTEL_PROPAGATORS"
SAMPLER: Final = "OTEL_TRACES_SAMPLER"
ARGUMENT: Final = "OTEL_TRACES_SAMPLER_ARG"
EXPORTER: Final = "OTEL_TRACES_EXPORTER"
ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
ZIPKIN: Final = "OTEL_EXPORTER_ZIPKIN_ENDPOINT"
EXCLUDED: Final = "OTEL_PYTHON_EXCLUDED_URLS"
CAPTURE: Final = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS"

PORTS: Final = {"http": 80, "https": 443}

TRACE_VARIABLES: Final = {
    PROPAGATORS: "`trace.accept` and `trace.send`: `tracecontext,baggage,b3,...` or `none`.",
    SAMPLER: "`trace.sample`: `always_on`, `always_off`, `traceidratio` and the same with `parentbased_` in front.",
    ARGUMENT: "The ratio of such a sampler, from 0 to 1.",
    EXPORTER: "`trace.to`: `otlp`, `zipkin`, `console` or `none`.",
    ENDPOINT: "`trace.to`, where the above does not say otherwise: the collector, such as `http://collector:4318`.",
    TRACES_ENDPOINT: "The same with the whole path, which is used as it is.",
    "OTEL_EXPORTER_OTLP_HEADERS": "Headers of every `otlp://` destination, `name=value` pairs separated by commas; also"
    " with `TRACES_` before the last word, as the next two.",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "Time that sending to one may take: milliseconds, or seconds where it is below 100;"
    " by default 10 s.",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "`gzip` or `none`, the default.",
    ZIPKIN: "Where `zipkin` in `OTEL_TRACES_EXPORTER` is, by default `http://localhost:9411/api/v2/spans`.",
    "OTEL_EXPORTER_ZIPKIN_TIMEOUT": "The same for sending there.",
    "OTEL_BSP_SCHEDULE_DELAY": "Milliseconds in which spans gather to a batch; also `OTEL_BSP_MAX_QUEUE_SIZE`,"
    " `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` and `OTEL_BSP_EXPORT_TIMEOUT`.",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "Attributes of one span, by default 128; also `OTEL_ATTRIBUTE_COUNT_LIMIT`,"
    " `OTEL_SPAN_EVENT_COUNT_LIMIT`, `OTEL_SPAN_LINK_COUNT_LIMIT` and, in characters,"
    " `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT` and `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`.",
    EXCLUDED: "`trace.exclude`, separated by commas; also with `FASTAPI_`, `STARLETTE_`, `FLASK_` or `DJANGO_` after"
    " `PYTHON_`.",
    f"{CAPTURE}_SERVER_REQUEST": "`trace.request_headers`; also `..._SERVER_RESPONSE`, and `..._SANITIZE_FIELDS` for"
    " `trace.sanitize_headers`.",
    "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS": "Methods that may name a span or a series, instead of the usual ones.",
    "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "`logs`: exceptions are log records only and no longer events of spans.",
}


def trace_settings() -> dict[str, tuple[Any, str]]:
    """Path of a setting: its value, and the variable that gives it."""
    found: dict[str, tuple[Any, str]] = {}
    if formats := _words(PROPAGATORS):
        known = tuple(name for name in formats if _known(PROPAGATORS, name, (*FORMATS, "none")) and name != "none")
        if known or "none" in formats:
            found["trace.accept"] = found["trace.send"] = known, PROPAGATORS
    found.update(_sampler())
    if (destinations := _destinations()) is not None:
        found["trace.to"] = destinations
    for framework in ("", "FASTAPI_", "STARLETTE_", "FLASK_", "DJANGO_"):
        variable = EXCLUDED.replace("PYTHON_", f"PYTHON_{framework}")
        if patterns := tuple(pattern for pattern in _words(variable) if _compiles(variable, pattern)):
            found["trace.exclude"] = (*found.get("trace.exclude", ((),))[0], *patterns), variable
    for setting, suffix in (("request_headers", "SERVER_REQUEST"), ("response_headers", "SERVER_RESPONSE")):
        variable = f"{CAPTURE}_{suffix}"
        if names := tuple(name.lower() for name in _words(variable) if _is_name(variable, name)):
            found[f"trace.{setting}"] = names, variable
    sanitize = f"{CAPTURE}_SANITIZE_FIELDS"
    if patterns := tuple(pattern for pattern in _words(sanitize) if _compiles(sanitize, pattern)):
        found["trace.sanitize_headers"] = patterns, sanitize
    return found


def _words(variable: str) -> list[str]:
    return [word.strip() for word in os.environ.get(variable, "").split(",") if word.strip()]


def _known(variable: str, word: str, words: tuple[str, ...]) -> bool:
    if word not in words:
        logger.warning("%s: %.40s is ignored; known are %s", variable, word, ", ".join(words))
    return word in words


def _compiles(variable: str, pattern: str) -> bool:
    try:
        re.compile(pattern)
    except NO_EXPRESSION as error:
        logger.warning("%s: %.80s is ignored: %s", variable, pattern, error)
        return False
    return True


def _is_name(variable: str, name: str) -> bool:
    if not re.fullmatch(r"[A-Za-z0-9_\-]+", name):
        logger.warning("%s: %.80s is ignored; it is no name of a header", variable, name)
        return False
    return True


def _sampler() -> dict[str, tuple[Any, str]]:
    name = os.environ.get(SAMPLER, "").strip().lower()
    if not name:
        return {}
    kind = name.removeprefix("parentbased_")
    known = ("always_on", "always_off", "traceidratio")
    if kind not in known:
        _known(SAMPLER, name, (*known, *(f"parentbased_{each}" for each in known)))
        return {}
    found: dict[str, tuple[Any, str]] = {"trace.sample.parent": (name != kind, SAMPLER)}
    if kind == "always_off":
        found["trace.sample.ratio"] = 0.0, SAMPLER
    elif kind == "traceidratio":
        found["trace.sample.ratio"] = _ratio(), ARGUMENT
    return found


def _ratio() -> float:
    text = os.environ.get(ARGUMENT, "").strip()
    try:
        ratio = float(text or 1)
    except ValueError:
        ratio = -1.0
    if 0 <= ratio <= 1:
        return ratio
    logger.warning("%s: %.40s is no number from 0 to 1; all traces are kept", ARGUMENT, text)
    return 1.0


def _destinations() -> tuple[tuple[str, ...], str] | None:
    """Where spans go: as the exporter says, else to the endpoint that is named."""
    exporters, variable = _words(EXPORTER), EXPORTER
    if not exporters:
        variable = TRACES_ENDPOINT if os.environ.get(TRACES_ENDPOINT) else ENDPOINT
        exporters = ["otlp"] if os.environ.get(variable) else []
    found: list[str] = []
    for exporter in dict.fromkeys(exporters):
        if _known(EXPORTER, exporter, ("otlp", "zipkin", "console", "none")) and exporter != "none":
            url = exporter if exporter == "console" else _otlp() if exporter == "otlp" else _zipkin()
            found += [url] if url is not None else []
    return (tuple(found), variable) if exporters else None


def _otlp() -> str | None:
    for variable in PROTOCOLS:
        protocol = os.environ.get(variable, "").strip()
        if protocol not in {"", "http/json", "http/protobuf"}:
            logger.warning("%s: %.40s is not spoken, but OTLP/HTTP, usually at port 4318", variable, protocol)
    whole = os.environ.get(TRACES_ENDPOINT, "").strip()
    if whole:
        return _renamed(TRACES_ENDPOINT, whole, "otlp", "?exact=1")
    return _renamed(ENDPOINT, os.environ.get(ENDPOINT, "").strip() or "http://localhost:4318", "otlp")


def _zipkin() -> str | None:
    return _renamed(ZIPKIN, os.environ.get(ZIPKIN, "").strip() or "http://localhost:9411/api/v2/spans", "zipkin")


def _renamed(variable: str, url: str, scheme: str, query: str = "") -> str | None:
    """*url* of HTTP as a destination of ours."""
    try:
        parts = urlsplit(url)
        port = PORTS[parts.scheme] if parts.port is None else parts.port
    except (ValueError, KeyError):
        port = 0
    if not port:
        logger.warning("%s is ignored: it is no http:// or https:// URL", variable)
        return None
    if parts.query or parts.fragment:
        logger.warning("%s: what follows its path is ignored", variable)
    # Where a URL of HTTP names no port, it is not that of the protocol which is spoken there.
    netloc = parts.netloc if parts.port is not None else f"{parts.netloc.removesuffix(':')}:{port}"
    renamed = f"{scheme}{'s' if parts.scheme == 'https' else ''}://{netloc}{parts.path}{query}"
    from ..tracing.export import check_destination  # noqa: PLC0415 - only where something is sent

    try:
        check_destination(renamed)
    except ValueError as error:
        logger.warning("%s is ignored: %s", variable, error)
        return None
    return renamed
