"""The section `health`: the checks, the end of the process, and who is told of both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..health import Check, HealthCheck, Status
from ..health.drain import Drain
from .unusable import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from ..audit.kept import Kept
    from ..plugin import Plugin
    from ..service import Service
    from ..settings.health import CheckSettings, HealthSettings
    from .figures import Measured

__all__ = ["drain_of", "health_of", "registrations_of"]


def drain_of(health: HealthSettings, shared: Path | None) -> Drain | None:
    """The end of the process, where the settings want one; *shared* is a directory of all workers."""
    if health.drain is None and health.drain_file is None:
        return None
    file = None if health.drain_file is None else Path(health.drain_file)
    with named("health.drain"):
        return Drain(delay=health.drain or 0.0, path=f"{health.path}/drain", file=file, shared=shared)


def registrations_of(
    health: HealthSettings,
    service: Service,
    checks: HealthCheck,
    *,
    drain: Drain | None,
    measured: Measured | None,
    shared: Path | None,
) -> Iterator[Plugin]:
    """What keeps service registries informed, where the settings name some."""
    if not health.register:
        return
    from ..health.registries import Registrations, registry  # noqa: PLC0415 - most services register nowhere

    score = None if measured is None else measured.saturation.overall
    ready = f"{health.path}/ready"

    def status() -> str:
        return dict(checks.engine.statuses()).get("ready", Status.PASS)

    with named("health.register"):
        found = [
            registry(
                url, service=service, address=health.address, health=ready, shared=shared, score=score, status=status
            )
            for url in health.register
        ]
    yield Registrations(found, drain)


def health_of(
    health: HealthSettings, service: Service, *, drain: Drain | None, measured: Measured | None, kept: Kept | None
) -> HealthCheck:
    """
    The plugin.

    Args:
        health: The section.
        service: Named in the details.
        drain: What `ready` fails with.
        measured: Whose figures are shown with all details.
        kept: The store of the audit trail, which is checked too.
    """
    checks = {name: _check(check) for name, check in health.checks.items()}
    if kept is not None:
        checks.setdefault("audit", Check(kept.standing.check))
    blocks: dict[str, Callable[[], tuple[Any, Mapping[str, Any]]]] = {}
    if measured is not None:
        blocks["saturation"] = measured.saturation.block
        if measured.objectives is not None:
            blocks["objectives"] = measured.objectives.block
    with named("health.checks"):
        return HealthCheck(
            path=health.path,
            checks=checks,
            allow=health.allow,
            service=service,
            timeout=health.timeout,
            interval=health.interval,
            profile=health.profile,
            drain=drain,
            blocks=blocks,
        )


def _check(check: CheckSettings) -> Check:
    return Check(
        check.call,
        check.groups,
        check.timeout,
        check.interval,
        check.max_age,
        check.fail_after,
        check.recover_after,
        check.scope,
        check.gate,
        check.affects,
        check.tags,
    )
