"""Routes that operators' machines ask for: no requests of users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..health.paths import KUBERNETES

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = ["besides"]


def besides(settings: Settings) -> list[str]:
    """The page of metrics and the paths of health, which an objective that is about all routes leaves out."""
    found = []
    if settings.metrics is not None and settings.metrics.path is not None:
        found.append(settings.metrics.path)
    if settings.health is not None:
        bases = [settings.health.path]
        if settings.health.profile == "k8s":
            bases += KUBERNETES.values()
        found += [path for base in bases for path in (base, f"{base}/*")]  # Below it is each check, answered with 503.
    return found
