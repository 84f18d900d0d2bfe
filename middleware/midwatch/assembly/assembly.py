"""From settings to the plugins that they ask for, in the order in which these are asked."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final

from ..audit import AuditTrail
from ..audit.keys import load_secret, load_signer
from ..audit.rules import Rule
from ..destinations import SpillTo
from ..errors import ErrorReport
from ..errors.destinations import Telling, destinations_of
from ..errors.grouping import Grouping
from ..logs import Keep, RequestLog, Shown, configure_logging
from ..logs.body import BodyCapture
from ..objectives.besides import besides
from ..proxies import Proxies
from ..tracing import Captured, Sampler, Tail, Tracing, trust_of
from .figures import Measured, directory_of
from .state import drain_of, health_of, registrations_of
from .unusable import named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..audit.kept import Kept
    from ..health.drain import Drain
    from ..plugin import Plugin
    from ..settings import Settings
    from ..settings.audit import AuditSettings
    from ..settings.errors import ErrorSettings
    from ..settings.logs import LogSettings
    from ..settings.metrics import MetricSettings
    from ..settings.tracing import TraceSettings

__all__ = ["Assembly"]


@final
class Assembly:
    """
    Everything that some settings ask for.

    Args:
        settings: Checked and typed.

    Attributes:
        proxies: Who may speak for the client.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._service = settings.service.known()
        self._redactor = settings.redact.redactor()
        trusted = settings.trusted_proxies
        self.proxies = Proxies(trusted, settings.forwarded_header) if trusted else None
        self._kept: Kept | None = None

    def plugins(self) -> Iterator[Plugin]:
        """
        The six that are on; then the user's own.

        Raises:
            ValueError: what only trying tells, such as a file that cannot be opened.
        """
        settings = self._settings
        if settings.trace is not None:
            yield self._tracing(settings.trace)
        if settings.log is not None:
            yield from self._request_log(settings.log)
        if settings.errors is not None:
            yield self._error_report(settings.errors)
        metrics, health = settings.metrics, settings.health
        shared = None if metrics is None else directory_of(metrics, self._service)
        drain = None if health is None else drain_of(health, shared)
        measured = None if metrics is None else self._measured(metrics, shared, drain)
        if measured is not None:
            yield from measured.plugins()
        if settings.audit is not None:
            yield self._audit_trail(settings.audit)
        if drain is not None:
            yield drain
        if health is not None:
            checks = health_of(health, self._service, drain=drain, measured=measured, kept=self._kept)
            yield from registrations_of(health, self._service, checks, drain=drain, measured=measured, shared=shared)
            yield checks
        if measured is not None:
            yield from measured.shedding()
        yield from settings.plugins

    def configure_logging(self) -> None:
        """
        Have lines go where the settings want them.

        Raises:
            ValueError: as above.
        """
        log = self._settings.log
        if log is not None:
            configure_logging(
                to=log.to,
                service=self._service,
                fields=log.fields,
                project=log.project,
                root=log.root,
                level=log.level,
                propagate=log.propagate,
                access_logs=log.access_logs,
                spill=None if log.spill is None else SpillTo(log.spill, log.spill_bytes),
                redactor=self._redactor,
            )

    def _tracing(self, trace: TraceSettings) -> Tracing:
        sample = trace.sample
        asked = sample.ratio is not None or sample.routes or sample.per_second is not None or not sample.parent
        sampler = Sampler(ratio=sample.ratio, routes=sample.routes, per_second=sample.per_second, parent=sample.parent)
        kept = sample.keep_errors or sample.keep_slower_than is not None
        return Tracing(
            to=trace.to,
            service=self._service,
            request_id=trace.request_id,
            accept=trace.accept,
            send=trace.send,
            trust=trust_of(trace.trust, self.proxies),
            sampler=sampler if asked else None,
            tail=Tail(errors=sample.keep_errors, slower_than=sample.keep_slower_than) if kept else None,
            exclude=trace.exclude,
            captured=Captured(trace.request_headers, trace.response_headers, trace.sanitize_headers, self._redactor),
            messages=trace.messages,
            propagate_to=trace.propagate_to,
            operations=trace.operations,
            be_global=trace.global_,
            redactor=self._redactor,
        )

    def _request_log(self, log: LogSettings) -> Iterator[Plugin]:
        levels = logging.getLevelNamesMapping()
        rules = {route: levels.get(rule, rule) for route, rule in log.routes.items()}
        keep = Keep(routes=rules, ratio=log.keep.ratio, slower_than=log.keep.slower_than, probes=log.probes)
        shown = Shown(
            query=log.query, request=log.request_headers, response=log.response_headers, redactor=self._redactor
        )
        if log.body_bytes:
            yield BodyCapture(log.body_bytes)
        yield RequestLog(service=self._service, keep=keep, shown=shown)

    def _error_report(self, errors: ErrorSettings) -> ErrorReport:
        telling = Telling(errors.quiet, errors.window, errors.cap)
        return ErrorReport(
            service=self._service,
            to=destinations_of(errors.to, self._service, telling, group=Grouping(errors.fingerprint)),
            respond=errors.respond,
            fingerprint=errors.fingerprint,
            threads=errors.threads,
            path=errors.path,
            allow=errors.allow,
            redactor=self._redactor,
        )

    def _measured(self, metrics: MetricSettings, shared: Path | None, drain: Drain | None) -> Measured:
        health = self._settings.health
        return Measured(
            metrics,
            self._service,
            directory=shared,
            agent=None if health is None else health.agent,
            draining=lambda: drain is not None and drain.draining,
            besides=besides(self._settings),
        )

    def _audit_trail(self, audit: AuditSettings) -> AuditTrail:
        rules = [Rule(rule.match, rule.status, rule.actor, rule.mode, rule.level, rule.skip) for rule in audit.rules]
        with named("audit.secret"):
            secret = None if audit.secret is None else load_secret(audit.secret)
        with named("audit.key"):
            signer = None if audit.key is None else load_signer(audit.key)
        if audit.store is None:
            return AuditTrail(to=audit.to, rules=rules, secret=secret, service=self._service)
        from ..audit.kept import Kept  # noqa: PLC0415 - most services have no store

        with named("audit.store"):
            self._kept = kept = Kept(
                audit.store,
                service=self._service,
                log=audit.log,
                signer=signer,
                anchors=audit.anchors,
                every=audit.checkpoint_every,
                events=audit.checkpoint_events,
                strict=any(rule.mode == "strict" for rule in rules),
                spill=audit.spill,
                spill_bytes=audit.spill_bytes,
                deadline=audit.deadline,
                max_items=audit.queue,
                max_bytes=audit.queue_bytes,
            )
        return AuditTrail(store=kept, rules=rules, deadline=audit.deadline, secret=secret, service=self._service)
