"""The section `log`. What is said of a setting is said here, once."""

from collections.abc import Mapping
from typing import Annotated, Any

from . import kinds, patterns
from .addresses import line_destination
from .kinds import list_of, one_of
from .section import Section, Setting, section

__all__ = ["KeepSettings", "LogSettings"]


class KeepSettings(Section, frozen=True, kw_only=True):
    """Which requests have a line. What failed, was cut short or cancelled always has one."""

    ratio: Annotated[
        float,
        Setting(
            kinds.share,
            "Share of the others that have a line: the same requests in every service, since their trace ids decide."
            " Such a line says `request.sample.ratio`, so that counts can be made whole.",
            0.1,
        ),
    ] = 1.0
    slower_than: Annotated[
        float | None, Setting(kinds.seconds, "Seconds from which a request is slow, and always has a line.", 1.0)
    ] = None


class LogSettings(Section, frozen=True, kw_only=True):
    """One JSON line for each request, and the trace id on every other line of the application."""

    to: Annotated[
        tuple[str, ...],
        Setting(
            list_of(line_destination, 'destinations, as in "stdout" or "syslog+tls://host"'),
            "Where lines go: `stdout`, `stderr`; `file:///path` (mode 0600, appended to, opened again after"
            " logrotate); `syslog+udp://`, `syslog+tcp://`, `syslog+tls://host` and `syslog+unix:/dev/log` (RFC 5424);"
            " `fluentd://host` and `fluentd+tls://` (forward protocol, acknowledged). Their parameters:"
            " `docs/logs.md`.",
            ["stdout", "syslog+tls://logs:6514"],
        ),
    ] = ("stdout",)
    fields: Annotated[
        str,
        Setting(
            one_of("otel", "ecs", "gcp", "datadog"),
            "How fields are called, and in which units: `otel` is OpenTelemetry's semantic conventions, `ecs` Elastic's"
            " Common Schema, `gcp` Google Cloud Logging's, `datadog` Datadog's standard attributes.",
            "otel",
        ),
    ] = "otel"
    project: Annotated[
        str | None,
        Setting(
            kinds.text,
            "Project of Google Cloud, for links from lines to traces with `gcp`; by default `GOOGLE_CLOUD_PROJECT`.",
            "acme-production",
        ),
    ] = None
    root: Annotated[
        bool | None,
        Setting(
            kinds.flag,
            "Whether the root logger gets our handler, so that the application's lines are JSON too. Unless it is"
            " set: only if the root logger has no handler of its own.",
            True,
        ),
    ] = None
    level: Annotated[
        str, Setting(kinds.level, "Least level of a line, set on the root logger where it gets our handler.", "WARNING")
    ] = "INFO"
    propagate: Annotated[
        bool,
        Setting(
            kinds.flag,
            "Whether request lines also reach the handlers of the root logger, and with them the application's own"
            " filters and tests.",
            False,
        ),
    ] = True
    access_logs: Annotated[
        bool | None,
        Setting(
            kinds.flag,
            "Whether uvicorn, gunicorn, hypercorn, granian, `flask run` and `runserver` go on with access logs of their"
            " own. Unless it is set: only if the root logger has a handler of its own.",
            False,
        ),
    ] = None
    keep: Annotated[KeepSettings, Setting(section(KeepSettings, off=False))] = KeepSettings()
    routes: Annotated[
        Mapping[str, Any],
        Setting(
            patterns.route_levels,
            "Levels of requests that went well, by method and path template; the first that matches. False for no line,"
            ' `"changes"` for one only when the route fails, and when it has recovered. What fails keeps its level.',
            {"GET /static/*": False, "POST /orders": "WARNING", "/ping": "changes"},
        ),
    ] = {}
    probes: Annotated[
        str,
        Setting(
            one_of("changes", "all", "none"),
            "Lines of requests that Midwatch answers itself, health and metrics: when one fails and when it has"
            " recovered, all of them, or only of those that fail.",
            "changes",
        ),
    ] = "changes"
    query: Annotated[
        tuple[str, ...],
        Setting(
            list_of(kinds.text, "names of parameters"),
            "Parameters of the query whose values are shown. With any, lines have `url.query`, other values hidden.",
            ["page", "sort"],
        ),
    ] = ()
    request_headers: Annotated[
        tuple[str, ...],
        Setting(
            patterns.headers,
            "Headers of requests to put into lines, as `http.request.header.<name>`. Secrets are hidden all the same.",
            ["accept-language"],
        ),
    ] = ()
    response_headers: Annotated[
        tuple[str, ...],
        Setting(patterns.headers, "The same for responses, as `http.response.header.<name>`.", ["cache-control"]),
    ] = ()
    body_bytes: Annotated[
        int,
        Setting(
            kinds.whole,
            "Bytes of a request's body to put into its line, as `http.request.body.content`: seen while the application"
            " reads, only JSON, forms and text, fields with secret names hidden. 0 for none.",
            2048,
        ),
    ] = 0
    spill: Annotated[
        str | None,
        Setting(
            kinds.folder,
            "A directory for lines that a network destination does not take: written there, and sent later, in order,"
            " also by the next process. Without it, what does not fit into memory is dropped and counted.",
            "/var/spool/orders",
        ),
    ] = None
    spill_bytes: Annotated[
        int,
        Setting(kinds.count, "Bytes that may wait there for each destination; the newest are dropped.", 256 << 20),
    ] = 64 << 20
